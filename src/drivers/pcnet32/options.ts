// What can be chosen when the driver is loaded, and the reasons for what is chosen when nothing is said.

import { maximumRingLength } from '../../chips/pcnet/init-block.ts';
import type { SoftwareStyle } from '../../chips/pcnet/ring.ts';
import { MLEN } from '../../mbuf/mbuf.ts';
import { NET_IP_ALIGN, NET_SKB_PAD } from '../../net/device.ts';
import type { AccessMode } from './registers.ts';

export interface Pcnet32Options {
  /** Poll under load (NAPI); false: every interrupt takes its frames in interrupt context. Default true. */
  napi?: boolean;
  /** Descriptors of the rings: powers of two; receive 2 to 512, transmit 4 to 512 (128 in style 0). Default 64. */
  rxRing?: number;
  txRing?: number;
  /** Frames up to this many bytes are copied into a small buffer, so that their large one stays. Default 200. */
  copybreak?: number;
  /** SWSTYLE: layout of descriptors and initialization block. Default 3. */
  softwareStyle?: SoftwareStyle;
  /** Base address register to use; both lead to the same registers. Default memory. */
  window?: 'io' | 'memory';
  /** Width of register accesses. Default double word. */
  access?: AccessMode;
  /** Am79C970A: full duplex, which 10BASE-T of its time cannot negotiate. Default: as the EEPROM set it. */
  fullDuplex?: boolean;
}

/** The same with nothing left open, but for the duplex that stays as it is. */
export type Pcnet32Settings = Required<Omit<Pcnet32Options, 'fullDuplex'>> &
  Pick<Pcnet32Options, 'fullDuplex'>;

/**
 * 64 because one poll takes 64 packets (the weight), and one run of a transmit queue hands over 64: a larger ring would
 * only hold what nobody takes in one go. At 10 Mb/s 64 of the shortest frames last 4.3 ms, twice the longest softirq.
 */
const DEFAULT_RING = 64;
/** 200 because TCP acknowledgements, ARP and voice fall below it, and a copy of 200 bytes costs less than a new cluster. */
const DEFAULT_COPYBREAK = 200;
/** What a small buffer holds behind the headroom every received frame has. */
const LARGEST_COPYBREAK = MLEN - NET_SKB_PAD - NET_IP_ALIGN;

/** Fills in the defaults. Throws on what the chip or the driver cannot do. */
export function settle(options: Pcnet32Options): Pcnet32Settings {
  const settings: Pcnet32Settings = {
    napi: options.napi ?? true,
    rxRing: options.rxRing ?? DEFAULT_RING,
    txRing: options.txRing ?? DEFAULT_RING,
    copybreak: options.copybreak ?? DEFAULT_COPYBREAK,
    softwareStyle: options.softwareStyle ?? 3,
    window: options.window ?? 'memory',
    access: options.access ?? 'double-word',
    fullDuplex: options.fullDuplex,
  };
  const { copybreak, softwareStyle } = settings;
  if (softwareStyle !== 0 && softwareStyle !== 2 && softwareStyle !== 3) {
    throw new RangeError(`pcnet32: software style ${softwareStyle}: 0, 2 or 3`);
  }
  checkRing('receive', settings.rxRing, 2, softwareStyle);
  checkRing('transmit', settings.txRing, 4, softwareStyle);
  if (!Number.isInteger(copybreak) || copybreak < 0 || copybreak > LARGEST_COPYBREAK) {
    throw new RangeError(`pcnet32: copybreak ${copybreak}: 0 to ${LARGEST_COPYBREAK}`);
  }
  return settings;
}

export function checkRing(which: string, length: number, least: number, style: SoftwareStyle): void {
  const most = maximumRingLength(style);
  if (Number.isInteger(length) && length >= least && length <= most && (length & (length - 1)) === 0) return;
  throw new RangeError(
    `pcnet32: ${which} ring of ${length}: a power of two from ${least} to ${most} in style ${style}`,
  );
}
