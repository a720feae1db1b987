import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FramePool } from '../wire/frame.ts';
import {
  type CaptureDirection,
  type CaptureRecord,
  linkTypeName,
  MemorySink,
  notEthernet,
} from './capture.ts';
import { openCapture } from './open-capture.ts';
import { PcapWriter } from './pcap.ts';
import { PcapngWriter } from './pcapng-writer.ts';

const packets = fc.array(
  fc.record({
    seconds: fc.nat(0xffffffff),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
    data: fc.uint8Array({ maxLength: 2000 }),
    cutBytes: fc.nat(100),
    direction: fc.constantFrom<CaptureDirection>('unknown', 'inbound', 'outbound'),
  }),
  { maxLength: 60 },
);
const byteOrder = fc.constantFrom<'little' | 'big'>('little', 'big');

function file(name: string): Uint8Array {
  return readFileSync(fileURLToPath(new URL(`../../test/captures/${name}`, import.meta.url)));
}

/** The records without what follows from the rest, data as an ordinary array. */
function essence(records: Iterable<CaptureRecord>) {
  return Array.from(records, ({ seconds, nanoseconds, originalLength, direction, data }) => ({
    seconds,
    nanoseconds,
    originalLength,
    direction,
    data: [...data],
  }));
}

describe('what is written is read back', () => {
  it('pcap, both byte orders, micro- and nanoseconds', () => {
    fc.assert(
      fc.property(packets, byteOrder, fc.constantFrom<'us' | 'ns'>('us', 'ns'), (list, order, resolution) => {
        const sink = new MemorySink();
        const writer = new PcapWriter(sink, { byteOrder: order, resolution });
        for (const p of list) writer.packet(p.seconds, p.nanoseconds, p.data, p.data.length + p.cutBytes);
        writer.flush();
        const step = resolution === 'us' ? 1000 : 1;
        expect(essence(openCapture(sink.bytes()))).toEqual(
          list.map((p) => ({
            seconds: p.seconds,
            nanoseconds: Math.floor(p.nanoseconds / step) * step,
            originalLength: p.data.length + p.cutBytes,
            direction: 'unknown',
            data: [...p.data],
          })),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('pcapng, both byte orders, with directions and several interfaces', () => {
    fc.assert(
      fc.property(packets, byteOrder, (list, order) => {
        const sink = new MemorySink();
        const writer = new PcapngWriter(sink, { byteOrder: order });
        const ids = ['a', 'übertragung', ''].map((name) => writer.addInterface({ name }));
        list.forEach((p, i) => {
          writer.packet(
            ids[i % 3],
            p.seconds,
            p.nanoseconds,
            p.data,
            p.direction,
            p.data.length + p.cutBytes,
          );
        });
        writer.statistics(1, 1, 0, 2 ** 40 + 7, 3);
        writer.flush();
        const capture = openCapture(sink.bytes());
        const records = [...capture];
        expect(records.map((record) => record.interfaceId)).toEqual(list.map((_, i) => i % 3));
        expect(capture.interfaces.map(({ name }) => name)).toEqual(['a', 'übertragung', '']);
        expect(capture.interfaces[1]).toMatchObject({
          received: 2 ** 40 + 7,
          dropped: 3,
          resolution: '1e-9 s',
        });
        expect(essence(records)).toEqual(
          list.map((p) => ({
            seconds: p.seconds,
            nanoseconds: p.nanoseconds,
            originalLength: p.data.length + p.cutBytes,
            direction: p.direction,
            data: [...p.data],
          })),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('frames of the wire, at every alignment their lengths bring about', () => {
    const pool = new FramePool();
    const lengths = Array.from({ length: 200 }, (_, i) => 60 + ((i * 97) % 1455));
    const frames = lengths.map((length, i) =>
      pool.from(Uint8Array.from({ length }, (_, k) => (k * 3 + i) & 0xff)),
    );
    const [classic, next] = [new MemorySink(), new MemorySink()];
    const writers = { pcap: new PcapWriter(classic), pcapng: new PcapngWriter(next) };
    writers.pcapng.addInterface({ name: 'a' });
    frames.forEach((frame, i) => {
      writers.pcap.frame(i, i, frame);
      writers.pcapng.frame(0, i, i, frame, 'inbound');
    });
    writers.pcap.flush();
    writers.pcapng.flush();
    for (const sink of [classic, next]) {
      const records = [...openCapture(sink.bytes())];
      expect(records.map(({ data }) => [...data])).toEqual(frames.map((frame) => [...frame.bytes()]));
    }
  });

  it('packets longer than the snap length are cut and say so', () => {
    for (const make of [
      (sink: MemorySink) => {
        const writer = new PcapWriter(sink, { snapLength: 10 });
        writer.packet(1, 2, new Uint8Array(100));
        writer.flush();
      },
      (sink: MemorySink) => {
        const writer = new PcapngWriter(sink);
        writer.packet(writer.addInterface({ name: 'a', snapLength: 10 }), 1, 2, new Uint8Array(100));
        writer.flush();
      },
    ]) {
      const sink = new MemorySink();
      make(sink);
      expect([...openCapture(sink.bytes())][0]).toMatchObject({ capturedLength: 10, originalLength: 100 });
    }
  });

  it('a packet larger than the writer buffers goes through whole', () => {
    const sink = new MemorySink();
    const writer = new PcapngWriter(sink);
    const data = Uint8Array.from({ length: 200_001 }, (_, i) => i);
    writer.packet(writer.addInterface({ name: 'a' }), 1, 2, data);
    writer.packet(0, 3, 4, data.subarray(0, 60));
    writer.flush();
    expect(Array.from(openCapture(sink.bytes()), (record) => record.data.length)).toEqual([200_001, 60]);
  });
});

describe('captures of real traffic', () => {
  it('the same packets in four files are the same packets', () => {
    const all = [...openCapture(file('mixed.pcap'))];
    const nano = [...openCapture(file('mixed-ns.pcap'))];
    expect(all).toHaveLength(121);
    expect(essence(nano)).toEqual(essence(openCapture(file('mixed-ns.pcapng'))));
    expect(essence(all.slice(40, 70))).toEqual(essence(openCapture(file('mixed.pcapng'))));
    const cut = (ns: number) => Math.floor(ns / 1000) * 1000;
    expect(essence(all.slice(0, 40))).toEqual(
      essence(nano).map((record) => ({ ...record, nanoseconds: cut(record.nanoseconds) })),
    );
  });

  it('hold the types their README says', () => {
    const types = new Set(
      Array.from(openCapture(file('mixed.pcap')), ({ data }) => {
        const type = (data[12] << 8) | data[13];
        return type < 0x600 ? 'llc' : type.toString(16);
      }),
    );
    expect([...types].sort()).toEqual(['800', '806', '86dd', 'llc']);
  });

  it('dumpcap of two ports: names, statistics, times that go back', () => {
    const capture = openCapture(file('two-ports-ns.pcapng'));
    const records = [...capture];
    expect(capture.interfaces).toMatchObject([
      { id: 0, name: 'p0', linkType: 1, snapLength: 262_144, dropped: 0 },
      { id: 1, name: 'p1', linkType: 1, snapLength: 262_144, dropped: 0 },
    ]);
    expect(records).toHaveLength(10);
    expect(records.filter((record) => record.interfaceId === 1)).toHaveLength(5);
    expect(records.some((record, i) => i > 0 && record.timeNs < records[i - 1].timeNs)).toBe(true);
  });

  it('times are relative to the first packet and absolute', () => {
    const [first, second] = openCapture(file('mixed-ns.pcap'));
    expect(first.timeNs).toBe(0);
    expect(second.timeNs).toBe(
      (second.seconds - first.seconds) * 1e9 + second.nanoseconds - first.nanoseconds,
    );
  });
});

describe('link types', () => {
  it('other than Ethernet are named, with what would be right', () => {
    expect(linkTypeName(113)).toBe('113 (Linux cooked)');
    expect(notEthernet(1)).toBe(null);
    expect(notEthernet(113)).toContain('not -i any');
  });
});

describe('the writer', () => {
  it('allocates nothing per packet', { retry: 3 }, () => {
    const writer = new PcapngWriter({ write: () => {} });
    const id = writer.addInterface({ name: 'a' });
    const data = new Uint8Array(60);
    const write = (count: number) => {
      for (let i = 0; i < count; i++) writer.packet(id, 1_700_000_000, i, data, 'inbound');
    };
    write(100_000);
    const before = process.memoryUsage().heapUsed;
    write(300_000);
    // One number or view a packet would be 5 MB or more; a view per 64 KiB chunk is some hundred bytes each.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2_000_000);
  });
});
