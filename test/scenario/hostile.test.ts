// What strangers hand in: captures, lab files, ring lengths, frames of any length. A clear error or a counted drop each; nothing crashes,
// hangs or vanishes. Cards in bad hands are in hostile-card.test.ts, whole labs in hostile-lab.test.ts.

import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/kernel/clock.ts';
import { loadLab } from '../../src/lab/load.ts';
import { CaptureError, MemorySink } from '../../src/ports/capture.ts';
import { CaptureSink } from '../../src/ports/capture-sink.ts';
import { openCapture } from '../../src/ports/open-capture.ts';
import { Tap } from '../../src/ports/tap.ts';
import { unaccounted, type WireDevice } from '../../src/wire/counters.ts';
import { FramePool } from '../../src/wire/frame.ts';
import { FrameTap } from '../../src/wire/frame-tap.ts';
import { Hub } from '../../src/wire/hub.ts';
import { Link } from '../../src/wire/link.ts';
import { Switch } from '../../src/wire/switch.ts';
import { FAR_MAC, frame, HOST_MAC, MILLISECOND, makeHost } from '../vocabulary/bench.ts';
import { CAPTURE_FORMATS, captureFile } from '../vocabulary/capture-files.ts';
import { runLab } from '../vocabulary/labs.ts';
import { requirement } from '../vocabulary/require.ts';
import { expectCardSums, FRAME_LENGTHS } from '../vocabulary/rogue.ts';
import { numbered, TestStation } from '../vocabulary/station.ts';

/** The first bytes of a frame, when it has no room for more. */
const shortened = (length: number, to = HOST_MAC, from = FAR_MAC): Uint8Array =>
  frame(Math.max(length, 14), length, to, from).subarray(0, length);

const REPLAY = `
hosts:
  bob: { nics: [{ address: 10.0.0.2/24, negotiation: 1ms, promiscuous: true }] }
links: { tape: { between: [capture, bob] } }
ports: { capture: { kind: replay, file: some.pcap, pace: flat-out } }
`;

describe.each(CAPTURE_FORMATS)('a %s file', (format) => {
  const packets = [60, 300, 1514].map((length, i) => numbered(i, length));
  const whole = captureFile(format, packets);

  test('cut off anywhere gives the packets before the cut or says at which byte it ends', () => {
    for (let length = 0; length < whole.length; length++) {
      let count = 0;
      try {
        for (const { data } of openCapture(whole.subarray(0, length)))
          expect(data.length).toBe(packets[count++].length);
      } catch (error) {
        expect(error).toBeInstanceOf(CaptureError);
        expect((error as Error).message).toMatch(/^byte \d+: .+; .+/);
      }
      expect(count).toBeLessThan(packets.length);
    }
  });

  test('cut off in its last packet is replayed up to there, and the report says so', () => {
    const { report } = runLab(REPLAY, 50 * MILLISECOND, () => whole.subarray(0, whole.length - 5));
    expect(report.flows[0]).toMatchObject({ sent: 2, received: 2 });
    expect(report.flows[0].trouble).toMatch(/^byte \d+: /);
    expect(report.conservation.vanished).toEqual([]);
  });

  test('whose header lies is refused by name when the lab is made', () => {
    const lying = whole.slice();
    lying.fill(0xff, 4, 12);
    expect(() => runLab(REPLAY, MILLISECOND, () => lying)).toThrow(/^port "capture": some.pcap: byte \d+: /);
  });

  test('with a lie in any word is replayed as far as it can be, and nothing vanishes', () => {
    for (let at = 24; at + 4 <= 160; at += 4) {
      const lying = whole.slice();
      lying.fill(0xff, at, at + 4);
      try {
        const { report } = runLab(REPLAY, MILLISECOND, () => lying);
        expect(report.conservation.vanished, `lie at ${at}`).toEqual([]);
      } catch (error) {
        expect((error as Error).message, `lie at ${at}`).toMatch(/^port "capture": some.pcap: byte \d+: /);
      }
    }
  });
});

test('a lab file with keys nobody knows is told where they are and what was meant', () => {
  const text = `hosts:
  alice:
    profil: ideal
    nics: [{ addres: 10.0.0.1/24 }]
sede: 1
`;
  expect(() => loadLab('lab.yaml', text)).toThrow(
    [
      'lab.yaml:3:5: unknown key "profil"; did you mean "profile"?',
      'lab.yaml:4:14: unknown key "addres"; did you mean "address"?',
      'lab.yaml:5:1: unknown key "sede"; did you mean "seed"?',
    ].join('\n'),
  );
});

