// Opens a capture of either format by its first four bytes, and says what other files are.

import { type Capture, CaptureError } from './capture.ts';
import { isPcap, PcapCapture } from './pcap.ts';
import { isPcapng, PcapngCapture } from './pcapng.ts';

/** First bytes of files that people mistake for captures. */
const OTHERS: readonly { magic: readonly number[]; what: string; advice: string }[] = [
  { magic: [0x1f, 0x8b], what: 'a gzip file', advice: 'unpack it first: gunzip' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], what: 'a zstd file', advice: 'unpack it first: unzstd' },
  { magic: [0x04, 0x22, 0x4d, 0x18], what: 'an lz4 file', advice: 'unpack it first: unlz4' },
  { magic: [0x50, 0x4b, 0x03, 0x04], what: 'a zip file', advice: 'unpack it first: unzip' },
  {
    magic: [0x73, 0x6e, 0x6f, 0x6f, 0x70],
    what: 'a snoop capture',
    advice: 'convert it: editcap -F pcapng IN OUT',
  },
  {
    magic: [0x34, 0xcd, 0xb2, 0xa1],
    what: 'a "modified" pcap with longer record headers',
    advice: 'convert it: editcap -F pcapng IN OUT',
  },
  {
    magic: [0xa1, 0xb2, 0xcd, 0x34],
    what: 'a "modified" pcap with longer record headers',
    advice: 'convert it: editcap -F pcapng IN OUT',
  },
];

/** Opens a pcap or pcapng file. Throws CaptureError when it is neither or its header is wrong; keeps `bytes`. */
export function openCapture(bytes: Uint8Array): Capture {
  if (isPcapng(bytes)) return new PcapngCapture(bytes);
  if (isPcap(bytes)) return new PcapCapture(bytes);
  for (const { magic, what, advice } of OTHERS) {
    if (magic.every((byte, i) => bytes[i] === byte)) throw new CaptureError(0, `this is ${what}`, advice);
  }
  const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new CaptureError(
    0,
    bytes.length < 4 ? `a file of ${bytes.length} bytes` : `the file starts with ${start}`,
    'a pcap starts with a1 b2 c3 d4 or a1 b2 3c 4d in either byte order, a pcapng with 0a 0d 0d 0a',
  );
}
