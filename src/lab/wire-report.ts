// A link, switch or hub for the report: its directions by the names of what is plugged in, impairments added to the link
// they belong to.

import { type DirectionReport, unaccounted, type WireReport } from '../wire/counters.ts';
import type { Wire } from './wires.ts';

export interface LinkReport {
  kind: WireReport['kind'];
  bitsPerSecond: number;
  delayNs: number;
  /** By direction (`alice.eth0>bob.eth0`) or port (`alice.eth0`, `alice.eth0.in`). */
  directions: Record<string, DirectionReport>;
  /** Collisions, flaps, addresses learnt. */
  totals: Record<string, number>;
  /** Of `duplex: auto`: what it runs at now; null while its ends have no link. */
  agreed?: { bitsPerSecond: number; fullDuplex: boolean } | null;
  /** Ends that do not believe in the same duplex now; left out when they do. */
  duplexMismatch?: { full: string; half: string };
}

/** `elapsedNs`: what the share of use is of. */
export function reportWire(wire: Wire, elapsedNs: number): LinkReport {
  const raw = wire.device.report();
  const directions: Record<string, DirectionReport> = {};
  for (const [name, direction] of Object.entries(raw.directions)) {
    const arrival = impairmentOf(wire, name);
    const whole = arrival === null ? direction : inSeries(direction, arrival);
    const utilisation = elapsedNs > 0 ? Math.min(1, whole.busyNs / elapsedNs) : 0;
    directions[rename(wire, name)] = { ...whole, utilisation };
  }
  const totals: Record<string, number> = {};
  for (const [name, count] of Object.entries(raw.totals)) totals[name] = count;
  if (wire.flap !== null) totals.flaps = wire.flap.count;
  const { bitsPerSecond, delayNs } = wire;
  const report: LinkReport = { kind: raw.kind, bitsPerSecond, delayNs, directions, totals };
  if (raw.agreed !== undefined) report.agreed = raw.agreed;
  if (raw.duplexMismatch !== undefined) {
    const [a, b] = wire.ends;
    report.duplexMismatch = raw.duplexMismatch.full === 'a' ? { full: a, half: b } : { full: b, half: a };
  }
  return report;
}

/** Frames that no direction of a wire can account for; 0 unless something is broken. */
export function unaccountedOn(wire: Wire): number {
  let sum = 0;
  for (const direction of Object.values(reportWire(wire, 0).directions))
    sum += Math.abs(unaccounted(direction));
  return sum;
}

/** What the impairment at the end of a direction counted: frames are impaired where they arrive. */
function impairmentOf(wire: Wire, direction: string): DirectionReport | null {
  const end = direction === 'a>b' ? 1 : direction === 'b>a' ? 0 : -1;
  return wire.impaired[end]?.report().directions.in ?? null;
}

/** Two stretches of one way: what the first delivers enters the second. */
function inSeries(first: DirectionReport, second: DirectionReport): DirectionReport {
  return {
    ...first,
    copies: first.copies + second.copies,
    delivered: second.delivered,
    inFlight: first.inFlight + second.inFlight,
    drops: addCounts(first.drops, second.drops),
    impairments: addCounts(first.impairments, second.impairments),
  };
}

function addCounts<Name extends string>(
  a: Partial<Record<Name, number>>,
  b: Partial<Record<Name, number>>,
): Partial<Record<Name, number>> {
  const sum = { ...a };
  for (const name of Object.keys(b) as Name[]) sum[name] = (sum[name] ?? 0) + (b[name] ?? 0);
  return sum;
}

/** `a>b` and `port1.in` in terms of what is plugged in. */
function rename(wire: Wire, direction: string): string {
  const [first, second] = wire.ends;
  if (direction === 'a>b') return `${first}>${second}`;
  if (direction === 'b>a') return `${second}>${first}`;
  const match = /^port(\d+)(.*)$/.exec(direction);
  return match === null ? direction : `${wire.ends[Number(match[1]) - 1]}${match[2]}`;
}
