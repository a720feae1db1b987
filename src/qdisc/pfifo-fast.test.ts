import fc from 'fast-check';
import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { PfifoFast } from './pfifo-fast.ts';

/** tc-pfifo_fast(8), and tc-prio(8) for the Linux priority of each TOS: priority, its name there, band. */
const MANUAL: [number, string, number][] = [
  [0, 'Best Effort', 1],
  [1, 'Filler', 2],
  [2, 'Bulk', 2],
  [3, 'reserved', 2],
  [4, 'Interactive Bulk', 1],
  [5, 'reserved', 2],
  [6, 'Interactive', 0],
  [7, 'Control', 0],
  ...Array.from({ length: 8 }, (_, i): [number, string, number] => [8 + i, 'above', 1]),
];

function packets(count: number): Mbuf[] {
  const { machine } = oneMachine();
  return Array.from({ length: count }, (_, i) => {
    const m = machine.mbufs.gethdr();
    if (m === null) throw new Error('no buffers');
    m.packetLength = 60 + i;
    return m;
  });
}

const never = (): void => expect.unreachable();

for (const [priority, name, band] of MANUAL) {
  test(`priority ${priority} (${name}) goes to band ${band}`, () => {
    const qdisc = new PfifoFast(100);
    const [m, ...markers] = packets(4);
    // One packet in each band: ours comes directly behind the marker of its own band.
    [6, 0, 2].forEach((each, i) => {
      markers[i].priority = each;
      qdisc.enqueue(markers[i], never);
    });
    m.priority = priority;
    qdisc.enqueue(m, never);
    const order = Array.from({ length: 4 }, () => qdisc.dequeue());
    expect(order.indexOf(m)).toBe(band + 1);
  });
}

test('bands are FIFOs served strictly in order, each with the limit, lengths add up', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(15)), { maxLength: 60 }), (operations) => {
      const qdisc = new PfifoFast(8);
      const bands: Mbuf[][] = [[], [], []];
      const supply = packets(operations.length);
      let dropped = 0;
      for (const priority of operations) {
        if (priority === null) {
          const expected = bands.find((band) => band.length > 0)?.shift() ?? null;
          expect(qdisc.peek()).toBe(expected);
          expect(qdisc.dequeue()).toBe(expected);
        } else {
          const m = supply.pop() as Mbuf;
          m.priority = priority;
          const band = bands[MANUAL[priority][2]];
          const full = band.length === 8;
          if (!full) band.push(m);
          else dropped++;
          let gone: Mbuf | null = null;
          qdisc.enqueue(m, (each) => {
            gone = each;
          });
          expect(gone).toBe(full ? m : null);
        }
        const all = bands.flat();
        expect(qdisc.length).toBe(all.length);
        expect(qdisc.backlog).toBe(all.reduce((sum, m) => sum + m.packetLength, 0));
      }
      expect(qdisc.stats.drops).toBe(dropped);
      const rest: Mbuf[] = [];
      qdisc.reset((m) => rest.push(m));
      expect(rest).toEqual(bands.flat());
      expect([qdisc.length, qdisc.backlog, qdisc.peek(), qdisc.dequeue()]).toEqual([0, 0, null, null]);
    }),
  );
});
