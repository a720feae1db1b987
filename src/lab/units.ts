// Quantities as people write them in a lab file: 100Mbit, 10ms, 1%, 1000pps, 64KiB. Each function takes what YAML made of
// the text and returns a number in one base unit, or throws a UnitError that says what would be right.

export class UnitError extends Error {}

const RATE_UNITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };
const TIME_UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, min: 60e9 };
const SIZE_UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1e3, mb: 1e6, kib: 1024, mib: 1048576 };
const COUNT_UNITS: Readonly<Record<string, number>> = { pps: 1, kpps: 1e3, mpps: 1e6 };

/** What is sent how often: frames or bits a second, or as fast as the medium takes them. */
export type Pace = 'flat-out' | { framesPerSecond: number } | { bitsPerSecond: number };

/** Bits per second; `unlimited` is 0. */
export function parseRate(value: unknown): number {
  if (value === 'unlimited') return 0;
  const rate = scaled(value, RATE_UNITS, normalRate);
  if (rate === null || rate <= 0)
    throw wrong(value, 'rate', 'bit, kbit, Mbit or Gbit, like 100Mbit, or unlimited');
  return rate;
}

/** Nanoseconds, 0 or more. */
export function parseTime(value: unknown): number {
  if (value === 0) return 0;
  const time = scaled(value, TIME_UNITS);
  if (time === null) throw wrong(value, 'time', 'ns, us, ms, s or min, like 10ms');
  return Math.round(time);
}

/** Nanoseconds, more than 0. */
export function parseSpan(value: unknown): number {
  const time = parseTime(value);
  if (time <= 0) throw new UnitError(`${show(value)} is no time: more than 0 would be right, like 10ms`);
  return time;
}

/** Bytes. A plain number is bytes too. */
export function parseSize(value: unknown): number {
  const size = typeof value === 'number' ? value : scaled(value, SIZE_UNITS);
  if (size === null || !Number.isInteger(size) || size < 0) {
    throw wrong(value, 'size', 'B, kB, KiB, MB or MiB, or bytes as a plain number, like 64KiB');
  }
  return size;
}

/** 0 to 1, from `1%` or 0.01. */
export function parseShare(value: unknown): number {
  let share = Number.NaN;
  if (typeof value === 'number') share = value;
  else if (typeof value === 'string' && /^\d+(\.\d+)?\s*%$/.test(value))
    share = Number.parseFloat(value) / 100;
  if (share >= 0 && share <= 1) return share;
  throw new UnitError(`${show(value)} is not a share: 0% to 100%, or 0 to 1, would be right, like 1%`);
}

/** `1000pps`, `10Mbit` or `flat-out`. */
export function parsePace(value: unknown): Pace {
  if (value === 'flat-out') return 'flat-out';
  const frames = scaled(value, COUNT_UNITS);
  if (frames !== null && frames > 0) return { framesPerSecond: frames };
  const bits = scaled(value, RATE_UNITS, normalRate);
  if (bits !== null && bits > 0) return { bitsPerSecond: bits };
  throw wrong(value, 'pace', 'pps, kpps, Mpps, kbit or Mbit, like 1000pps, or flat-out');
}

/** Mbit/s and Mbps are Mbit. */
function normalRate(unit: string): string {
  return unit.replace(/\/s$/, '').replace(/bits$|bps$/, 'bit');
}

/** A number and one of the units; null when it is not. A unit's case does not matter. */
function scaled(
  value: unknown,
  units: Readonly<Record<string, number>>,
  normal: (unit: string) => string = (unit) => unit,
): number | null {
  if (typeof value !== 'string') return null;
  const match = /^(\d+(?:\.\d+)?)\s*([a-zµ/]+)$/i.exec(value.trim());
  if (match === null) return null;
  const factor = units[normal(match[2].toLowerCase())];
  return factor === undefined ? null : Number.parseFloat(match[1]) * factor;
}

function wrong(value: unknown, what: string, right: string): UnitError {
  return new UnitError(`${show(value)} is not a ${what}: a number and ${right}, would be right`);
}

/** A value as a person would recognise it in the file. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return String(value);
}
