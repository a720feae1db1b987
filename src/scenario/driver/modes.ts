// Register access modes and layouts: bring-up and traffic in each.

import type { Pcnet32Options } from '../../drivers/pcnet32/pcnet32.ts';
import type { Scenario } from '../scenario.ts';
import { echo, echoSome, sendOut } from '../traffic.ts';

/** The modes in an order that one card can go through: only a hardware reset leaves double word mode. */
function modes(access: 'word' | 'double-word'): Pcnet32Options[] {
  const list: Pcnet32Options[] = [];
  for (const window of ['io', 'memory'] as const) {
    for (const softwareStyle of [0, 2, 3] as const) {
      for (const napi of [true, false]) list.push({ access, window, softwareStyle, napi });
    }
  }
  return list;
}

function modeScenario(access: 'word' | 'double-word'): Scenario {
  return {
    name: `${access} access`,
    needs: 'pcnet32',
    description: `bring-up and echo in ${access} mode: both windows, software styles 0, 2 and 3, with and without NAPI`,
    run: async (bench) => {
      for (const options of modes(access)) {
        await bench.up(options);
        const { window, softwareStyle, napi } = options;
        bench.check.equal(
          'the modes are those asked for',
          `${bench.adapter.settings.window} ${bench.adapter.rxRing.style} ${bench.adapter.settings.napi}`,
          `${window} ${softwareStyle} ${napi}`,
        );
        await echoSome(bench);
        await echo(bench, 100, () => bench.frame(60 + bench.random.below(1455)));
        await sendOut(
          bench,
          20,
          () => bench.frameOut(600),
          () => [100, 200],
        );
        bench.conserved();
        bench.unbind();
      }
    },
  };
}

export const wordAccess = modeScenario('word');
export const doubleWordAccess = modeScenario('double-word');
