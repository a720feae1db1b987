// htb's options, their defaults and what they may be.

import type { HtbRates } from './htb-classes.ts';
import { PRIOS } from './htb-rings.ts';
import { PLAIN_WIRE, validateWire, type WireSize } from './packet-size.ts';

export interface HtbOptions {
  /** Minor number of the class for packets of no class; 0: none, they are not limited. */
  default?: number;
  /** A class's quantum is its rate, in bytes a second, divided by this. */
  r2q?: number;
  /** Packets that pass unlimited may wait, and leaves by default. */
  directQueueLength?: number;
}

export interface HtbClassOptions extends Partial<WireSize> {
  /** Bytes a second. */
  rate: number;
  ceil?: number;
  /** Bytes. */
  burst?: number;
  cburst?: number;
  quantum?: number;
  /** 0, first served, to 7. */
  prio?: number;
}

/** What the man page's default mtu lets a bucket hold. */
const MTU = 1600;
const LEAST_QUANTUM = 1000;
const MOST_QUANTUM = 200_000;

export function resolveHtb(options: HtbOptions): Required<HtbOptions> {
  const { default: fallback = 0, r2q = 10, directQueueLength = 1000 } = options;
  whole('default', fallback, 0, 0xffff);
  whole('r2q', r2q, 1, 0xffffffff);
  whole('direct_qlen', directQueueLength, 0, 0xffffffff);
  return { default: fallback, r2q, directQueueLength };
}

/** What is not given stays as it was, or follows the rate. Throws RangeError. */
export function resolveClass(
  options: Partial<HtbClassOptions>,
  before: Readonly<HtbRates> | null,
  r2q: number,
): HtbRates {
  const rate = options.rate ?? before?.rate;
  if (rate === undefined) throw new RangeError('htb: rate (bytes a second) wanted');
  if (!(rate > 0 && rate < Infinity))
    throw new RangeError(`htb: rate ${rate}: bytes a second, above 0, wanted`);
  const wire = {
    mpu: options.mpu ?? before?.mpu ?? PLAIN_WIRE.mpu,
    overhead: options.overhead ?? before?.overhead ?? PLAIN_WIRE.overhead,
    linklayer: options.linklayer ?? before?.linklayer ?? PLAIN_WIRE.linklayer,
  };
  validateWire('htb', wire);
  // A new rate brings new ones with it, as tc fills them in.
  const ceil = options.ceil ?? (options.rate === undefined && before !== null ? before.ceil : rate);
  if (!(ceil > 0 && ceil < Infinity))
    throw new RangeError(`htb: ceil ${ceil}: bytes a second, above 0, wanted`);
  const burst = options.burst ?? (options.rate === undefined ? before?.burst : undefined) ?? bucket(rate);
  const sameCeil = options.rate === undefined && options.ceil === undefined;
  const cburst = options.cburst ?? (sameCeil ? before?.cburst : undefined) ?? bucket(ceil);
  size('burst', burst);
  size('cburst', cburst);
  const prio = options.prio ?? before?.prio ?? 0;
  if (!Number.isInteger(prio) || prio < 0 || prio >= PRIOS)
    throw new RangeError(`htb: prio ${prio}: 0 to ${PRIOS - 1} wanted`);
  const quantum =
    options.quantum ??
    (options.rate === undefined ? before?.quantum : undefined) ??
    Math.min(MOST_QUANTUM, Math.max(LEAST_QUANTUM, Math.floor(rate / r2q)));
  whole('quantum', quantum, 1, 0x7fffffff);
  return { ...wire, rate, ceil, burst, cburst, prio, quantum };
}

function bucket(rate: number): number {
  return Math.floor(rate / 1e9 + MTU);
}

function size(name: string, bytes: number): void {
  if (!(bytes >= 1 && bytes <= 0xffffffff))
    throw new RangeError(`htb: ${name} ${bytes}: bytes, at least the longest packet, wanted`);
}

function whole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`htb: ${name} ${value}: a whole number from ${least} to ${most} wanted`);
}
