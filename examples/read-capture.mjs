// What is in a capture: packets by Ethernet type, in pcap or pcapng of either byte order.
//
//   node examples/read-capture.mjs [FILE]

import { readFileSync } from 'node:fs';
import { openCapture } from '../dist/index.js';

const file = process.argv[2] ?? new URL('../labs/captures/mixed.pcap', import.meta.url);
const types = new Map();
for (const { data } of openCapture(readFileSync(file))) {
  const type = data.length >= 14 ? (data[12] << 8) | data[13] : 0;
  const name = type < 0x600 ? '802.3' : `0x${type.toString(16).padStart(4, '0')}`;
  types.set(name, (types.get(name) ?? 0) + 1);
}
for (const [name, count] of [...types].sort((a, b) => b[1] - a[1])) console.log(`${name.padEnd(8)} ${count}`);
