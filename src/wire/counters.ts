// What happened to every frame on the wire. A direction counts the frames that enter it; each of them is delivered, in
// flight, or dropped with a named reason, and nothing vanishes:
//
//     frames + copies  =  delivered + inFlight + all drops
//
// `copies` are frames made on the way: duplicated by an impairment, repeated by a hub, flooded by a switch. What is in
// flight is not counted up and down but measured, as the length of the queues, so that the sum is a real check.

export type DropReason =
  /** Sent while nobody was at the other side or the cable was cut. */
  | 'noCarrier'
  /** On its way when the carrier went. */
  | 'carrierLost'
  /** The station it was for is not plugged in. */
  | 'noReceiver'
  /** Damaged by another frame without its sender noticing. */
  | 'collision'
  /** Given up by the sender: a collision after the slot time. */
  | 'lateCollision'
  /** Given up by the sender: 16 tries. */
  | 'excessiveCollisions'
  /** No room in an output queue. */
  | 'queueFull'
  /** A switch checks the FCS before it forwards. */
  | 'badFcs'
  /** Shorter than an Ethernet header. */
  | 'tooShort'
  | 'tooLong'
  /** Belongs to the port it came from, or is addressed to the bridge itself. */
  | 'filtered'
  | 'randomLoss'
  | 'burstLoss'
  /** No room in the queue of a rate limit. */
  | 'rateLimit';

export type ImpairmentCount = 'corrupted' | 'duplicated' | 'reordered' | 'delayed' | 'shaped';

export class WireCounters {
  /** Frames and bytes (without FCS) that entered. */
  frames = 0;
  bytes = 0;
  copies = 0;
  delivered = 0;
  /** Time the medium was taken, gaps included. */
  busyNs = 0;
  readonly drops: Partial<Record<DropReason, number>> = {};
  readonly impairments: Partial<Record<ImpairmentCount, number>> = {};

  enter(bytes: number): void {
    this.frames++;
    this.bytes += bytes;
  }

  drop(reason: DropReason): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + 1;
  }

  impair(what: ImpairmentCount): void {
    this.impairments[what] = (this.impairments[what] ?? 0) + 1;
  }

  /** Plain numbers at time `nowNs`, with `inFlight` frames measured by the owner. */
  report(nowNs: number, inFlight: number): DirectionReport {
    return {
      frames: this.frames,
      bytes: this.bytes,
      copies: this.copies,
      delivered: this.delivered,
      inFlight,
      drops: { ...this.drops },
      impairments: { ...this.impairments },
      busyNs: Math.round(this.busyNs),
      utilisation: nowNs > 0 ? Math.min(1, this.busyNs / nowNs) : 0,
    };
  }
}

export interface DirectionReport {
  frames: number;
  bytes: number;
  copies: number;
  delivered: number;
  inFlight: number;
  drops: Partial<Record<DropReason, number>>;
  impairments: Partial<Record<ImpairmentCount, number>>;
  busyNs: number;
  /** Share of the time so far that the medium was taken, 0 to 1. */
  utilisation: number;
}

/** What a wire device says of itself: plain objects, for `--json`. */
export interface WireReport {
  name: string;
  kind: 'link' | 'half-duplex' | 'negotiated' | 'hub' | 'switch' | 'impaired' | 'tap';
  /** By direction or port, in the device's own words: `a>b`, `port1`, `port1.in`, `out`. */
  directions: Record<string, DirectionReport>;
  /** Numbers that are not of one direction: collisions, flaps, size of the MAC table. */
  totals: Record<string, number>;
  /** What a cable whose ends negotiate runs at; null while they have no link. Left out for what does not negotiate. */
  agreed?: { bitsPerSecond: number; fullDuplex: boolean } | null;
  /** Ends of such a cable that believe in different duplex: the one in full, the one in half. Left out when they do not. */
  duplexMismatch?: { full: 'a' | 'b'; half: 'a' | 'b' };
}

export interface WireDevice {
  readonly name: string;
  report(): WireReport;
}

export function totalDrops(report: DirectionReport): number {
  let sum = 0;
  for (const count of Object.values(report.drops)) sum += count;
  return sum;
}

/** Frames that are not accounted for: 0, or a bug. */
export function unaccounted(report: DirectionReport): number {
  return report.frames + report.copies - report.delivered - report.inFlight - totalDrops(report);
}
