// Our files in the hands of strangers: tcpdump, tshark and capinfos must see the packets, times and bytes we wrote.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasProgram, requirement } from '../../test/vocabulary/require.ts';
import { FramePool } from '../wire/frame.ts';
import { FileSink, readCaptureFile } from './capture-file.ts';
import { CaptureSink } from './capture-sink.ts';
import { PcapWriter } from './pcap.ts';
import { PcapngWriter } from './pcapng-writer.ts';

interface Packet {
  seconds: number;
  nanoseconds: number;
  data: Uint8Array;
}

/** Frames of an experimental type: no dissector changes what is shown. */
const packets: Packet[] = Array.from({ length: 20 }, (_, i) => ({
  seconds: 1_700_000_000 + i * 3,
  nanoseconds: (i * 123_456_789) % 1_000_000_000,
  data: Uint8Array.from({ length: 60 + i * 37 }, (_, k) =>
    k === 12 ? 0x88 : k === 13 ? 0xb5 : (k * 7 + i) & 0xff,
  ),
}));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'softnet-'));
  // tcpdump gives up root before it opens the file.
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1e8,
  });
}

const formats = (['little', 'big'] as const).flatMap((byteOrder) => [
  { name: `pcap, us, ${byteOrder}`, byteOrder, resolution: 'us' as const },
  { name: `pcap, ns, ${byteOrder}`, byteOrder, resolution: 'ns' as const },
  { name: `pcapng, ns, ${byteOrder}`, byteOrder, resolution: 'ns' as const },
]);

function write(format: (typeof formats)[number]): string {
  const path = join(folder, format.name.replaceAll(', ', '-'));
  const sink = new FileSink(path);
  const { byteOrder, resolution } = format;
  if (format.name.startsWith('pcapng')) {
    const writer = new PcapngWriter(sink, { byteOrder });
    const id = writer.addInterface({ name: 'eth0' });
    for (const p of packets) writer.packet(id, p.seconds, p.nanoseconds, p.data, 'outbound');
    writer.statistics(id, 1_700_000_100, 5, packets.length, 0);
    writer.flush();
  } else {
    const writer = new PcapWriter(sink, { byteOrder, resolution });
    for (const p of packets) writer.packet(p.seconds, p.nanoseconds, p.data);
    writer.flush();
  }
  sink.close();
  return path;
}

function epoch(p: Packet, digits: number): string {
  return `${p.seconds}.${String(p.nanoseconds).padStart(9, '0').slice(0, digits)}`;
}

const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

const tcpdump = requirement('tcpdump', hasProgram('tcpdump'), 'it is not installed');
describe.skipIf(!tcpdump)('tcpdump reads what we write', () => {
  it.each(formats)('$name: times and bytes', (format) => {
    const lines = run('tcpdump', '-r', write(format), '-tt', '-nn', '--nano', '-xx').split('\n');
    const seen: { time: string; data: string }[] = [];
    for (const line of lines) {
      const dump = /^\s+0x[0-9a-f]+:\s+(.*)$/.exec(line);
      if (dump !== null) seen[seen.length - 1].data += dump[1].replaceAll(' ', '');
      else if (line !== '') seen.push({ time: line.split(' ')[0], data: '' });
    }
    const step = format.resolution === 'us' ? 6 : 9;
    expect(seen).toEqual(packets.map((p) => ({ time: epoch(p, step).padEnd(20, '0'), data: hex(p.data) })));
  });
});

const tshark = requirement('tshark', hasProgram('tshark'), 'it is not installed');
describe.skipIf(!tshark)('tshark reads what we write', () => {
  it.each(formats)('$name: times, lengths and bytes', (format) => {
    const path = write(format);
    const fields = run('tshark', '-r', path, '-T', 'fields', '-e', 'frame.time_epoch', '-e', 'frame.len');
    const step = format.resolution === 'us' ? 6 : 9;
    expect(fields.trimEnd().split('\n')).toEqual(
      packets.map((p) => `${epoch(p, step).padEnd(20, '0')}\t${p.data.length}`),
    );
    const json: { _source: { layers: { frame_raw: string[] } } }[] = JSON.parse(
      run('tshark', '-r', path, '-T', 'json', '-x', '-J', 'frame'),
    );
    expect(json.map((p) => p._source.layers.frame_raw[0])).toEqual(packets.map((p) => hex(p.data)));
  });

  it('a capture of a lab: interfaces, directions and a damaged frame', () => {
    const path = join(folder, 'lab');
    const file = new FileSink(path);
    const sink = new CaptureSink(file, { epochSeconds: 1_700_000_000.5 });
    const pool = new FramePool();
    const [left, right] = [sink.observer('left'), sink.observer('right')];
    const frame = pool.from(packets[0].data);
    left(frame, 250, 'out');
    frame.fcsExplicit = true;
    frame.fcs = 0x12345678;
    right(frame, 600_000_000, 'in');
    sink.close();
    file.close();
    const fields = [
      'time_epoch',
      'len',
      'interface_name',
      'packet_flags_direction',
      'packet_flags_crc_error',
    ];
    const shown = run(
      'tshark',
      '-r',
      path,
      '-T',
      'fields',
      ...fields.flatMap((field) => ['-e', `frame.${field}`]),
    );
    expect(shown.trimEnd().split('\n')).toEqual([
      '1700000000.500000250\t60\tleft\t0x00000002\t0',
      '1700000001.100000000\t64\tright\t0x00000001\t1',
    ]);
    expect([...readCaptureFile(path)][1]).toMatchObject({
      fcsLength: 4,
      direction: 'inbound',
      interfaceId: 1,
    });
  });
});

const capinfos = requirement('capinfos', hasProgram('capinfos'), 'it is not installed');
describe.skipIf(!capinfos)('capinfos finds nothing wrong', () => {
  it.each(formats)('$name', (format) => {
    const [count, order] = run('capinfos', '-TmrQ', '-c', '-o', write(format)).trim().split(',').slice(-2);
    expect([count, order]).toEqual([`"${packets.length}"`, '"True"']);
  });
});
