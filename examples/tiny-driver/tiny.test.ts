// The tutorial's driver keeps the rules it teaches: on its card, on the virtual clock.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  CPU_PROFILES,
  DeviceLayer,
  FramePool,
  InetStack,
  Link,
  Machine,
  type Medium,
  PciBus,
  VirtualClock,
} from 'softnet';
import { FaultError, IoPkt, ifconfig, type ifnet } from 'softnet/io-pkt';
import { describe, expect, test } from 'vitest';
import { TestWire } from '../../test/vocabulary/test-wire.ts';
import { TinyCard } from './card.ts';
import { tinyModule } from './driver.ts';
import { SLOTS } from './sheet.ts';

const MAC = [Uint8Array.of(2, 0, 0, 0, 0, 1), Uint8Array.of(2, 0, 0, 0, 0, 2)];
const MILLISECOND = 1_000_000;
const SECOND = 1_000_000_000;
const TYPE = 0x88b5;

/** A card that can be pulled out of its slot. */
class LooseCard extends TinyCard {
  pulled = false;
  accesses = 0;

  override readBar(bar: number, offset: number, width: 1 | 2 | 4): number {
    this.accesses++;
    return this.pulled ? (2 ** (8 * width) - 1) >>> 0 : super.readBar(bar, offset, width);
  }

  override writeBar(bar: number, offset: number, width: 1 | 2 | 4, value: number): void {
    this.accesses++;
    if (!this.pulled) super.writeBar(bar, offset, width, value);
  }
}

/** A machine with cards in the slots given, each on its medium. */
function makeHost(
  clock: VirtualClock,
  media: { slot: number; medium: Medium; mac: Uint8Array }[],
  { sigsegv = false, costs = false } = {},
) {
  const log: string[] = [];
  const machine = new Machine({
    clock,
    mbufs: 512,
    clusters: 256,
    debugMbufs: true,
    profile: CPU_PROFILES[costs ? 'low-power' : 'ideal'],
    log: (message) => void log.push(message),
  });
  const layer = new DeviceLayer(machine);
  const bus = new PciBus(machine);
  const cards: LooseCard[] = [];
  const pcis = media.map(({ slot, medium, mac }) =>
    bus.plug(slot, (host) => {
      const card = new LooseCard(host, medium, mac);
      cards.push(card);
      return card;
    }),
  );
  const io = new IoPkt(layer, { pci: bus, sigsegv, drivers: { 'devnp-tiny.so': tinyModule } });
  return { clock, machine, layer, io, cards, pcis, log };
}

interface WireOptions {
  /** 0, the default: sending takes no time. */
  bitsPerSecond?: number;
  mac?: Uint8Array;
  sigsegv?: boolean;
  costs?: boolean;
  slots?: number[];
}

/** One host on a wire whose far end is the test; `received` has what reached the protocols. */
function onWire(options: WireOptions = {}) {
  const clock = new VirtualClock();
  const { slots = [3], mac = MAC[0] } = options;
  const wires = slots.map(() => new TestWire(clock, options.bitsPerSecond ?? 0));
  const media = slots.map((slot, i) => {
    const own = Uint8Array.from(mac);
    own[4] = i;
    return { slot, medium: wires[i], mac: own };
  });
  const host = makeHost(clock, media, options);
  const received: number[][] = [];
  host.layer.packetTypes.add({
    name: 'test',
    type: TYPE,
    device: null,
    receive: (m) => {
      received.push([...host.machine.memory.u8.subarray(m.data - 14, m.data + m.length)]);
      host.machine.mbufs.freem(m);
    },
  });
  return {
    ...host,
    wire: wires[0],
    wires,
    received,
    run: (ns = 5 * MILLISECOND) => void clock.run(clock.now() + ns),
    ifp(name = 'tiny0'): ifnet {
      const found = host.io.find(name);
      if (found === null) throw new Error(`there is no ${name}`);
      return found;
    },
    up(name = 'tiny0'): void {
      host.machine.process(() => host.layer.find(name)!.open());
    },
    down(name = 'tiny0'): void {
      host.machine.process(() => host.layer.find(name)!.close());
    },
    /** Sends a frame in pieces of these lengths. */
    send(bytes: Uint8Array, cuts: number[] = []): void {
      const { mbufs } = host.machine;
      let at = 0;
      let packet = null;
      for (const length of [...cuts, bytes.length]) {
        const piece = mbufs.fromBytes(bytes.subarray(at, at + length), 64)!;
        at = Math.min(at + length, bytes.length);
        if (packet === null) packet = piece;
        else mbufs.cat(packet, piece);
      }
      host.machine.process(() => host.layer.find('tiny0')!.transmit(packet!));
    },
    /** What is taken now, to be compared. */
    census: () => ({
      mbufs: host.machine.mbufs.inUse,
      memory: host.machine.memory.blocks,
      handlers: host.pcis.map((pci) => host.machine.irq.line(pci.irq).handlers.length),
      hooks: host.io.hooks.length,
      sources: host.io.interrupts.sources.length,
      callouts: host.io.callouts.size,
      taken: host.io.pciTaken.size,
    }),
    /** Offered is sent, dropped by name, or waits. */
    balance(): number {
      const device = host.layer.find('tiny0')!;
      const drops = [...device.drops].reduce((sum, n) => sum + n, 0);
      return device.offered - device.tx.packets - drops - device.queued - device.ops.held!();
    },
  };
}

