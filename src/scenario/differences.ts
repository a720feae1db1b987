// What a subject does other than its data sheet says, known and explained. Each row names a check word for word: a scenario
// whose failing checks are all listed here "differs", and a row whose check holds is a failure, so the table cannot rot.
// The same for the comparison of what passes between driver and card.
// Sections are those of AMD publication 19436 rev. E (Am79C970A) and, for the 8255x, of Intel's Software Developer Manual;
// QEMU is 7.2.

import type { KnownDifference } from './checks.ts';
import type { KnownTraceDifference } from './diff-traces.ts';

const QEMU = 'qemu:pcnet';
const QEMU_8255X = ['qemu:i82557b', 'qemu:i82558b', 'qemu:i82559er'];
const RING_LENGTHS =
  'CSR76 and CSR78 contain the two\'s complement of the ring lengths ("CSR76: Receive Descriptor Ring Length"). QEMU bug: ' +
  'it holds the lengths themselves, and CSR72 and CSR74 count down from there.';
const RING_LENGTHS_SEEN = 'INIT with RLEN = 5, then read CSR76: 0x0020, and 0xffe0 by the data sheet';

const RING_BASES =
  'CSR24 and 25, CSR30 and 31 contain the base addresses of the rings ("CSR24: Base Address of Receive Ring Lower"). QEMU ' +
  'bug: INIT does not store them there, they read as zeros.';
const RING_BASES_SEEN = 'read CSR24 and 25 after INIT';

export const DIFFERENCES: readonly KnownDifference[] = [
  {
    scenario: 'short frames',
    subject: QEMU,
    what: 'the card pads, not the wire',
    reason:
      'With APAD_XMT set the chip makes frames up to 64 bytes with bytes of 00h ("Automatic Pad Generation", CSR4). QEMU bug: ' +
      'it keeps the bit and sends them as short as they are; our end of its cable pads them.',
    seen: 'send a packet of 42 bytes with `-object filter-dump` on the netdev: the capture has 42 bytes',
  },
  {
    scenario: 'register dump',
    subject: QEMU,
    what: "CSR76 shows the receive ring as two's complement",
    reason: RING_LENGTHS,
    seen: RING_LENGTHS_SEEN,
  },
  {
    scenario: 'register dump',
    subject: QEMU,
    what: "CSR78 shows the transmit ring as two's complement",
    reason: RING_LENGTHS,
    seen: RING_LENGTHS_SEEN,
  },
  {
    scenario: 'register dump',
    subject: QEMU,
    what: 'CSR24 and 25 point to the receive ring',
    reason: RING_BASES,
    seen: RING_BASES_SEEN,
  },
  {
    scenario: 'register dump',
    subject: QEMU,
    what: 'CSR30 and 31 point to the transmit ring',
    reason: RING_BASES,
    seen: RING_BASES_SEEN,
  },
  ...['qemu:i82559c', 'qemu:i82562'].map((subject) => ({
    scenario: 'bring-up',
    subject,
    what: 'the driver names the chip',
    reason:
      'The PCI revision says which member of the family a chip is: 08h is an 82559 C-step, 0Ch to 0Eh is an 82550 ("Revision ID", ' +
      '4.1.7). QEMU bug: it gives both of these a revision of the 82550.',
    seen: 'read byte 08h of the configuration space',
  })),
  ...QEMU_8255X.map((subject) => ({
    scenario: 'short frames',
    subject,
    what: 'the card pads, not the wire',
    reason:
      'With the padding bit of its configuration the chip makes short frames up to 64 bytes ("Configure", byte 18). QEMU bug: ' +
      'it keeps the bit and sends them as short as they are; our end of its cable pads them.',
    seen: 'send a packet of 42 bytes with `-object filter-dump` on the netdev: the capture has 42 bytes',
  })),
];

const TDMD =
  'TDMD is cleared when the chip fetches a transmit descriptor (CSR0). QEMU bug: it looks at the ring at every access to a ' +
  'register, so the write of RAP sends the frame; TDMD then finds the ring empty and stays set until the next frame.';
const TDMD_SEEN = 'give a descriptor, write RAP, write TDMD, read CSR0: bit 3 is set with an empty ring';

/** Between our Am79C970A and QEMU's. */
export const TRACE_DIFFERENCES: readonly KnownTraceDifference[] = [
  ...[72, 74, 76, 78].map((register) => ({
    step: 'register dump',
    a: `CSR${register} -> 0xffc0`,
    b: `CSR${register} -> 0x0040`,
    reason: RING_LENGTHS,
    seen: RING_LENGTHS_SEEN,
  })),
  {
    step: 'register dump',
    a: 'CSR80 -> 0xd410<DMATC=16,XMTSP=1,RCVFW=1,0xc000>',
    b: 'CSR80 -> 0x1410<DMATC=16,XMTSP=1,RCVFW=1>',
    reason: 'Bits 15 and 14 are reserved and read as ones ("CSR80"). QEMU bug: it reads them as zeros.',
    seen: 'read CSR80 after reset',
  },
  {
    step: 'register dump',
    a: 'BCR19 -> 0xa002<ESK,EEDET,PVALID>',
    b: 'BCR19 -> 0x0002<ESK>',
    reason:
      'PVALID and EEDET say that an EEPROM is there and its checksum was good ("BCR19"). No bug: our board has an EEPROM, ' +
      "QEMU's has none, and its address PROM is filled otherwise.",
    seen: 'read BCR19 after reset',
  },
  {
    step: 'out *',
    a: 'CSR0 -> 0x02f3<INIT,STRT,TXON,RXON,IENA,INTR,TINT>',
    b: 'CSR0 -> 0x02fb<INIT,STRT,TDMD,TXON,RXON,IENA,INTR,TINT>',
    reason: TDMD,
    seen: TDMD_SEEN,
  },
  {
    step: 'in*',
    a: 'CSR0 -> 0x04f3<INIT,STRT,TXON,RXON,IENA,INTR,RINT>',
    b: 'CSR0 -> 0x04fb<INIT,STRT,TDMD,TXON,RXON,IENA,INTR,RINT>',
    reason: TDMD,
    seen: TDMD_SEEN,
  },
];
