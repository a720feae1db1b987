// A card in the hands of a driver with bad intentions, alone and beside the real one: it never throws, never hangs, and accounts for every
// frame; afterwards the real driver gets it going again.

import { describe, expect, test } from 'vitest';
import { COMMAND_IO, COMMAND_MASTER, COMMAND_MEMORY, PCI_COMMAND } from '../../src/bus/pci-config.ts';
import { frame, type Host, MILLISECOND, makeHost, SECOND } from '../vocabulary/bench.ts';
import { expectCardSums, Rogue } from '../vocabulary/rogue.ts';

const CARDS = ['Am79C970A', 'Am79C973'] as const;
const STYLES = [0, 2, 3] as const;
const SEEDS = 20;
const ACTS = 1000;

function finish(host: Host): void {
  host.wire.setCarrier(true);
  host.run(10 * MILLISECOND);
  expectCardSums(host);
  expect(host.log.length, host.log.slice(-5).join('\n')).toBeLessThan(500);
}

describe.each(CARDS)('%s', (chip) => {
  test('accounts for every frame whatever is written to it', () => {
    let accesses = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const host = makeHost({ chip, bind: false, bitsPerSecond: seed % 2 === 0 ? 0 : 100_000_000 });
      host.wire.keep = false;
      const rogue = new Rogue(host, seed);
      rogue.takeInterrupts();
      try {
        rogue.act(ACTS);
        finish(host);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
      accesses += rogue.accesses;
    }
    expect(accesses).toBeGreaterThan(20_000);
  });

  test.each(STYLES)(
    'with its driver in style %i beside: both account for every frame, and it works again',
    (softwareStyle) => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const host = makeHost({ chip, driver: { softwareStyle, napi: seed % 2 === 0 } });
        host.wire.keep = false;
        host.keep = false;
        host.runUntil(() => host.device.carrier);
        const rogue = new Rogue(host, seed, rings(host));
        try {
          for (let i = 0; i < 20; i++) {
            rogue.act(ACTS / 20);
            for (let n = 0; n < 5; n++) host.send(frame(60 + 100 * n, n));
            host.expectConserved();
          }
          finish(host);
          worksAgain(host);
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error });
        }
      }
    },
  );
});

/** Where the real driver keeps its descriptors, as the card's registers say. */
function rings(host: Host): number[] {
  const { registers } = host.device.ops.registerDump!();
  const value = (name: string): number => registers.find((entry) => entry.name === name)!.value;
  return [value('CSR24') | (value('CSR25') << 16), value('CSR30') | (value('CSR31') << 16)];
}

/** After it was closed and opened. */
function worksAgain(host: Host): void {
  host.close();
  expect(host.device.ops.held!()).toBe(0);
  host.pci.writeConfig(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);
  host.open();
  host.run(3 * SECOND);
  expect(host.device.carrier).toBe(true);
  host.keep = true;
  host.wire.keep = true;
  host.wire.deliver(frame(300, 42));
  host.send(frame(400, 43));
  host.run();
  host.expectReceived(frame(300, 42));
  host.expectFrame(frame(400, 43));
  host.expectConserved();
  host.close();
  expect(host.census().mbufs).toBe(0);
}