/** A frame from the far end, for the card unless told. */
function frame(length: number, mark = 0, to: ArrayLike<number> = MAC[0]): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + mark) & 0xff);
  bytes.set(to);
  bytes.set(MAC[1], 6);
  bytes.set([TYPE >> 8, TYPE & 0xff], 12);
  return bytes;
}

type OnWire = ReturnType<typeof onWire>;

/** Frames pass both ways, byte for byte. */
function expectWorks(host: OnWire): void {
  host.received.length = 0;
  host.wire.frames.length = 0;
  for (const length of [60, 61, 300, 1514]) {
    host.wire.deliver(frame(length, length));
    host.send(frame(length, 1));
    host.run();
    expect(host.received.shift()).toEqual([...frame(length, length)]);
    expect([...host.wire.frames.shift()!]).toEqual([...frame(length, 1)]);
  }
  host.run(SECOND);
  expect(host.balance()).toBe(0);
}

test('the whole of it is under 200 lines of code', () => {
  const text = readFileSync(new URL('./driver.ts', import.meta.url), 'utf8');
  const code = text.split('\n').filter((line) => !/^\s*(\/\/|\/\*\*.*\*\/|$)/.test(line));
  expect(code.length).toBeLessThan(200);
});

test('two hosts ping each other, and nothing is lost', () => {
  const clock = new VirtualClock();
  const cable = new Link({ name: 'cable', clock, pool: new FramePool(), bitsPerSecond: 10_000_000 });
  const stacks = [cable.a, cable.b].map((medium, i) => {
    const host = makeHost(clock, [{ slot: 3, medium, mac: MAC[i] }]);
    const inet = new InetStack(host.layer);
    host.io.start(['-d', 'tiny']);
    ifconfig(host.io, inet, ['tiny0', `10.0.0.${i + 1}/24`]);
    return { ...host, inet };
  });
  const ping = stacks[0].machine.process(() =>
    stacks[0].inet.ping('10.0.0.2', { count: 200, intervalNs: MILLISECOND, size: 1400 }),
  );
  clock.run(5 * SECOND);
  expect([ping.sent, ping.received]).toEqual([200, 200]);
  for (const { machine, io, inet } of stacks) {
    expect(machine.mbufs.inUse).toBe(SLOTS);
    expect(ifconfig(io, inet, ['tiny0'])).toMatch(/RUNNING/);
    io.destroy('tiny0');
    expect(machine.mbufs.inUse).toBe(0);
  }
});

