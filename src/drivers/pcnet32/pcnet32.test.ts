import { describe, expect, test } from 'vitest';
import {
  BROADCAST,
  frame,
  HOST_MAC,
  MILLISECOND,
  makeHost,
  returned,
  SECOND,
} from '../../../test/vocabulary/bench.ts';
import { VirtualClock } from '../../kernel/clock.ts';
import { FramePool } from '../../wire/frame.ts';
import { Link } from '../../wire/link.ts';
import { type Pcnet32Options, pcnet32Driver, setRingLengths } from './pcnet32.ts';

const VARIANTS: [string, 'Am79C970A' | 'Am79C973', Pcnet32Options][] = [
  ['Am79C970A, style 3', 'Am79C970A', {}],
  ['Am79C970A, style 2', 'Am79C970A', { softwareStyle: 2 }],
  ['Am79C970A, style 0', 'Am79C970A', { softwareStyle: 0 }],
  ['Am79C970A, word I/O', 'Am79C970A', { access: 'word', window: 'io' }],
  ['Am79C970A, one interrupt a packet', 'Am79C970A', { napi: false }],
  ['Am79C973, style 3', 'Am79C973', {}],
  ['Am79C973, style 0, one interrupt a packet', 'Am79C973', { softwareStyle: 0, napi: false }],
];

