// What a scenario wants to know of each chip: its name in the data sheet, its port's rate, how its multicast filter hashes.

import type { I8255xModel } from '../chips/i8255x/model.ts';
import { hashOf } from '../chips/i8255x/receive.ts';
import type { PcnetVariant } from '../chips/pcnet/model.ts';
import { logicalAddressHash } from '../chips/pcnet/sheet.ts';
import { crc32 } from '../wire/crc32.ts';
import type { Subject } from './subject.ts';

type ChipKind = Pick<Subject, 'chip' | 'bitsPerSecond' | 'multicastHash'>;

const MBPS = 1_000_000;

export function isPcnet(chip: PcnetVariant | I8255xModel | 'i82562'): chip is PcnetVariant {
  return chip === 'Am79C970A' || chip === 'Am79C973';
}

export function chipKind(chip: PcnetVariant | I8255xModel | 'i82562'): ChipKind {
  if (isPcnet(chip)) {
    const bitsPerSecond = chip === 'Am79C970A' ? 10 * MBPS : 100 * MBPS;
    return { chip, bitsPerSecond, multicastHash: (octets) => logicalAddressHash(octets) };
  }
  return {
    // i82559er is an 82559.
    chip: chip.slice(1, 6),
    bitsPerSecond: 100 * MBPS,
    multicastHash: (octets) => hashOf(crc32(Uint8Array.from(octets), 0, 6)),
  };
}
