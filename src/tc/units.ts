// tc's units, both ways: rates, sizes and times as tc(8) has them ("Parameters"), and as iproute2 6.1 prints them.

/** Bits a second each. A bare number is bits; `bps` is bytes; letters may be large or small. */
const RATE_UNITS = new Map<string, number>([['', 1]]);
for (const [prefix, decimal, binary] of [
  ['', 1, 1],
  ['k', 1e3, 2 ** 10],
  ['m', 1e6, 2 ** 20],
  ['g', 1e9, 2 ** 30],
  ['t', 1e12, 2 ** 40],
] as const) {
  RATE_UNITS.set(`${prefix}bit`, decimal).set(`${prefix}bps`, 8 * decimal);
  if (prefix !== '') RATE_UNITS.set(`${prefix}ibit`, binary).set(`${prefix}ibps`, 8 * binary);
}

/** Bytes each: powers of 1024, also for bits. */
const SIZE_UNITS = new Map<string, number>([
  ['', 1],
  ['b', 1],
]);
for (const [prefix, power] of [
  ['k', 2 ** 10],
  ['m', 2 ** 20],
  ['g', 2 ** 30],
] as const) {
  SIZE_UNITS.set(prefix, power)
    .set(`${prefix}b`, power)
    .set(`${prefix}bit`, power / 8);
}

/** ns each. A bare number is microseconds. */
const TIME_UNITS = new Map<string, number>([['', 1e3]]);
for (const [names, ns] of [
  [['s', 'sec', 'secs'], 1e9],
  [['ms', 'msec', 'msecs'], 1e6],
  [['us', 'usec', 'usecs'], 1e3],
  [['ns', 'nsec', 'nsecs'], 1],
] as const) {
  for (const name of names) TIME_UNITS.set(name, ns);
}

const NUMBER = /^(\d+(?:\.\d*)?|\.\d+)(?:e(\d{1,2}))?([a-z]*)$/i;

/** Bytes a second; null: it is no rate. */
export function parseRate(text: string): number | null {
  const bits = measure(text, RATE_UNITS);
  return bits === null ? null : bits / 8;
}

/** Bytes; null: it is no size. */
export function parseSize(text: string): number | null {
  const bytes = measure(text, SIZE_UNITS);
  return bytes === null ? null : Math.floor(bytes);
}

/** ns; null: it is no time. */
export function parseTime(text: string): number | null {
  const ns = measure(text, TIME_UNITS);
  return ns === null ? null : Math.round(ns);
}

/** `12.5%` or `12.5` as 0.125; null: it is no part of a hundred. */
export function parsePercent(text: string): number | null {
  const match = /^(\d+(?:\.\d*)?|\.\d+)%?$/.exec(text);
  if (match === null) return null;
  const part = Number(match[1]) / 100;
  return part <= 1 ? part : null;
}

function measure(text: string, units: ReadonlyMap<string, number>): number | null {
  const match = NUMBER.exec(text);
  if (match === null) return null;
  const unit = units.get(match[3].toLowerCase());
  if (unit === undefined) return null;
  const value = Number(match[1]) * 10 ** Number(match[2] ?? 0) * unit;
  return value <= Number.MAX_SAFE_INTEGER ? value : null;
}

/** Bytes a second as `10Mbit`: in the largest unit that leaves nothing over, or at least four digits. */
export function printRate(bytesPerSecond: number): string {
  const units = ['', 'K', 'M', 'G', 'T'];
  let rate = Math.floor(bytesPerSecond * 8);
  let i = 0;
  while (i < units.length - 1 && rate >= 1000 && (rate % 1000 === 0 || rate >= 1_000_000)) {
    rate = Math.floor(rate / 1000);
    i++;
  }
  return `${rate}${units[i]}bit`;
}

/** Bytes as `1600b`, `5Kb`, `2Mb`: in the larger unit when that is nearly exact. */
export function printSize(bytes: number): string {
  const mega = Math.round(bytes / 2 ** 20);
  if (bytes >= 2 ** 20 && Math.abs(mega * 2 ** 20 - bytes) < 1024) return `${mega}Mb`;
  const kilo = Math.round(bytes / 2 ** 10);
  if (bytes >= 2 ** 10 && Math.abs(kilo * 2 ** 10 - bytes) < 16) return `${kilo}Kb`;
  return `${bytes}b`;
}

/** ns as `1.5s`, `50ms`, `10us`: three digits; what is under a microsecond is cut off. */
export function printTime(ns: number): string {
  if (ns >= 1e9) return `${digits(ns / 1e9)}s`;
  if (ns >= 1e6) return `${digits(ns / 1e6)}ms`;
  return `${Math.floor(ns / 1e3)}us`;
}

/** 0.125 as `12.5%`. */
export function printPercent(part: number): string {
  return `${shortest(part * 100, 6)}%`;
}

/** As printf's %.3g. */
function digits(value: number): string {
  return shortest(value, 3);
}

/** As printf's %g with so many digits. */
export function shortest(value: number, count: number): string {
  if (value === 0) return '0';
  const text = value.toPrecision(count);
  const exponent = Number(value.toExponential(count - 1).split('e')[1]);
  if (exponent < -4 || exponent >= count) {
    const [mantissa, power] = value.toExponential(count - 1).split('e');
    const sign = power.startsWith('-') ? '-' : '+';
    return `${trimZeros(mantissa)}e${sign}${power.replace(/[+-]/, '').padStart(2, '0')}`;
  }
  return trimZeros(text);
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