describe.each(VARIANTS)('%s', (_name, chip, driver) => {
  const up = (more: Pcnet32Options = {}) => {
    const host = makeHost({ chip, driver: { ...driver, ...more }, machine: { debugMbufs: true } });
    host.runUntil(() => host.device.carrier);
    return host;
  };

  test('comes up with the address of its PROM', () => {
    const host = up();
    expect(host.device.name).toBe('eth0');
    expect(host.device.address).toEqual(HOST_MAC);
    expect(host.log).toEqual([`host: eth0: ${chip} at 0000:00:03.0, 02:00:00:00:00:01`]);
  });

  test('echoes every size from 60 to 1514 bytes', () => {
    const host = up();
    host.echo();
    for (let size = 60; size <= 1514; size++) {
      const sent = frame(size, size);
      host.wire.deliver(sent);
      host.run(10_000);
      host.expectReceived(sent);
      host.expectFrame(returned(sent));
    }
    host.expectConserved();
    expect(host.device.rx).toMatchObject({ packets: 1455, errors: 0 });
    expect(host.device.tx).toMatchObject({ packets: 1455, errors: 0 });
  });

  test('pads short frames with zeros', () => {
    const host = up();
    for (let size = 14; size < 60; size++) {
      host.send(frame(size, 0xff));
      host.run(10_000);
      host.expectFrame(frame(size, 0xff));
    }
  });

  test('sends a packet in pieces as one frame, and skips empty pieces', () => {
    const host = up();
    for (const cuts of [[14], [1, 1, 1], [0, 14, 0, 20, 0], [700, 700], [14, 20, 20, 100, 100, 100, 100]]) {
      host.send(frame(1000, cuts.length), cuts);
      host.run();
      host.expectFrame(frame(1000, cuts.length));
    }
    expect(host.stats.tx_linearised).toBe(0);
    host.expectConserved();
  });

  test('copies a packet in too many pieces together, and counts it when that fails', () => {
    const host = up();
    const cuts = Array.from({ length: 20 }, () => 30);
    host.send(frame(1000), cuts);
    host.expectFrame(frame(1000));
    expect(host.stats.tx_linearised).toBe(1);
    const packet = host.packet(frame(1000), cuts);
    const taken = takeAllClusters(host);
    host.machine.process(() => host.device.transmit(packet));
    host.expectSilence();
    expect(host.stats.tx_linearise_failures).toBe(1);
    expect(host.device.dropReport()).toEqual({ NOMEM: 1 });
    for (const m of taken) host.machine.mbufs.freem(m);
    host.run();
    host.expectConserved();
  });

  test('takes bursts that go around both rings again and again', () => {
    const host = up({ rxRing: 16, txRing: 16 });
    host.echo();
    for (let round = 0; round < 50; round++) {
      const burst = Array.from({ length: 1 + (round % 16) }, (_, i) =>
        frame(60 + 13 * round + i, round * 16 + i),
      );
      host.wire.deliver(...burst);
      host.run();
      host.expectFrame(...burst.map(returned));
    }
    host.expectConserved();
  });

  test('leaves nothing behind when it is stopped in full flight, and works again', () => {
    const host = up();
    const before = host.census();
    host.close();
    const down = host.census();
    expect(down.irqHandlers).toBe(0);
    expect(down.callouts).toEqual([]);
    expect(down.mbufs).toBe(0);
    for (let round = 0; round < 5; round++) {
      host.open();
      host.runUntil(() => host.device.carrier);
      host.wire.setRate(10_000_000);
      host.runUntil(() => host.device.carrier);
      for (let i = 0; i < 200; i++) host.send(frame(500, i));
      host.wire.stream(Array.from({ length: 50 }, (_, i) => frame(700, i)));
      host.run(3 * MILLISECOND);
      host.close();
      host.run();
      expect(host.census()).toEqual(down);
      host.expectConserved();
      host.wire.setRate(0);
      host.run(SECOND);
      host.wire.frames.length = 0;
    }
    host.open();
    host.runUntil(() => host.device.carrier);
    expect(host.census()).toEqual(before);
    host.received.length = 0;
    host.wire.deliver(frame(60, 7));
    host.run();
    host.expectReceived(frame(60, 7));
  });

  test('gives everything back when it is unbound', () => {
    const host = makeHost({ chip, driver, bind: false, machine: { debugMbufs: true } });
    const before = host.census();
    host.bind();
    host.open();
    host.wire.deliver(frame(100));
    host.send(frame(100));
    host.unbind();
    expect(host.census()).toEqual(before);
    expect(host.layer.devices).toEqual([]);
    expect(before.coherentBlocks).toBe(0);
    host.bind();
    host.open();
    host.runUntil(() => host.device.carrier);
  });

  test('drops a damaged frame and counts it', () => {
    const host = up();
    host.wire.deliverDamaged(frame(100));
    host.run();
    host.expectNothingReceived();
    expect(host.stats.rx_crc_errors).toBe(1);
    expect(host.device.rx.errors).toBe(1);
  });

  test('drops a frame of two buffers, counts it once, and goes on with the next', () => {
    const host = up();
    host.wire.deliver(frame(1600), frame(1519), frame(1515), frame(1900), frame(1514, 9));
    host.run();
    host.expectReceived(frame(1514, 9));
    expect(host.stats.rx_length_errors).toBe(4);
    expect(host.device.rx.errors).toBe(4);
  });

  test('takes a frame with a VLAN tag of full length', () => {
    const host = up();
    const tagged = frame(1518);
    tagged.set([0x81, 0x00, 0x00, 0x05], 12);
    host.wire.deliver(tagged);
    host.run();
    expect(host.device.rx).toMatchObject({ packets: 1, errors: 0 });
  });

  test('keeps its ring full when buffers run out', () => {
    const host = up();
    const taken = takeAllClusters(host);
    host.wire.deliver(frame(1000), frame(60), frame(1000));
    host.run();
    // The short one is copied and needs no cluster.
    host.expectReceived(frame(60));
    expect(host.stats.rx_no_buffer).toBe(2);
    expect(host.device.rx.errors).toBe(2);
    for (const m of taken) host.machine.mbufs.freem(m);
    // Without any buffer at all a short one is dropped too.
    const rest = [];
    for (let m = host.machine.mbufs.get(); m !== null; m = host.machine.mbufs.get()) rest.push(m);
    host.wire.deliver(frame(60));
    host.run();
    expect(host.stats.rx_no_buffer).toBe(3);
    for (const m of rest) host.machine.mbufs.freem(m);
    const burst = Array.from({ length: 64 }, (_, i) => frame(1000, i));
    host.wire.deliver(...burst);
    host.run();
    host.expectReceived(...burst);
  });

  test('passes its own test, and the link and the traffic are as before', () => {
    const host = up();
    const before = host.census();
    const changes: string[] = [];
    host.layer.listen((_device, event) => changes.push(event));
    expect(host.machine.process(() => host.device.ops.selfTest!())).toEqual([]);
    expect(changes).toEqual([]);
    expect(host.device.carrier).toBe(true);
    expect(host.census()).toEqual(before);
    host.expectSilence();
    host.echo();
    host.wire.deliver(frame(300));
    host.run();
    host.expectFrame(returned(frame(300)));
  });

  test('tells its registers by name', () => {
    const host = up();
    const dump = host.device.ops.registerDump!();
    const text = (name: string): string =>
      dump.registers.find((entry) => entry.name === name)?.text ?? 'missing';
    expect(text('CSR0')).toMatch(/STRT,TXON,RXON,IENA/);
    expect(text('CSR4')).toContain('APAD_XMT');
    expect(text('BCR4')).toContain('LEDOUT');
    expect(text('CSR88')).toBe(chip === 'Am79C973' ? '0x5003' : '0x1003');
    expect(text('BCR32') === 'missing').toBe(chip === 'Am79C970A');
  });
});

