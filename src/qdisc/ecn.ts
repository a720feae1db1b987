// Explicit congestion notification (RFC 3168): a discipline that would drop a packet tells its receiver instead, if sender and
// receiver have said (ECT) that they understand.
//
//   IPv4   version 4 | header length 4 | DSCP 6 | ECN 2 | ...       ECN: 00 Not-ECT, 01 ECT(1), 10 ECT(0), 11 CE
//   IPv6   version 4 |           DSCP 6 | ECN 2 | flow label 20

import type { Mbuf } from '../mbuf/mbuf.ts';
import { foldChecksum } from '../net/checksum.ts';
import { ipOffset } from '../net/flow-hash.ts';

/** Bits 4 and 5 of an IPv6 header's second byte. */
const CE_IPV6 = 0x30;
const CE_IPV4 = 0x03;
const CHECKSUM_OFFSET = 10;
const WRITTEN_IPV4 = 12;
const WRITTEN_IPV6 = 2;

/**
 * Sets Congestion Experienced. False: it could not, and the packet is as it was: it is not ECN-capable, its IP header is
 * not whole in its first member, or lies in storage that others read too and no buffer was left for a copy.
 */
export function setCe(u8: Uint8Array, m: Mbuf): boolean {
  const offset = ipOffset(u8, m);
  if (offset < 0) return false;
  const v4 = u8[m.data + offset] >> 4 === 4;
  const ce = v4 ? CE_IPV4 : CE_IPV6;
  const field = u8[m.data + offset + 1] & ce;
  if (field === 0) return false;
  if (field === ce) return true;
  if (!m.writable && !m.pool.makeWritable(m, offset, v4 ? WRITTEN_IPV4 : WRITTEN_IPV6)) return false;
  // Only now: a copy lies elsewhere.
  const at = m.data + offset;
  if (v4) updateChecksum(u8, at + CHECKSUM_OFFSET, field, ce);
  u8[at + 1] |= ce;
  return true;
}

/** RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), for a word of which only the low byte's part `from` becomes `to`. */
function updateChecksum(u8: Uint8Array, at: number, from: number, to: number): void {
  const old = (u8[at] << 8) | u8[at + 1];
  const updated = foldChecksum((~old & 0xffff) + (~from & 0xffff) + to);
  u8[at] = updated >> 8;
  u8[at + 1] = updated & 0xff;
}
