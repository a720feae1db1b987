// Traffic through a native driver, in both directions, and what the device layer puts around it.

import { expect, test } from 'vitest';
import { M_CSUM_UDPv4, M_HASFCS } from '../mbuf/mbuf.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { IFF_SIMPLEX, IFF_UP } from './flags.ts';
import { NW_EX_LK } from './locks.ts';
import { host } from './testing.ts';
import { RX_SLOTS, TX_SLOTS } from './testing-card.ts';
import { XX } from './testing-driver.ts';

for (const options of ['', 'kermask']) {
  test(`a driver is mounted, brought up, and packets pass both ways${options === '' ? '' : `, ${options}`}`, () => {
    const { io, card, run, softcs, up, packet, taken, send, books, machine } = host();
    expect(io.mount('xx', options)).toEqual(['xx0']);
    up();
    expect(softcs[0].inits).toBe(1);
    for (let i = 0; i < 10; i++) card.arrive(packet(i));
    run(1000);
    expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (let i = 0; i < 40; i++) send(i);
    run(1000);
    expect(card.frames.map((frame) => frame.at(-1))).toEqual(Array.from({ length: 40 }, (_, i) => i));
    const ifp = io.find('xx0')!;
    expect([ifp.if_ipackets, ifp.if_ibytes, ifp.if_opackets, ifp.if_obytes]).toEqual([10, 600, 40, 2400]);
    expect([ifp.held, ifp.if_oerrors, ifp.if_ierrors]).toEqual([0, 0, 0]);
    expect(books()).toBe('');
    expect(io.inputs).toBe(10);
    // The receive slots hold their buffers, nobody else any.
    expect(machine.mbufs.inUse).toBe(RX_SLOTS);
    expect(io.interrupts.sources[0].calls).toBeGreaterThan(0);
    expect(machine.irq.line(9).masked).toBe(false);
  });
}

test('when the ring is full OACTIVE stays, packets wait in the discipline, and the interrupt goes on: order is kept', () => {
  const { io, run, up, send, card, device, books, layer } = host({ cards: [{ frameNs: 1000 }] });
  layer.defaultQdisc = (length) => new PfifoFast(length);
  io.mount('xx');
  up();
  expect(device().txQueues[0].qdisc?.kind).toBe('pfifo_fast');
  for (let i = 0; i < 60; i++) send(i);
  expect(device().txQueues[0].stopped).toBe(true);
  expect(device().queued).toBeGreaterThan(60 - TX_SLOTS);
  expect(io.find('xx0')!.held).toBe(60 - device().queued);
  expect(books()).toBe('');
  run(1_000_000);
  expect(card.frames.map((frame) => frame.at(-1))).toEqual(Array.from({ length: 60 }, (_, i) => i));
  expect([device().tx.packets, device().queued, device().txQueues[0].stopped]).toEqual([60, 0, false]);
  expect(books()).toBe('');
});

test('without a discipline of the layer if_snd is an ifqueue: what does not fit is dropped and counted', () => {
  const { io, run, up, send, device, books } = host({ cards: [{ frameNs: 1000 }] });
  io.mount('xx');
  up();
  expect(device().txQueues[0].qdisc?.kind).toBe('ifqueue');
  for (let i = 0; i < 400; i++) send(i & 0xff);
  const dropped = device().dropReport().QDISC_DROP;
  expect(dropped).toBe(400 - 256 - io.find('xx0')!.held);
  run(1_000_000);
  expect(device().tx.packets).toBe(400 - dropped);
  expect(books()).toBe('');
});

test('packets that wait for a full ring are sent when init has emptied it', () => {
  const { io, run, up, send, card, device, books } = host({ cards: [{ frameNs: 1_000_000 }] });
  io.mount('xx');
  up();
  for (let i = 0; i < 20; i++) send(i);
  const waiting = device().queued;
  expect(waiting).toBeGreaterThan(0);
  io.protocolStarts('qnet');
  run(1_000_000_000);
  expect([card.frames.length, device().queued]).toEqual([waiting, 0]);
  expect(device().dropReport()).toEqual({ QDISC_RESET: 20 - waiting });
  expect(books()).toBe('');
});

test('taps see every packet once, as it is sent; checksums are in it by then', () => {
  const { io, run, up, card, packet, machine, layer, device } = host();
  const seen: [number, boolean, number][] = [];
  layer.packetTypes.addTap({
    device: null,
    see: (m, _device, outgoing) => void seen.push([m.packetLength, outgoing, m.checksumFlags]),
  });
  io.mount('xx');
  up();
  card.arrive(packet(1));
  run(1000);
  machine.process(() => {
    const m = machine.mbufs.fromBytes(packet(2, 80))!;
    m.checksumFlags = M_CSUM_UDPv4;
    m.checksumStart = 34;
    m.checksumOffset = 6;
    device().transmit(m);
  });
  run(1000);
  expect(seen).toEqual([
    [60, false, 0],
    [80, true, 0],
  ]);
  expect(card.frames.length).toBe(1);
});