describe('binding', () => {
  const refused = (options: Parameters<typeof makeHost>[0]): string => {
    const host = makeHost({ ...options, bind: false });
    const before = host.census();
    host.machine.process(() => host.bus.register(host.driver));
    expect(host.bus.driverOf(host.pci)).toBe(null);
    expect(host.census()).toEqual(before);
    expect(host.layer.devices).toEqual([]);
    return host.log.at(-1)!;
  };

  test.each([
    ['zero', Uint8Array.of(0, 0, 0, 0, 0, 0)],
    ['a group address', Uint8Array.of(0x03, 0, 0, 0, 0, 1)],
    ['broadcast', BROADCAST],
  ])('refuses a PROM that holds %s', (_what, mac) => {
    expect(refused({ mac })).toMatch(/address PROM holds .*, which no station may have/);
  });

  test('refuses style 0 where it cannot reach all memory', () => {
    expect(refused({ driver: { softwareStyle: 0 }, machine: { memory: 32 << 20 } })).toMatch(
      /reaches 16 MiB/,
    );
  });

  test('refuses a chip that does not answer', () => {
    const host = makeHost({ bind: false });
    host.card.pull();
    host.machine.process(() => host.bus.register(host.driver));
    expect(host.log.at(-1)).toMatch(/probe of 0000:00:03.0 failed: the chip does not come out of reset/);
    expect(host.card.accesses).toBeLessThan(20);
  });

  test('says so when a chip that was left in double word mode is wanted in word mode', () => {
    const host = makeHost({});
    host.unbind();
    const word = pcnet32Driver(host.layer, { access: 'word' });
    host.machine.process(() => host.bus.register(word));
    expect(host.log.at(-1)).toMatch(/does not come out of reset in word mode/);
  });

  test.each([
    [{ rxRing: 100 }, /receive ring of 100: a power of two from 2 to 512/],
    [{ txRing: 2 }, /transmit ring of 2: a power of two from 4/],
    [{ txRing: 256, softwareStyle: 0 as const }, /from 4 to 128 in style 0/],
    [{ copybreak: 223 }, /copybreak 223: 0 to 222/],
  ])('refuses %o', (options, why) => {
    expect(() => makeHost({ driver: options })).toThrow(why);
  });

  test('fails cleanly at whichever block of shared memory is refused', () => {
    for (let fails = 1; fails <= 3; fails++) {
      const host = makeHost({ bind: false });
      const before = host.census();
      const { dma } = host.pci;
      const alloc = dma.allocCoherent.bind(dma);
      let left = fails;
      dma.allocCoherent = (size, align) => {
        if (--left === 0) throw new Error('out of memory');
        return alloc(size, align);
      };
      host.machine.process(() => host.bus.register(host.driver));
      expect(host.bus.driverOf(host.pci)).toBe(null);
      expect(host.census()).toEqual(before);
      expect(host.log.at(-1)).toMatch(/failed: out of memory/);
      host.bind();
      host.open();
      expect(host.device.carrier).toBe(true);
    }
  });

  test('changes its ring lengths while it is down', () => {
    const host = makeHost();
    expect(() => setRingLengths(host.pci, 256, 8)).toThrow(/only while it is down/);
    host.close();
    const before = host.census();
    host.machine.process(() => setRingLengths(host.pci, 256, 8));
    expect(() => setRingLengths(host.pci, 256, 9)).toThrow(/power of two/);
    expect(host.census()).toEqual(before);
    host.open();
    expect(host.census().clusters).toBe(256);
    host.echo();
    const burst = Array.from({ length: 256 }, (_, i) => frame(60, i));
    host.wire.deliver(...burst);
    host.run();
    host.expectFrame(...burst.map(returned));
  });
});

