import { describe, expect, test } from 'vitest';
import { twoHosts } from '../../test/vocabulary/inet-hosts.ts';
import { X86_DESKTOP } from '../kernel/profile.ts';
import { NETIF_F_IP_CSUM } from '../net/device.ts';
import { UdpEcho } from './echo.ts';
import { UdpGenerator } from './generator.ts';
import { UdpSink } from './sink.ts';

const SECOND = 1_000_000_000;
const B = 0x0a000002;

describe('a UDP socket', () => {
  test('gets what the other side sends, of any length up to the MTU, odd ones too', () => {
    const { clock, a, b } = twoHosts();
    const from = a.stack.udp.open(5000);
    const to = b.stack.udp.open(6000);
    for (const length of [0, 1, 16, 191, 192, 193, 1471, 1472]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
      a.machine.process(() => from.send(bytes, B, 6000));
      clock.run(clock.now() + 1_000_000);
      const m = to.receive();
      if (m === null) throw new Error(`nothing came of ${length} bytes`);
      expect(b.machine.mbufs.toBytes(m)).toEqual(bytes);
      expect([to.fromAddress, to.fromPort]).toEqual([0x0a000001, 5000]);
      b.machine.mbufs.freem(m);
    }
    for (const host of [a, b]) host.expectBalanced();
  });

  test('leaves the checksum to a device that can put it in, and the packet is the same', () => {
    const frames = [0, NETIF_F_IP_CSUM].map((features) => {
      const { clock, a } = twoHosts();
      a.device.features = features;
      a.device.address.set([2, 0, 0, 0, 0, 1]);
      const socket = a.stack.udp.open(5000);
      // A broadcast needs no ARP.
      const { ops } = a.device;
      let seen: Uint8Array | null = null;
      const startXmit = ops.startXmit!.bind(ops);
      ops.startXmit = (m, queue) => {
        if (features !== 0 && m.length > 60) {
          expect(m.checksumFlags).not.toBe(0);
          // What the hardware would do.
          m.checksumFlags = 0;
          const { u8 } = a.machine.memory;
          const start = m.data + 34;
          let sum = 0;
          for (let i = 0; i < m.length - 34; i++) sum += i % 2 === 0 ? u8[start + i] << 8 : u8[start + i];
          while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
          u8[start + 6] = (~sum >> 8) & 0xff;
          u8[start + 7] = ~sum & 0xff;
        }
        if (m.length > 60) seen = a.machine.mbufs.toBytes(m);
        return startXmit(m, queue);
      };
      a.machine.process(() => socket.send(new Uint8Array(33).fill(5), 0x0a0000ff, 6000));
      clock.run(1_000_000);
      a.expectBalanced();
      return seen;
    });
    expect(frames[0]).not.toBeNull();
    expect(frames[1]).toEqual(frames[0]);
  });

  test('refuses datagrams beyond its limit, and drops what waits when it is closed', () => {
    const { clock, a, b } = twoHosts();
    const to = b.stack.udp.open(6000);
    to.queueLimit = 4;
    const from = a.stack.udp.open();
    for (let i = 0; i < 7; i++) {
      a.machine.process(() => from.send(new Uint8Array(4), B, 6000));
      clock.run(clock.now() + 100_000);
    }
    expect(b.device.dropReport()).toEqual({ SOCKET_RCVBUFF: 3 });
    expect(b.stack.balance()).toMatchObject({ held: 4, missing: 0 });
    to.close();
    expect(b.device.dropReport()).toEqual({ SOCKET_RCVBUFF: 3, NO_SOCKET: 4 });
    b.expectBalanced();
  });

  test('hears that nobody listens at the other side', () => {
    const { clock, a, b } = twoHosts();
    const from = a.stack.udp.open();
    a.machine.process(() => from.send(new Uint8Array(4), B, 4711));
    clock.run(SECOND);
    expect(from.errors).toBe(1);
    expect(b.device.dropReport()).toEqual({ NO_SOCKET: 1 });
  });

  test('has a port of its own', () => {
    const { a } = twoHosts();
    a.stack.udp.open(99);
    expect(() => a.stack.udp.open(99)).toThrow('UDP port 99 is in use');
    expect(() => a.stack.udp.open(65536)).toThrow('1 to 65535');
    expect(a.stack.udp.open().port).not.toBe(a.stack.udp.open().port);
  });

  test('sends to a group only those get who joined', () => {
    const { clock, a, b } = twoHosts();
    const to = b.stack.udp.open(6000);
    const from = a.stack.udp.open();
    const send = () => {
      a.machine.process(() => from.send(new Uint8Array(4), 0xe0000109, 6000));
      clock.run(clock.now() + 1_000_000);
    };
    send();
    expect(to.queued).toBe(0);
    b.stack.interfaces.join(b.device, 0xe0000109);
    expect([...b.device.multicast.values()][0].address).toEqual(Uint8Array.from([1, 0, 0x5e, 0, 1, 9]));
    send();
    expect(to.queued).toBe(1);
    b.stack.interfaces.leave(b.device, 0xe0000109);
    send();
    expect(to.queued).toBe(1);
  });

  test('echoes: what goes to port 7 comes back', () => {
    const { clock, a, b } = twoHosts({}, X86_DESKTOP);
    const echo = new UdpEcho(b.stack);
    const socket = a.stack.udp.open();
    for (let i = 0; i < 5; i++) {
      a.machine.process(() => socket.send(Uint8Array.from([i, 2, 3]), B, 7));
      clock.run(clock.now() + 1_000_000);
    }
    expect(echo.answered).toBe(5);
    for (let i = 0; i < 5; i++) {
      const m = socket.receive();
      if (m === null) throw new Error('no answer');
      expect(a.machine.mbufs.toBytes(m)).toEqual(Uint8Array.from([i, 2, 3]));
      a.machine.mbufs.freem(m);
    }
    for (const host of [a, b]) host.expectBalanced();
  });
});