describe('init and stop', () => {
  test('ten inits leave what one did (P01), under load too', () => {
    const host = onWire({ bitsPerSecond: 10_000_000 });
    host.io.mount('tiny');
    host.up();
    const once = host.census();
    for (let i = 0; i < 10; i++) {
      host.io.protocolStarts('qnet');
      expect(host.census()).toEqual(once);
    }
    for (let i = 0; i < 10; i++) {
      for (let k = 0; k < 40; k++) host.send(frame(500, k, MAC[1]));
      for (let k = 0; k < 5; k++) host.wire.deliver(frame(500, k));
      host.run(i * 300_000);
      host.io.protocolStarts('qnet');
      expect(host.balance()).toBe(0);
    }
    host.run(SECOND);
    expect(host.received.length).toBe(50);
    expectWorks(host);
  });

  test('what a stop takes back from the ring does not leave after the next init', () => {
    const host = onWire({ bitsPerSecond: 10_000_000 });
    host.io.mount('tiny');
    host.up();
    for (let i = 0; i < 10; i++) host.send(frame(1000, i));
    host.io.protocolStarts('qnet');
    host.send(frame(100));
    host.run(SECOND);
    // The one that was on the wire, and the new one.
    expect(host.wire.frames.map((bytes) => bytes.length)).toEqual([1000, 100]);
    expect([host.ifp().if_opackets, host.balance()]).toEqual([1, 0]);
  });

  test('stop before the first init, and twice, does no harm (P02, P03)', () => {
    const host = onWire();
    host.io.mount('tiny');
    const ifp = host.ifp();
    const stop = (disable: number): void =>
      host.io.request('test', () => host.io.call(ifp.if_dev, 'test', () => ifp.if_stop!(ifp, disable)));
    const before = host.census();
    stop(0);
    stop(1);
    expect(host.census()).toEqual(before);
    host.up();
    host.down();
    stop(1);
    expect(host.census()).toEqual(before);
    host.up();
    expectWorks(host);
  });

  test('it comes and goes in full flight, and leaves nothing (F02)', () => {
    const host = onWire({ bitsPerSecond: 10_000_000 });
    const before = host.census();
    for (let i = 0; i < 5; i++) {
      expect(host.io.mount('tiny')).toEqual(['tiny0']);
      host.up();
      for (let k = 0; k < 40; k++) host.send(frame(800, k));
      for (let k = 0; k < 40; k++) host.wire.deliver(frame(800, k));
      host.run(i * 700_000);
      host.io.destroy('tiny0');
      expect(host.census()).toEqual(before);
      host.wire.deliver(frame(100));
      host.run(100 * MILLISECOND);
      expect(host.census()).toEqual(before);
    }
    host.io.mount('tiny');
    host.up();
    host.run(SECOND);
    expectWorks(host);
  });

  test('without buffers it fails, and works when there are some again (F01)', () => {
    const host = onWire();
    host.io.mount('tiny');
    const { mbufs } = host.machine;
    const taken = [];
    for (let m = mbufs.getcl(); m !== null; m = mbufs.getcl()) taken.push(m);
    mbufs.freem(taken.pop()!);
    expect(() => host.up()).toThrow(/ENOBUFS/);
    for (const m of taken) mbufs.freem(m);
    host.up();
    expectWorks(host);
  });
});

describe('attach', () => {
  test('what is wrong with a mount is said, and leaves nothing (F01, N16)', () => {
    const host = onWire();
    const before = host.census();
    expect(() => host.io.mount('tiny', 'speed=100')).toThrow(/EINVAL/);
    const { dma } = host.pcis[0];
    const { allocCoherent } = dma;
    dma.allocCoherent = () => {
      throw new RangeError('out of physical memory');
    };
    expect(() => host.io.mount('tiny')).toThrow(/ENOMEM/);
    dma.allocCoherent = allocCoherent;
    host.cards[0].pulled = true;
    expect(() => host.io.mount('tiny')).toThrow(/ENXIO/);
    host.cards[0].pulled = false;
    expect(host.census()).toEqual(before);
    expect(host.io.mount('tiny', 'name=en,unit=4')).toEqual(['en4']);
    expect(() => host.io.mount('tiny')).toThrow(/ENODEV/);
    expect(() => onWire({ mac: new Uint8Array(6) }).io.mount('tiny')).toThrow(/ENXIO/);
  });

  test('a card that fails keeps no other from its interface', () => {
    const host = onWire({ slots: [3, 4, 5] });
    host.cards[1].pulled = true;
    expect(host.io.mount('tiny')).toEqual(['tiny0', 'tiny1']);
    expect(host.io.pciTaken.size).toBe(2);
    host.io.destroy('tiny0');
    expect(host.io.mount('tiny', 'unit=7')).toEqual(['tiny7']);
  });

  test('two cards on one interrupt line do not disturb each other', () => {
    const host = onWire({ slots: [3, 7], bitsPerSecond: 10_000_000 });
    expect(host.pcis[0].irq).toBe(host.pcis[1].irq);
    expect(host.io.mount('tiny')).toEqual(['tiny0', 'tiny1']);
    host.up();
    host.up('tiny1');
    const second = Uint8Array.from(MAC[0]);
    second[4] = 1;
    for (let i = 0; i < 50; i++) {
      host.wires[0].deliver(frame(100, i));
      host.wires[1].deliver(frame(100, i, second));
      host.run(100_000);
    }
    expect(host.received.length).toBe(100);
    host.io.destroy('tiny1');
    expectWorks(host);
  });
});

