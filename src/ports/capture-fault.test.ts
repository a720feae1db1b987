// Truncated and lying files: each row says what is wrong, where the reader says so, and what it read before.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CaptureError, type CaptureRecord, MemorySink } from './capture.ts';
import { openCapture } from './open-capture.ts';
import { PcapWriter } from './pcap.ts';
import { PcapngWriter } from './pcapng-writer.ts';

type Word = number | [short: number, short: number] | Uint8Array;

/** Bytes from 32-bit words, pairs of 16-bit ones and arrays. */
function bytes(little: boolean, ...words: Word[]): Uint8Array {
  const out: number[] = [];
  const push = (value: number, size: number) => {
    const digits = Array.from({ length: size }, (_, i) => (value / 2 ** (8 * i)) & 0xff);
    out.push(...(little ? digits : digits.reverse()));
  };
  for (const word of words) {
    if (typeof word === 'number') push(word, 4);
    else if (word instanceof Uint8Array) out.push(...word);
    else for (const short of word) push(short, 2);
  }
  return Uint8Array.from(out);
}

function block(type: number, body: Uint8Array, little = true): Uint8Array {
  return bytes(little, type, body.length + 12, body, body.length + 12);
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const section = block(0x0a0d0d0a, bytes(true, 0x1a2b3c4d, [1, 0], 0xffffffff, 0xffffffff));
const ethernet = block(1, bytes(true, [1, 0], 0));
const snap64 = block(1, bytes(true, [1, 0], 64));
const packet = (id: number, captured: number, original: number, room: number) =>
  block(6, bytes(true, id, 0, 1000, captured, original, new Uint8Array(room)));
const good = packet(0, 4, 4, 4);
const intro = join(section, ethernet, good);

const pcapHeader = (snapLength = 262_144) => bytes(true, 0xa1b2c3d4, [2, 4], 0, 0, snapLength, 1);
const pcapRecord = (captured: number, room: number) =>
  bytes(true, 7, 8, captured, captured, new Uint8Array(room));
const pcapIntro = join(pcapHeader(), pcapRecord(4, 4));

/** Reads to the end or the fault. */
function read(file: Uint8Array): { records: CaptureRecord[]; fault: CaptureError | null } {
  const records: CaptureRecord[] = [];
  try {
    for (const record of openCapture(file)) records.push(record);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { records, fault: error };
  }
  return { records, fault: null };
}

const faults: [what: string, file: Uint8Array, offset: number, before: number, says: string][] = [
  ['an empty file', new Uint8Array(0), 0, 0, 'a pcap starts with'],
  ['a file of text', new TextEncoder().encode('hello, world'), 0, 0, 'starts with 68 65 6c 6c'],
  ['a gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), 0, 0, 'gunzip'],
  ['a "modified" pcap', bytes(true, 0xa1b2cd34), 0, 0, 'editcap'],
  ['a pcap that ends in its header', pcapHeader().subarray(0, 23), 23, 0, '24 bytes'],
  ['a pcap of another version', bytes(true, 0xa1b2c3d4, [2, 2], 0, 0, 0, 1), 4, 0, 'version 2.4'],
  ['a pcap that ends in a record header', join(pcapIntro, new Uint8Array(15)), 44, 1, '15 bytes of it'],
  ['a pcap that ends in a packet', join(pcapIntro, pcapRecord(100, 99)), 52, 1, 'ends after 99'],
  ['a pcap length of 0xffffffff', join(pcapIntro, pcapRecord(0xffffffff, 40)), 52, 1, '262144'],
  ['that without a snap length', join(pcapHeader(0), pcapRecord(0xffffffff, 40)), 32, 0, 'ends after 40'],
  [
    'a pcap packet beyond the snap length',
    join(pcapHeader(64), pcapRecord(65, 65)),
    32,
    0,
    'snap length, 64',
  ],
  ['a pcapng that ends in its first block', section.subarray(0, 20), 4, 0, 'ends 20 bytes after'],
  ['a pcapng of four bytes', section.subarray(0, 4), 0, 0, 'shortest block has 12'],
  ['a wrong byte-order magic', block(0x0a0d0d0a, new Uint8Array(16)), 8, 0, '1a2b3c4d'],
  ['a section header without its body', block(0x0a0d0d0a, bytes(true, 0x1a2b3c4d)), 8, 0, 'at least 16'],
  [
    'a pcapng of another version',
    block(0x0a0d0d0a, bytes(true, 0x1a2b3c4d, [2, 0], 0, 0)),
    12,
    0,
    'version 1.0',
  ],
  [
    'a block length that is no multiple of 4',
    join(intro, bytes(true, 6, 33, new Uint8Array(40))),
    88,
    1,
    'multiple of 4',
  ],
  ['a block length of 0', join(intro, bytes(true, 6, 0, new Uint8Array(40))), 88, 1, 'multiple of 4 from 12'],
  ['a block length of 8', join(intro, bytes(true, 6, 8, 8)), 88, 1, 'multiple of 4 from 12'],
  [
    'a block length beyond the end',
    join(intro, bytes(true, 6, 64, new Uint8Array(40))),
    88,
    1,
    'ends 48 bytes',
  ],
  ['a block length of 0xfffffffc', join(intro, bytes(true, 6, 0xfffffffc, 0)), 88, 1, 'ends 12 bytes'],
  ['two lengths that differ', join(intro, bytes(true, 99, 16, 0, 20)), 96, 1, '16, as the first'],
  ['a block cut off', join(intro, good.subarray(0, 11)), 84, 1, '11 bytes of it'],
  ['a packet before any interface', join(section, good), 36, 0, 'must come first'],
  ['a packet of an unknown interface', join(intro, packet(1, 4, 4, 4)), 92, 1, 'interfaces 0 to 0'],
  ['interface 0xffffffff', join(intro, packet(0xffffffff, 4, 4, 4)), 92, 1, 'interfaces 0 to 0'],
  [
    'a simple packet before any interface',
    join(section, block(3, bytes(true, 4, 0))),
    36,
    0,
    'must come first',
  ],
  [
    'statistics of an unknown interface',
    join(intro, block(5, bytes(true, 7, 0, 0))),
    92,
    1,
    'interfaces 0 to 0',
  ],
  ['an interface of the section before', join(intro, section, good), 120, 1, 'must come first'],
  ['a captured length beyond the block', join(intro, packet(0, 5, 5, 4)), 104, 1, 'room for 4'],
  ['a captured length of 0xffffffff', join(intro, packet(0, 0xffffffff, 1, 4)), 104, 1, 'room for 4'],
  ['a packet beyond the snap length', join(section, snap64, packet(0, 68, 68, 68)), 68, 0, 'interface, 64'],
  ['a packet block without its head', join(intro, block(6, new Uint8Array(16))), 92, 1, 'at least 20'],
  ['a simple packet longer than its block', join(intro, block(3, bytes(true, 9, 0, 0))), 92, 1, 'room for 8'],
  [
    'an option beyond its block',
    join(section, block(1, bytes(true, [1, 0], 0, [2, 9], 0))),
    46,
    0,
    'room for 4',
  ],
  [
    'ticks finer than 64 bits count',
    join(section, block(1, bytes(true, [1, 0], 0, [9, 1], 20))),
    48,
    0,
    '10^-19',
  ],
];

describe('a faulty file', () => {
  it.each(faults)('%s', (_what, file, offset, before, says) => {
    const { records, fault } = read(file);
    expect(fault?.message).toContain(says);
    expect(fault?.offset).toBe(offset);
    expect(fault?.message).toMatch(new RegExp(`^byte ${offset}: `));
    expect(records).toHaveLength(before);
  });

  it('gives all packets before the cut, wherever it is', () => {
    for (const pcapng of [false, true]) {
      const sink = new MemorySink();
      const ends: number[] = [];
      const writer = pcapng ? new PcapngWriter(sink) : new PcapWriter(sink);
      if (writer instanceof PcapngWriter) writer.addInterface({ name: 'a' });
      writer.flush();
      const head = sink.bytes().length;
      for (let i = 0; i < 5; i++) {
        if (writer instanceof PcapngWriter) writer.packet(0, i, 0, new Uint8Array(10 + i), 'inbound');
        else writer.packet(i, 0, new Uint8Array(10 + i));
        writer.flush();
        ends.push(sink.bytes().length);
      }
      const whole = sink.bytes();
      for (let length = head; length <= whole.length; length++) {
        const { records, fault } = read(whole.subarray(0, length));
        expect(records).toHaveLength(ends.filter((end) => end <= length).length);
        expect(fault === null).toBe(length === head || ends.includes(length));
      }
    }
  });

  it('never does worse than a CaptureError, whatever is changed in it', () => {
    const files = [
      join(intro, packet(0, 60, 60, 60), block(5, bytes(true, 0, 0, 0, [4, 8], 1, 0))),
      join(pcapIntro, pcapRecord(60, 60)),
    ];
    fc.assert(
      fc.property(
        fc.nat(1),
        fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 8 }),
        (which, changes) => {
          const file = files[which].slice();
          for (const [at, value] of changes) file[at % file.length] = value;
          const { records } = read(file);
          expect(records.length).toBeLessThan(10);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('an unusual but good file', () => {
  it('has sections of both byte orders, blocks nobody knows and packets of three kinds', () => {
    const bigSection = block(0x0a0d0d0a, bytes(false, 0x1a2b3c4d, [1, 2], 0, 40), false);
    // if_tsresol 2^-10, if_tsoffset 100 s, end of options missing, as it may be.
    const bigInterface = block(
      1,
      bytes(false, [1, 0], 6, [9, 1], Uint8Array.of(0x8a, 0, 0, 0), [14, 8], 0, 100),
      false,
    );
    const file = join(
      intro,
      block(0x0bad, new Uint8Array(8)),
      block(4, bytes(true, [1, 4], 0, [0, 0])),
      bigSection,
      bigInterface,
      block(6, bytes(false, 0, 0, 1536, 5, 9, new Uint8Array(8), [2, 4], 2, [0, 0]), false),
      block(3, bytes(false, 9, new Uint8Array(8)), false),
      block(2, bytes(false, [0, 77], 0, 2048, 4, 4, 0), false),
    );
    const { records, fault } = read(file);
    expect(fault).toBe(null);
    expect(records).toMatchObject([
      { interfaceId: 0, seconds: 0, nanoseconds: 1_000_000, capturedLength: 4 },
      {
        interfaceId: 1,
        seconds: 101,
        nanoseconds: 500_000_000,
        capturedLength: 5,
        originalLength: 9,
        direction: 'outbound',
      },
      { interfaceId: 1, seconds: 101, nanoseconds: 500_000_000, capturedLength: 6, originalLength: 9 },
      { interfaceId: 1, seconds: 102, nanoseconds: 0, capturedLength: 4 },
    ]);
  });

  it('carries a fraction of more than a second, and says how much FCS it has', () => {
    const header = bytes(true, 0xa1b2c3d4, [2, 4], 0, 0, 0, 0x24000001);
    const { records } = read(join(header, bytes(true, 1, 2_500_000, 64, 64, new Uint8Array(64))));
    expect(records).toMatchObject([{ seconds: 3, nanoseconds: 500_000_000, fcsLength: 4, linkType: 1 }]);
  });
});