describe('a generator', () => {
  test('sends at a rate, exact on average', () => {
    const { clock, a, b } = twoHosts();
    const sink = new UdpSink(b.stack, 9);
    const it = new UdpGenerator(a.stack, {
      destination: '10.0.0.2',
      port: 9,
      flow: 7,
      packetsPerSecond: 3333,
      durationNs: SECOND,
    });
    clock.run(2 * SECOND);
    expect(it).toMatchObject({ sent: 3333, failed: 0, finished: true });
    const report = sink.flow(7)?.report(it.sent);
    expect(report).toMatchObject({
      received: 3333,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      latencyP50Ns: 1000,
    });
    expect(report?.packetsPerSecond).toBeCloseTo(3333, 1);
    for (const host of [a, b]) host.expectBalanced();
  });

  test('of 50 Mbit/s fills half a link of 100 Mbit/s, and of 110 all of it', () => {
    const wire = { bitsPerSecond: 100_000_000 };
    for (const [rate, expected] of [
      [50e6, 50e6],
      [110e6, 100e6],
    ]) {
      const { clock, a, b } = twoHosts(wire);
      const sink = new UdpSink(b.stack, 9);
      new UdpGenerator(a.stack, {
        destination: '10.0.0.2',
        port: 9,
        size: 1472,
        bitsPerSecond: rate,
        durationNs: SECOND,
      });
      clock.run(2 * SECOND);
      // 1472 bytes of payload are 1538 on the wire.
      const measured = (sink.flow(0)?.report().packetsPerSecond ?? 0) * 1538 * 8;
      expect(Math.abs(measured - expected) / expected).toBeLessThan(0.001);
      for (const host of [a, b]) host.expectBalanced();
    }
  });

  test('flat out fills the link and loses nothing', () => {
    const { clock, a, b } = twoHosts({ bitsPerSecond: 100_000_000 }, X86_DESKTOP);
    const sink = new UdpSink(b.stack, 9);
    const it = new UdpGenerator(a.stack, { destination: '10.0.0.2', port: 9, durationNs: SECOND / 10 });
    clock.run(SECOND);
    expect(it.failed).toBe(0);
    expect(it.waits).toBeGreaterThan(10);
    const report = sink.flow(0)?.report(it.sent);
    expect(report?.lost).toBe(0);
    // 148,809 frames of 64 bytes a second.
    expect(report?.packetsPerSecond).toBeGreaterThan(148_600);
    expect(report?.packetsPerSecond).toBeLessThan(148_900);
    for (const host of [a, b]) host.expectBalanced();
  });

  test('flat out where nothing takes time still ends', () => {
    const { clock, a, b } = twoHosts();
    const sink = new UdpSink(b.stack, 9, { inSoftirq: true });
    const it = new UdpGenerator(a.stack, { destination: '10.0.0.2', port: 9, count: 10_000 });
    clock.run(SECOND);
    expect(it).toMatchObject({ sent: 10_000, finished: true });
    expect(sink.packets + b.device.rx.errors).toBe(10_000);
    for (const host of [a, b]) host.expectBalanced();
  });

  test('with Poisson gaps keeps its rate, and the gaps scatter as they should', () => {
    const { clock, a, b } = twoHosts();
    const times: number[] = [];
    b.stack.udp.open(9).handler = (m) => {
      times.push(clock.now());
      b.machine.mbufs.freem(m);
    };
    const it = new UdpGenerator(a.stack, {
      destination: '10.0.0.2',
      port: 9,
      packetsPerSecond: 10_000,
      poisson: true,
      durationNs: 2 * SECOND,
    });
    clock.run(3 * SECOND);
    expect(Math.abs(it.sent - 20_000)).toBeLessThan(4 * Math.sqrt(20_000));
    const gaps = times.slice(1).map((time, i) => time - times[i]);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    // The standard deviation of an exponential distribution is its mean.
    expect(Math.abs(deviation / mean - 1)).toBeLessThan(0.05);
  });

  test('sees what the link loses, copies and delays', () => {
    const { clock, a, b } = twoHosts();
    const sink = new UdpSink(b.stack, 9);
    let n = 0;
    let kept: Uint8Array | null = null;
    a.ends[0].filter = (frame) => {
      if (frame[13] !== 0) return true;
      n++;
      if (n % 100 === 10) return false;
      if (n % 100 === 20) b.ends[0].inject(frame);
      if (n % 100 === 30) {
        kept = frame.slice();
        return false;
      }
      if (n % 100 === 33 && kept !== null) b.ends[0].inject(kept);
      return true;
    };
    const it = new UdpGenerator(a.stack, {
      destination: '10.0.0.2',
      port: 9,
      packetsPerSecond: 100_000,
      count: 1000,
    });
    clock.run(SECOND);
    expect(sink.flow(0)?.report(it.sent)).toMatchObject({
      received: 1000,
      lost: 10,
      duplicated: 10,
      reordered: 10,
    });
  });

  test('drops at its own queue what a link cannot carry, each packet counted', () => {
    const { clock, a, b } = twoHosts({ bitsPerSecond: 10_000_000, queueLength: 100 });
    const sink = new UdpSink(b.stack, 9);
    const it = new UdpGenerator(a.stack, {
      destination: '10.0.0.2',
      port: 9,
      size: 1000,
      packetsPerSecond: 10_000,
      count: 5000,
    });
    clock.run(10 * SECOND);
    const { QDISC_DROP } = a.device.dropReport();
    expect(QDISC_DROP).toBeGreaterThan(2000);
    expect(it).toMatchObject({ sent: 5000, failed: 0 });
    expect(sink.packets + QDISC_DROP).toBe(5000);
    for (const host of [a, b]) host.expectBalanced();
  });

  test.each([
    [{ size: 15 }, 'a size of 15: 16 to 65507'],
    [{ flow: 70000 }, 'the flow must be 0 to 65535'],
    [{ packetsPerSecond: 0 }, 'a rate of 0: more than 0 is wanted'],
    [{ packetsPerSecond: 1, bitsPerSecond: 1 }, 'not both'],
    [{ poisson: true }, 'poisson needs a rate'],
    [{ destination: '10.0.0.256' }, '256 must be a number from 0 to 255'],
  ])('refuses %j', (options, message) => {
    const { a } = twoHosts();
    expect(() => new UdpGenerator(a.stack, { destination: '10.0.0.2', port: 9, ...options })).toThrow(
      message,
    );
  });

  test('gives back everything it took', () => {
    const { clock, a } = twoHosts();
    const before = a.machine.memory.blocks;
    new UdpGenerator(a.stack, { destination: '10.0.0.2', port: 9, packetsPerSecond: 1000, count: 5 });
    clock.run(SECOND);
    expect(a.machine.memory.blocks).toBe(before);
    expect(a.stack.udp.openSockets).toEqual([]);
  });
});

describe('a sink', () => {
  test('in a thread loses packets when its CPU has no time, at the socket', () => {
    const { clock, a, b } = twoHosts({}, X86_DESKTOP);
    const sink = new UdpSink(b.stack, 9, { queueLimit: 2 });
    a.machine.process(() => {
      const socket = a.stack.udp.open();
      for (let i = 0; i < 3; i++) socket.send(new Uint8Array(16), B, 9);
    });
    clock.run(SECOND);
    const drops = b.device.dropReport().SOCKET_RCVBUFF ?? 0;
    expect(sink.packets + drops).toBe(3);
    expect(sink.foreign).toBe(sink.packets);
    for (const host of [a, b]) host.expectBalanced();
  });
});