describe('packets', () => {
  test('fragments, empty ones among them, leave in one piece (P06)', () => {
    const host = onWire();
    host.io.mount('tiny');
    host.up();
    for (const cuts of [[0], [14], [14, 0, 20], [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1], [1000, 0], [60, 0]]) {
      host.send(frame(1200, 3), cuts);
      host.run();
      expect([...host.wire.frames.shift()!]).toEqual([...frame(1200, 3)]);
    }
    host.send(frame(20));
    host.run();
    expect([...host.wire.frames.shift()!]).toEqual([...frame(20), ...new Uint8Array(40)]);
    expect([host.ifp().if_opackets, host.ifp().if_oerrors, host.balance()]).toEqual([7, 0, 0]);
  });

  test('a frame without a buffer to take its place is dropped, and the ring stays full (P07)', () => {
    const host = onWire();
    host.io.mount('tiny');
    host.up();
    const { mbufs } = host.machine;
    const taken = [];
    for (let m = mbufs.getcl(); m !== null; m = mbufs.getcl()) taken.push(m);
    for (let i = 0; i < 3 * SLOTS; i++) {
      host.wire.deliver(frame(100, i));
      host.run(100_000);
    }
    expect([host.received.length, host.ifp().if_ierrors]).toEqual([0, 3 * SLOTS]);
    for (const m of taken) mbufs.freem(m);
    expectWorks(host);
  });

  test('what the card drops counts as an input error', () => {
    const host = onWire();
    host.io.mount('tiny');
    host.up();
    host.wire.deliverDamaged(frame(100));
    host.wire.deliver(frame(40), frame(1519));
    host.run();
    expect(host.ifp().if_ierrors).toBe(3);
    // More at once than there are descriptors.
    host.machine.process(() => {
      for (let i = 0; i < SLOTS + 5; i++) host.wire.deliver(frame(100, i));
    });
    host.run();
    expect(host.received.length + host.ifp().if_ierrors).toBe(3 + SLOTS + 5);
    expectWorks(host);
  });

  test('frames for others are taken in promiscuous mode only', () => {
    const host = onWire();
    host.io.mount('tiny');
    host.up();
    host.wire.deliver(frame(100, 1, MAC[1]));
    host.run();
    expect(host.ifp().if_ipackets).toBe(0);
    host.machine.process(() => host.layer.find('tiny0')!.setPromiscuity(1));
    host.wire.deliver(frame(100, 1, MAC[1]));
    host.run();
    expect(host.ifp().if_ipackets).toBe(1);
    // Group addresses come and go without a restart.
    const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 9);
    host.machine.process(() => host.layer.find('tiny0')!.addMulticast(group));
    host.machine.process(() => host.layer.find('tiny0')!.removeMulticast(group));
    host.wire.deliver(frame(100, 1, group));
    host.run();
    expect(host.ifp().if_ipackets).toBe(2);
  });
});