describe('rings of lengths no driver asks for', () => {
  test.each([0, 2, 3])('style %i: 0 in CSR76 and CSR78 is 65536, all counted, and it ends', (style) => {
    const host = makeHost({ bind: false });
    const write = (register: number, value: number): void => {
      host.chip.writeBar(1, 0x12, 2, register);
      host.chip.writeBar(1, 0x10, 2, value);
    };
    host.pci.enable();
    host.pci.setMaster();
    const { memory } = host.machine;
    const start = memory.alloc(4096, 4096);
    for (const owned of [false, true]) {
      write(0, 0x0004);
      write(58, style);
      for (const register of [24, 30]) {
        write(register, start & 0xffff);
        write(register + 1, start >>> 16);
      }
      write(76, 0);
      write(78, 0);
      write(15, 0x8000);
      // Descriptors without an end, up to where memory ends.
      if (owned) memory.u32.fill(0x8200ffff, start >>> 2);
      write(0, 0x0042);
      for (const length of FRAME_LENGTHS) host.wire.deliver(shortened(length));
      host.run();
      expectCardSums(host);
    }
    expect(host.chip.counters.missed).toBeGreaterThan(0);
    const { busFaults, txOversize, txUnderflow } = host.chip.counters;
    expect(busFaults + txOversize + txUnderflow).toBeGreaterThan(0);
  });

  test.each([0, 1])('length codes of an initialization block beyond the longest: the longest (%i)', (bit) => {
    const host = makeHost({ bind: false });
    const write = (register: number, value: number): void => {
      host.chip.writeBar(1, 0x12, 2, register);
      host.chip.writeBar(1, 0x10, 2, value);
    };
    host.pci.enable();
    host.pci.setMaster();
    const block = host.machine.memory.alloc(32, 16);
    host.machine.memory.u32[block >>> 2] = bit === 0 ? 0 : 0xf0f00000;
    write(58, 2);
    write(1, block & 0xffff);
    write(2, block >>> 16);
    write(0, 0x0001);
    host.chip.writeBar(1, 0x12, 2, 76);
    expect(host.chip.readBar(1, 0x10, 2)).toBe(bit === 0 ? 0xffff : 0xfe00);
  });
});

describe('frames of 0, 13, 60, 1514, 1519 and 9000 bytes', () => {
  test.each(['Am79C970A', 'Am79C973'] as const)('from the wire by %s and driver to the stack', (chip) => {
    const host = makeHost({ chip });
    host.runUntil(() => host.device.carrier);
    for (const length of FRAME_LENGTHS) host.wire.deliver(shortened(length));
    host.run();
    host.expectReceived(shortened(60), shortened(1514));
    host.expectNothingReceived();
    expect(host.chip.counters).toMatchObject({ received: 6, delivered: 4, runt: 2 });
    expect(host.device.rx).toMatchObject({ packets: 2, errors: 2 });
    expectCardSums(host);
  });

  test.each(['Am79C970A', 'Am79C973'] as const)('from the stack by driver and %s to the wire', (chip) => {
    const host = makeHost({ chip });
    host.runUntil(() => host.device.carrier);
    for (const length of FRAME_LENGTHS) host.send(shortened(length));
    host.run();
    host.expectConserved();
    expectCardSums(host);
    expect(host.device.offered).toBe(6);
    expect(host.wire.frames.length).toBe(host.device.tx.packets);
    host.close();
    expect(host.census().mbufs).toBe(0);
  });

  test.each(['switch', 'hub'] as const)('through a %s', (kind) => {
    const clock = new VirtualClock();
    const pool = new FramePool();
    const device: WireDevice & { ports: readonly Link['a'][] | Hub['ports'] } =
      kind === 'switch'
        ? (new Switch({ name: kind, clock, pool, ports: [{}, {}, {}] }) as never)
        : new Hub({ name: kind, clock, pool, ports: 3 });
    const stations = device.ports.map((port) => new TestStation(port, clock));
    stations[0].offer(...FRAME_LENGTHS.map((length, i) => numbered(i, length)));
    clock.run(100 * MILLISECOND);
    expect(stations[0].statuses.length).toBe(6);
    const expected = kind === 'switch' ? [60, 1514, 1519, 9000] : [...FRAME_LENGTHS];
    for (const station of stations.slice(1))
      expect(station.arrivals.map(({ bytes }) => bytes.length)).toEqual(expected);
    for (const direction of Object.values(device.report().directions)) expect(unaccounted(direction)).toBe(0);
    expect(pool.inUse).toBe(0);
  });

  test('into a pcapng file and out again', () => {
    const clock = new VirtualClock();
    const link = new Link({ name: 'cable', clock, pool: new FramePool() });
    const sink = new MemorySink();
    const capture = new CaptureSink(sink);
    const sender = new TestStation(new FrameTap(link.a, clock, capture.observer('eth0')), clock);
    new TestStation(link.b, clock);
    const frames = FRAME_LENGTHS.map((length, i) => numbered(i, length));
    sender.offer(...frames);
    clock.run(MILLISECOND);
    capture.close();
    expect(Array.from(openCapture(sink.bytes()), ({ data }) => data.slice())).toEqual(frames);
  });

  const mayTap = requirement(
    'TAP',
    process.getuid?.() === 0 && existsSync('/dev/net/tun'),
    'it needs Linux, root and /dev/net/tun',
  );

  test.skipIf(!mayTap)("into this computer's kernel by a TAP", () => {
    const link = new Link({ name: 'cable', clock: new VirtualClock(), pool: new FramePool() });
    const tap = new Tap({ name: 'softnet%d', medium: link.a });
    try {
      for (const length of FRAME_LENGTHS) tap.receive(link.pool.from(numbered(0, length)));
      const { frames, bytes, written, ...drops } = tap.toKernel;
      expect(frames).toBe(6);
      expect(bytes).toBe(FRAME_LENGTHS.reduce<number>((sum, length) => sum + length, 0));
      expect(written + Object.values(drops).reduce((sum, count) => sum + count, 0)).toBe(6);
      expect(link.pool.inUse).toBe(0);
    } finally {
      tap.close();
    }
  });
});
