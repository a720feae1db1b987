import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../kernel/clock.ts';
import { type Frame, FramePool } from '../wire/frame.ts';
import { FrameTap } from '../wire/frame-tap.ts';
import { Link } from '../wire/link.ts';
import { type Capture, MemorySink } from './capture.ts';
import { CaptureSink } from './capture-sink.ts';
import { openCapture } from './open-capture.ts';
import { PcapWriter } from './pcap.ts';
import { Replay, type ReplayOptions } from './replay.ts';

const SECOND = 1e9;

function mixed(): Capture {
  return openCapture(
    readFileSync(fileURLToPath(new URL('../../test/captures/mixed-ns.pcap', import.meta.url))),
  );
}

/** A capture of packets of these lengths, a millisecond apart. */
function made(lengths: number[], options: { linkType?: number; originalLength?: number } = {}): Capture {
  const sink = new MemorySink();
  const writer = new PcapWriter(sink, { linkType: options.linkType });
  lengths.forEach((length, i) => {
    writer.packet(1, i * 1e6, new Uint8Array(length).fill(i + 1), options.originalLength ?? length);
  });
  writer.flush();
  return openCapture(sink.bytes());
}

/** A cable with a replay at one side and a listener that notes what arrives, and when. */
function bench(
  capture: Capture,
  options: Partial<ReplayOptions> & { bitsPerSecond?: number; plug?: boolean } = {},
) {
  const clock = new VirtualClock();
  const pool = new FramePool();
  const link = new Link({ name: 'cable', clock, pool, bitsPerSecond: options.bitsPerSecond ?? 0 });
  const arrivals: { time: number; data: Uint8Array }[] = [];
  const listener = {
    receive(frame: Frame) {
      arrivals.push({ time: clock.now(), data: frame.bytes().slice() });
      pool.put(frame);
    },
    transmitted() {},
    carrierChanged() {},
  };
  if (options.plug !== false) link.b.attach(listener);
  const replay = new Replay({ clock, medium: link.a, capture, ...options });
  return { clock, pool, link, replay, arrivals };
}

const gaps = (times: number[]) => times.slice(1).map((time, i) => time - times[i]);