describe('trouble', () => {
  test('a fault anywhere silences the card by its hook (P19)', () => {
    const host = onWire({ sigsegv: true, bitsPerSecond: 10_000_000 });
    host.io.mount('tiny');
    host.up();
    for (let i = 0; i < 10; i++) host.send(frame(1000, i));
    host.ifp().if_ioctl = () => {
      throw new TypeError('a null pointer');
    };
    expect(() => host.io.ioctl('tiny0', 1, null)).toThrow(FaultError);
    expect(host.io.fault?.hooks).toEqual([{ driver: 'tiny0', ok: true, message: '' }]);
    const { sent } = host.wire;
    const { accesses } = host.cards[0];
    const memory = host.machine.memory.u8.slice();
    host.wire.deliver(frame(100));
    host.run(SECOND);
    // The frame that was on the wire has left; nothing else happens.
    expect(host.wire.sent - sent).toBeLessThanOrEqual(1);
    expect(host.cards[0].accesses).toBe(accesses);
    expect(Buffer.compare(host.machine.memory.u8, memory)).toBe(0);
    expect(host.machine.irq.line(host.pcis[0].irq).masked).toBe(false);
  });

  test('a card that hangs is started afresh by the watchdog (F04)', () => {
    const host = onWire({ bitsPerSecond: 10_000_000 });
    host.io.mount('tiny');
    host.up();
    host.wire.stuck = true;
    for (let i = 0; i < 40; i++) host.send(frame(100, i));
    host.run(4 * SECOND);
    host.wire.release();
    host.wire.stuck = true;
    host.run(4 * SECOND);
    host.wire.release();
    host.run(8 * SECOND);
    expectWorks(host);
  });

  test('the cable comes and goes: what cannot leave is an error, and then frames flow (F05)', () => {
    const host = onWire({ bitsPerSecond: 10_000_000 });
    host.io.mount('tiny');
    host.up();
    for (let i = 0; i < 10; i++) host.wire.outcomes.push(0x80);
    for (let i = 0; i < 12; i++) host.send(frame(100, i));
    host.run(SECOND);
    expect([host.ifp().if_opackets, host.ifp().if_oerrors, host.balance()]).toEqual([2, 10, 0]);
    expectWorks(host);
  });

  test('a card that is pulled out ends no loop, and serves again when it is back (F03)', () => {
    const host = onWire({ bitsPerSecond: 10_000_000 });
    host.io.mount('tiny');
    host.up();
    for (let i = 0; i < 10; i++) host.send(frame(1000, i));
    host.cards[0].pulled = true;
    host.cards[0].reset();
    for (let i = 0; i < 10; i++) host.send(frame(1000, i));
    host.run(60 * SECOND);
    expect(host.cards[0].accesses).toBeLessThan(1000);
    expect(host.balance()).toBe(0);
    host.cards[0].pulled = false;
    host.io.protocolStarts('qnet');
    expectWorks(host);
  });
});

type Step = (host: OnWire, n: number) => void;

const STEPS: Record<string, Step> = {
  send: (host, n) => {
    for (let i = 0; i < n; i++) host.send(frame(60 + 37 * i, i), i % 3 === 0 ? [0, 14, i] : []);
  },
  deliver: (host, n) => {
    for (let i = 0; i < n; i++) host.wire.deliver(frame(60 + 11 * i, i));
  },
  run: (host, n) => host.run(n * n * n * 1000),
  wait: (host) => host.run(7 * SECOND),
  up: (host) => host.up(),
  down: (host) => host.down(),
  init: (host) => host.io.protocolStarts('qnet'),
  promiscuous: (host) =>
    host.machine.process(() => {
      host.layer.find('tiny0')!.setPromiscuity(1);
      host.layer.find('tiny0')!.setPromiscuity(-1);
    }),
  fail: (host, n) => {
    for (let i = 0; i < n; i++) host.wire.outcomes.push(0x20);
  },
  stuck: (host, n) => {
    if (n % 2 === 0) host.wire.stuck = true;
    else host.wire.release();
  },
  again: (host) => {
    host.io.destroy('tiny0');
    host.io.mount('tiny');
  },
};

test('random commands in the midst of traffic: nothing vanishes, nothing is left', () => {
  const command = fc.tuple(fc.constantFrom(...Object.keys(STEPS)), fc.nat(40));
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), fc.boolean(), fc.boolean(), (commands, slow, costs) => {
      const host = onWire({ bitsPerSecond: slow ? 10_000_000 : 0, costs });
      const before = host.census();
      host.io.mount('tiny');
      for (const [name, n] of commands) {
        STEPS[name](host, n);
        expect(host.balance()).toBe(0);
        expect(host.io.held.length).toBe(0);
      }
      host.wire.release();
      host.wire.outcomes.length = 0;
      host.up();
      host.run(20 * SECOND);
      expectWorks(host);
      expect(host.machine.mbufs.inUse).toBe(SLOTS);
      host.io.destroy('tiny0');
      expect([host.census(), host.machine.mbufs.debug!.check()]).toEqual([before, []]);
    }),
    { numRuns: 80, seed: 7 },
  );
});
