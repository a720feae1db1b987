// prio: tc-prio(8).

import { PRIOMAP } from '../../qdisc/pfifo-fast.ts';
import { Prio, type PrioOptions } from '../../qdisc/prio.ts';
import { defineKind } from '../kind.ts';
import type { Words } from '../words.ts';
import { readOptions } from './read.ts';

export const prio = defineKind<Prio, PrioOptions>({
  name: 'prio',
  usage: '... prio [ bands NUMBER ] [ priomap P0 P1 ... P15 ]',
  parse(words) {
    const options: PrioOptions = { bands: 3, priomap: PRIOMAP };
    readOptions(words, {
      bands: (word) => {
        options.bands = words.whole(word, 2, 16);
      },
      priomap: () => {
        options.priomap = priomap(words);
      },
    });
    if (options.priomap.some((band) => band >= options.bands))
      words.fail(`priomap: bands from 0 to ${options.bands - 1} only`);
    return options;
  },
  make: (env, options) => new Prio(env, options),
  change: (qdisc, options, drop) => qdisc.change(options, drop),
  print(out, { options }) {
    out.put(`bands ${options.bands}`, 'bands', options.bands);
    out
      .put(`priomap ${options.priomap.join(' ')}`, 'priomap', [...options.priomap])
      .put('', 'multiqueue', false);
  },
});

/** The bands of the first priorities; the others keep theirs. */
function priomap(words: Words): number[] {
  const map: number[] = [...PRIOMAP];
  for (let i = 0; i < map.length; i++) {
    if (i > 0 && !/^\d/.test(words.ahead)) break;
    map[i] = words.whole('priomap', 0, 15);
  }
  return map;
}