describe('a replay', () => {
  it('keeps the gaps of the capture', () => {
    const { clock, pool, replay, arrivals } = bench(mixed());
    replay.start();
    clock.run(100 * SECOND);
    // Six of spanning tree and two of ARP are shorter than a wire wants them.
    expect(replay.counters).toMatchObject({ sent: 40, padded: 8, rounds: 1 });
    expect(gaps(arrivals.map(({ time }) => time))).toEqual(gaps(Array.from(mixed(), ({ timeNs }) => timeNs)));
    expect([replay.ended, replay.fault, pool.inUse]).toEqual([true, null, 0]);
  });

  it('sends the bytes of the capture, made up to 60', () => {
    const { clock, replay, arrivals } = bench(mixed());
    replay.start();
    clock.run(100 * SECOND);
    expect(arrivals.map(({ data }) => [...data])).toEqual(
      Array.from(mixed(), ({ data }) => [...data, ...new Array(Math.max(0, 60 - data.length)).fill(0)]),
    );
  });

  it('plays at ten times the speed', () => {
    const { clock, replay, arrivals } = bench(made([60, 60, 60]), { speed: 10 });
    replay.start(500);
    clock.run(SECOND);
    expect(arrivals.map(({ time }) => time)).toEqual([500, 100_500, 200_500]);
  });

  it('flat out fills the wire and waits for nothing else', () => {
    const { clock, replay, arrivals } = bench(made([1514, 1514, 1514]), {
      pacing: 'flat-out',
      bitsPerSecond: 1e9,
    });
    replay.start();
    clock.run(SECOND);
    expect(gaps(arrivals.map(({ time }) => time))).toEqual([12_304, 12_304]);
  });

  it('holds a rate in frames or in bits a second', () => {
    for (const [pacing, gap] of [
      [{ framesPerSecond: 1000 }, 1e6],
      [{ bitsPerSecond: 10e6 }, 67_200],
    ] as const) {
      const { clock, replay, arrivals } = bench(made([60, 60, 60]), { pacing, loops: 2 });
      replay.start();
      clock.run(SECOND);
      expect(gaps(arrivals.map(({ time }) => time))).toEqual([gap, gap, gap, gap, gap]);
    }
  });

  it('goes round with the mean gap in between', () => {
    const { clock, replay, arrivals } = bench(made([60, 60, 60]), { loops: 3 });
    replay.start();
    clock.run(SECOND);
    expect(arrivals.map(({ time }) => time / 1e6)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(replay.counters.rounds).toBe(3);
  });

  it('goes on until it is stopped, and then leaves no frame behind', () => {
    const { clock, pool, replay } = bench(made([60]), { loops: Infinity });
    replay.start();
    clock.run(SECOND);
    expect(replay.counters.sent).toBe(1001);
    replay.stop();
    clock.run(2 * SECOND);
    expect([replay.counters.sent, pool.inUse]).toEqual([1001, 0]);
    replay.start();
    clock.run(2 * SECOND + 1);
    expect(replay.counters.sent).toBe(1002);
  });

  it('ends when no frame of the capture can be sent, also with loops without end', () => {
    const cases = [
      [made([60, 60], { linkType: 113 }), { skippedLinkType: 2 }],
      [made([60, 60], { originalLength: 61 }), { skippedTruncated: 2 }],
      [made([0, 13]), { skippedShort: 2 }],
      [made([16_383, 60_000]), { skippedLong: 2 }],
      [made([]), { sent: 0 }],
    ] as const;
    for (const [capture, counted] of cases) {
      const { clock, pool, replay } = bench(capture, { loops: Infinity, pacing: 'flat-out' });
      replay.start();
      clock.run(SECOND);
      expect(replay.counters).toMatchObject({ sent: 0, rounds: 1, ...counted });
      expect([replay.ended, pool.inUse]).toEqual([true, 0]);
    }
  });

  it('sends what came before a fault in the file, and keeps the fault', () => {
    const sink = new MemorySink();
    const writer = new PcapWriter(sink);
    for (let i = 0; i < 3; i++) writer.packet(i, 0, new Uint8Array(60));
    writer.flush();
    let ends = 0;
    const { clock, replay } = bench(openCapture(sink.bytes().subarray(0, -1)), {
      loops: 5,
      onEnd: () => ends++,
    });
    replay.start();
    clock.run(10 * SECOND);
    expect(replay.counters.sent).toBe(2);
    expect(replay.fault?.message).toContain('ends after 59 more');
    expect(ends).toBe(1);
  });

  it('counts frames nobody can receive as lost', () => {
    const { clock, pool, replay } = bench(made([60, 60]), { plug: false });
    replay.start();
    clock.run(SECOND);
    expect(replay.counters).toMatchObject({ sent: 0, lostNoCarrier: 2 });
    expect(pool.inUse).toBe(0);
  });

  it('puts other addresses in', () => {
    const { clock, replay, arrivals } = bench(made([60]), {
      destination: Uint8Array.of(1, 2, 3, 4, 5, 6),
      source: Uint8Array.of(2, 0, 0, 0, 0, 9),
    });
    replay.start();
    clock.run(SECOND);
    expect([...arrivals[0].data.subarray(0, 14)]).toEqual([1, 2, 3, 4, 5, 6, 2, 0, 0, 0, 0, 9, 1, 1]);
  });

  it('lets other work of the clock have its turn when sending takes no time', () => {
    const { clock, replay } = bench(made([60]), { pacing: 'flat-out', loops: Infinity, loopGapNs: 0 });
    replay.start();
    clock.fireNext();
    expect(replay.counters.sent).toBe(64);
    replay.stop();
  });

  it('says what is wrong with a rate, a speed or an address', () => {
    const wrong: Partial<ReplayOptions>[] = [
      { speed: 0 },
      { loops: Number.NaN },
      { pacing: { framesPerSecond: -1 } },
      { destination: new Uint8Array(5) },
    ];
    for (const options of wrong) expect(() => bench(made([60]), options)).toThrow(/would be right/);
  });
});

describe('a capture of a replay', () => {
  it('shows the frames, their gaps and their direction', () => {
    const clock = new VirtualClock();
    const pool = new FramePool();
    const link = new Link({ name: 'cable', clock, pool });
    const memory = new MemorySink();
    const sink = new CaptureSink(memory, { epochSeconds: 1_700_000_000 });
    const [sent, seen] = [sink.observer('a'), sink.observer('b')];
    const listener = { receive: (frame: Frame) => pool.put(frame), transmitted() {}, carrierChanged() {} };
    new FrameTap(link.b, clock, seen).attach(listener);
    const replay = new Replay({
      clock,
      medium: new FrameTap(link.a, clock, sent),
      capture: made([60, 1514, 300]),
    });
    replay.start();
    clock.run(SECOND);
    sink.close();
    const capture = openCapture(memory.bytes());
    const records = [...capture];
    expect(
      records.map(({ timeNs, direction, interfaceId, data }) => [
        timeNs,
        direction,
        interfaceId,
        data.length,
        data[20],
      ]),
    ).toEqual(
      [60, 1514, 300].flatMap((length, i) => [
        [i * 1e6, 'outbound', 0, length, i + 1],
        [i * 1e6, 'inbound', 1, length, i + 1],
      ]),
    );
    expect(records[2].seconds).toBe(1_700_000_000);
    expect(capture.interfaces.map((one) => one.received)).toEqual([3, 3]);
  });
});
