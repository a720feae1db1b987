// Faults in the real drivers, in a machine with two cards: in start, in process_interrupt and in a shutdown hook. Every hook runs
// once, the hardware is quiet for good, and the report says who did it.

import { describe, expect, test } from 'vitest';
import { formatFault } from '../../src/iopkt/fault.ts';
import type { IrqLine } from '../../src/kernel/irq.ts';
import { X86_DESKTOP } from '../../src/kernel/profile.ts';
import { conservation } from '../../src/net/conservation.ts';
import { frame, MILLISECOND, SECOND } from '../vocabulary/bench.ts';
import type { AnyChip, IopktHost } from '../vocabulary/iopkt-host.ts';
import { IOPKT_SUBJECTS, maker } from '../vocabulary/iopkt-subject.ts';

type Where = 'start' | 'process_interrupt' | 'hook';

function boom(): never {
  throw new TypeError('cannot read properties of null');
}

interface Faulty {
  host: IopktHost;
  /** Devices whose hooks ran, in order. */
  order: string[];
}

/** Two cards at work on a costed processor; the first one's driver has faulted there, after 40 frames each way. */
function faulted(driver: 'pcn' | 'speedo', chip: AnyChip, where: Where): Faulty {
  const host = maker(
    driver,
    chip,
  )({
    sigsegv: true,
    chips: 2,
    bitsPerSecond: 10_000_000,
    machine: { profile: X86_DESKTOP, mbufs: 4096, clusters: 2048 },
  });
  const [first, second] = [`${host.prefix}0`, `${host.prefix}1`];
  host.up(second);
  host.keep = false;
  const { io } = host;
  const order: string[] = [];
  for (const hook of io.hooks) {
    const { func } = hook;
    hook.func = (arg) => {
      order.push(hook.dev!.dv_xname);
      // The second card's, which runs first.
      if (where === 'hook' && hook.dev!.dv_xname === second) boom();
      func(arg);
    };
  }
  const traffic = (): void => {
    for (let i = 0; i < 20; i++) {
      host.send(frame(900, i));
      host.send(frame(900, i), [], second);
      host.wires[0].deliver(frame(300, i));
      host.wires[1].deliver(frame(300, i, host.device(second).address));
    }
  };
  traffic();
  host.run(3 * MILLISECOND);
  if (where === 'start') host.ifp(first).if_start = boom;
  else io.interrupts.sources.find(({ dev }) => dev?.dv_xname === first)!.inter.func = boom;
  traffic();
  host.run(5 * MILLISECOND);
  return { host, order };
}

describe.each(IOPKT_SUBJECTS)('%s on %s', (driver, chip) => {
  test.each(['start', 'process_interrupt', 'hook'] as const)(
    'a fault in %s: hooks run once, all is quiet',
    (where) => {
      const { host, order } = faulted(driver, chip, where);
      const [first, second] = [`${host.prefix}0`, `${host.prefix}1`];
      const { fault } = host.io;
      expect(order).toEqual([second, first]);
      expect(fault?.hooks.map(({ driver: name, ok }) => [name, ok])).toEqual([
        [second, where !== 'hook'],
        [first, true],
      ]);
      const [entry, context] =
        where === 'start' ? ['if_start', 'start\\(\\)'] : ['process_interrupt', 'interrupt thread'];
      const lines = [
        `io-pkt: SIGSEGV in ${first}: ${entry}, ${context} context, at \\d+ ns: cannot read properties of null`,
        `io-pkt: 2 shutdown hooks ran, ${where === 'hook' ? 1 : 0} of them faulted`,
      ];
      if (where === 'hook') lines.push(`io-pkt: shutdown hook of ${second}: cannot read properties of null`);
      expect(formatFault(fault!)).toMatch(new RegExp(`^${lines.join('\\n')}$`));
      // People see it.
      expect(host.log.join('\n')).toContain(formatFault(fault!));

      // What was on the wire leaves; then nothing moves any more, whatever arrives, and nobody is interrupted.
      host.run(20 * MILLISECOND);
      const { u8 } = host.machine.memory;
      const memory = u8.slice();
      const lines_ = host.pcis.map(({ irq }) => host.machine.irq.line(irq));
      const before = [
        host.cards.map(({ accesses }) => accesses),
        host.wires.map(({ sent }) => sent),
        lines_.map(count),
      ];
      for (let i = 0; i < 50; i++) {
        host.wires[0].deliver(frame(200, i));
        host.wires[1].deliver(frame(200, i, host.device(second).address));
        host.wires[i % 2].setCarrier(i % 3 !== 0);
        host.run(MILLISECOND);
      }
      host.run(30 * SECOND);
      const after = [
        host.cards.map(({ accesses }) => accesses),
        host.wires.map(({ sent }) => sent),
        lines_.map(count),
      ];
      expect(after).toEqual(before);
      expect(Buffer.compare(u8, memory)).toBe(0);
      // A card that a hook has silenced asks for nothing. One whose hook faulted may ask, but reaches no memory.
      expect(lines_[0].wanted()).toBe(false);
      for (const line of lines_) expect([line.wanted(), line.shut]).toEqual([false, '']);
      for (const name of [first, second]) {
        expect(conservation(host.device(name))).toMatchObject({ text: '', queued: 0 });
        expect([host.device(name).up, host.device(name).carrier]).toEqual([false, false]);
      }
    },
  );
});

function count({ delivered, spurious }: IrqLine): [number, number] {
  return [delivered, spurious];
}