test('a chain of fragments, empty ones among them, leaves as one frame; too many are copied together', () => {
  const { io, run, up, card, packet, machine, device, books } = host();
  io.mount('xx');
  up();
  const whole = packet(5, 70);
  for (const cuts of [
    [20, 0, 30],
    [10, 10, 0, 10, 10, 10, 10],
  ]) {
    machine.process(() => {
      let at = 0;
      const first = machine.mbufs.fromBytes(whole.subarray(0, 14), 0)!;
      let last = first;
      at = 14;
      for (const cut of [...cuts, whole.length - 14 - cuts.reduce((sum, n) => sum + n, 0)]) {
        const m = machine.mbufs.get()!;
        machine.memory.u8.set(whole.subarray(at, at + cut), m.data);
        m.length = cut;
        at += cut;
        last.next = m;
        last = m;
      }
      first.packetLength = whole.length;
      device().transmit(first);
    });
  }
  run(1000);
  expect(card.frames.map((frame) => [...frame])).toEqual([[...whole], [...whole]]);
  expect(books()).toBe('');
  expect(machine.mbufs.inUse).toBe(RX_SLOTS);
});

test("a packet that was copied together is in the driver's books until it has left", () => {
  const { io, run, up, machine, device, books, packet, card } = host({ cards: [{ frameNs: 1000 }] });
  io.mount('xx');
  up();
  machine.process(() => {
    const first = machine.mbufs.fromBytes(packet(1).subarray(0, 14), 0)!;
    let last = first;
    for (let i = 0; i < 8; i++) {
      const m = machine.mbufs.get()!;
      m.length = 10;
      last.next = m;
      last = m;
    }
    first.packetLength = 94;
    device().transmit(first);
  });
  expect([io.find('xx0')!.held, books(), device().tx.packets]).toEqual([1, '', 0]);
  run(1_000_000);
  expect([io.find('xx0')!.held, books(), device().tx.packets, card.frames[0].length]).toEqual([0, '', 1, 94]);
});

test('with no buffers the frame is dropped, the slot keeps its own, and if_ierrors says so', () => {
  const { io, run, up, card, packet, machine, softcs, taken } = host();
  io.mount('xx');
  up();
  const all = [];
  for (let m = machine.mbufs.getcl(); m !== null; m = machine.mbufs.getcl()) all.push(m);
  card.arrive(packet(1));
  run(1000);
  expect([taken.length, io.find('xx0')!.if_ierrors, softcs[0].stats.rx_failed_allocs]).toEqual([0, 1, 1]);
  for (const m of all) machine.mbufs.freem(m);
  for (let i = 0; i < 2 * RX_SLOTS; i++) {
    card.arrive(packet(i));
    run(1000);
  }
  expect(taken.length).toBe(2 * RX_SLOTS);
});

test('what if_input refuses is counted by name: too long, down, own frame; the FCS is cut off when it is there', () => {
  let down = false;
  const { io, run, up, card, packet, device, books, machine, layer } = host({
    fn: {
      receive(sc, wtp) {
        // Between two looks: the frame comes too late.
        const ifp = sc.sc_ec.ec_if;
        const flags = ifp.if_flags;
        if (down) ifp.if_flags &= ~IFF_UP;
        XX.receive(sc, wtp);
        ifp.if_flags = flags;
      },
    },
  });
  io.mount('xx');
  up();
  const lengths: number[] = [];
  const [taker] = layer.packetTypes.buckets[0];
  layer.packetTypes.remove(taker);
  layer.packetTypes.add({
    name: 'lengths',
    type: 0x0800,
    device: null,
    receive: (m) => {
      lengths.push(m.packetLength);
      machine.mbufs.freem(m);
    },
  });
  card.arrive(packet(1, 1519));
  card.arrive(packet(2, 1518));
  run(1000);
  const ifp = io.find('xx0')!;
  const input = ifp.if_input;
  ifp.if_input = (to, m) => {
    m.flags |= M_HASFCS;
    input(to, m);
  };
  card.arrive(packet(3, 1522));
  card.arrive(packet(4, 1523));
  run(1000);
  ifp.if_input = input;
  down = true;
  card.arrive(packet(5));
  run(1000);
  down = false;
  ifp.if_flags &= ~IFF_SIMPLEX;
  const echo = packet(6);
  echo.set([1, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 1]);
  card.arrive(echo);
  echo[11] = 9;
  card.arrive(echo);
  run(1000);
  expect(lengths).toEqual([1504, 1504, 46]);
  expect(device().dropReport()).toEqual({ IF_TOO_BIG: 2, IF_DOWN: 1, IF_OWN_FRAME: 1 });
  expect(ifp.if_imcasts).toBe(1);
  expect(books()).toBe('');
  expect(machine.mbufs.inUse).toBe(RX_SLOTS);
});

test('start() may end with NW_EX_LK, which gives if_snd_ex back, as in the technote', () => {
  const { io, up, send, card, run } = host({
    fn: {
      start(ifp) {
        const sc = ifp.if_softc as { iopkt: typeof io };
        NW_EX_LK(ifp.if_snd_ex!, sc.iopkt);
      },
    },
  });
  io.mount('xx');
  up();
  send(1);
  run(1000);
  expect(io.find('xx0')!.if_snd_ex!.owner).toBeNull();
  expect(card.sent).toBe(0);
});

test('two io-pkt machines in one process: iopkt_selfp is always the right one', () => {
  const a = host();
  const b = host({ machine: { name: 'other' } });
  for (const one of [a, b]) {
    one.io.mount('xx');
    one.up();
  }
  // What one takes in goes out of the other, in the middle of the first one's interrupt work.
  a.layer.packetTypes.add({
    name: 'bridge',
    type: 0x0800,
    device: null,
    receive: (m) => {
      a.machine.mbufs.freem(m);
      b.send(7);
      b.run(1000);
    },
  });
  for (let i = 0; i < 5; i++) a.card.arrive(a.packet(i));
  a.run(1000);
  expect(b.card.sent).toBe(5);
  expect([a.books(), b.books()]).toEqual(['', '']);
});