describe('opening', () => {
  test('fails cleanly at whichever buffer is the last', () => {
    for (let left = 0; left < 64; left++) {
      const host = makeHost({ open: false, machine: { debugMbufs: true } });
      const taken = takeAllClusters(host);
      for (let i = 0; i < left; i++) host.machine.mbufs.freem(taken.pop()!);
      const before = host.census();
      expect(() => host.open()).toThrow(`eth0: out of buffers: the receive ring wants 64, ${left} were left`);
      expect(host.census()).toEqual(before);
      expect(host.device.up).toBe(false);
      for (const m of taken) host.machine.mbufs.freem(m);
      host.open();
      expect(host.device.carrier).toBe(true);
    }
  });

  test('fails cleanly when there is no interrupt to be had', () => {
    const host = makeHost({ open: false });
    const before = host.census();
    const request = host.pci.requestIrq;
    host.pci.requestIrq = () => {
      throw new Error('no interrupt');
    };
    expect(() => host.open()).toThrow('eth0: no interrupt');
    expect(host.census()).toEqual(before);
    host.pci.requestIrq = request;
    host.open();
    expect(host.device.carrier).toBe(true);
  });

  test('fails cleanly when the chip may not master the bus', () => {
    const host = makeHost({ open: false });
    host.pci.writeConfig(4, 2, 0x0003);
    const before = host.census();
    expect(() => host.open()).toThrow(
      /eth0: (the chip does not read its initialization block|nobody answers the chip)/,
    );
    expect(host.census()).toEqual(before);
    host.pci.setMaster();
    host.open();
    expect(host.device.carrier).toBe(true);
  });
});

test('two machines over a link of 100 Mb/s talk at line rate', () => {
  const clock = new VirtualClock();
  const link = new Link({
    name: 'cable',
    clock,
    pool: new FramePool(),
    bitsPerSecond: 100_000_000,
    delayNs: 500,
  });
  const near = makeHost({ clock, medium: link.a, chip: 'Am79C973' });
  const far = makeHost({ clock, medium: link.b, chip: 'Am79C973', mac: Uint8Array.of(2, 0, 0, 0, 0, 2) });
  near.runUntil(() => near.device.carrier && far.device.carrier);
  expect(near.device.link).toEqual({ bitsPerSecond: 100_000_000, fullDuplex: true });
  const start = clock.now();
  for (let i = 0; i < 500; i++) near.send(frame(1514, i, far.device.address, near.device.address));
  near.runUntil(() => far.receivedCount === 500);
  const busyNs = (500 * (1514 + 24) * 8e9) / 100_000_000;
  expect(clock.now() - start).toBeLessThan(busyNs + 3 * MILLISECOND);
  far.expectReceived(
    ...Array.from({ length: 500 }, (_, i) => frame(1514, i, far.device.address, near.device.address)),
  );
  near.expectConserved();
  expect(near.device.txQueues[0].limitStops).toBeGreaterThan(0);
});

test.each([
  ['few packets with byte queue limits', true],
  ['all it can without them', false],
])('under overload the ring holds %s, and the link is full', (_, limited) => {
  const clock = new VirtualClock();
  const link = new Link({
    name: 'cable',
    clock,
    pool: new FramePool(),
    bitsPerSecond: 100_000_000,
    delayNs: 500,
  });
  const near = makeHost({ clock, medium: link.a, chip: 'Am79C973', driver: { txRing: 256 } });
  const far = makeHost({ clock, medium: link.b, chip: 'Am79C973', mac: Uint8Array.of(2, 0, 0, 0, 0, 2) });
  near.runUntil(() => near.device.carrier && far.device.carrier);
  const [queue] = near.device.txQueues;
  if (!limited) queue.limits = null;
  const packetNs = ((1514 + 24) * 8e9) / 100_000_000;
  let most = 0;
  const start = clock.now();
  const before = far.device.rx.packets;
  for (let i = 0; i < 1000; i++) {
    while (near.device.queued < 64) near.send(frame(1514, 1, far.device.address, near.device.address));
    most = Math.max(most, near.device.ops.held!());
    near.run(packetNs);
  }
  const busy = ((far.device.rx.packets - before) * packetNs) / (clock.now() - start);
  expect(busy).toBeGreaterThan(0.98);
  if (limited) expect(most).toBeLessThan(16);
  else expect(most).toBeGreaterThan(240);
  near.expectConserved();
});

/** Leaves the pool without clusters; returns what has to be freed. */
function takeAllClusters(host: ReturnType<typeof makeHost>) {
  const taken = [];
  for (let m = host.machine.mbufs.getcl(); m !== null; m = host.machine.mbufs.getcl()) taken.push(m);
  return taken;
}
