// What a receiver learns about one flow of numbered, stamped packets (payload.ts): lost, duplicated, reordered, and how
// long they took. Sequence numbers of the last FLOW_WINDOW packets are remembered as bits, as in RFC 4303's replay window:
//
//            highest - 1023                  highest
//   ...too old | 1 1 0 1 1 1 ... 1 1 0 1 1 1 1 | not seen yet ...
//                    └ lost, or still to come late

import { Histogram } from './histogram.ts';
import { payloadSequence, payloadTimeTo } from './payload.ts';

/** Packets behind the highest number for which a duplicate can be told from a late one; a power of two. */
export const FLOW_WINDOW = 1024;

export interface FlowReport {
  flow: number;
  received: number;
  bytes: number;
  lost: number;
  duplicated: number;
  reordered: number;
  latencyP50Ns: number;
  latencyP99Ns: number;
  latencyMaxNs: number;
  packetsPerSecond: number;
}

export class FlowStats {
  readonly flow: number;
  received = 0;
  bytes = 0;
  duplicated = 0;
  /** Came after one with a higher number. */
  reordered = 0;
  /** Came before they left, by the clocks of two busy CPUs, which may be apart by an activity: no latency to speak of. */
  untimed = 0;
  readonly latency = new Histogram();
  /** Highest number so far, times of the first and the last packet, a latency; numbers in an array, since a field would box them. */
  private readonly numbers = new Float64Array([-1, 0, 0, 0]);
  private readonly seen = new Uint32Array(FLOW_WINDOW >> 5);

  constructor(flow: number) {
    this.flow = flow;
  }

  /** One packet of `bytes` whose payload header is at `at`, now. The clock is passed, since a time would be boxed. */
  record(u8: Uint8Array, at: number, bytes: number, clock: { now(): number }): void {
    const { numbers } = this;
    const nowNs = clock.now();
    if (this.received === 0) numbers[1] = nowNs;
    numbers[2] = nowNs;
    this.received++;
    this.bytes += bytes;
    if (!this.isNew(payloadSequence(u8, at))) {
      this.duplicated++;
      return;
    }
    payloadTimeTo(u8, at, numbers, 3);
    if (nowNs < numbers[3]) {
      this.untimed++;
      return;
    }
    numbers[3] = nowNs - numbers[3];
    this.latency.recordFrom(numbers, 3);
  }

  private isNew(sequence: number): boolean {
    const { numbers, seen } = this;
    const highest = numbers[0];
    const bit = sequence & (FLOW_WINDOW - 1);
    if (sequence > highest) {
      if (sequence - highest >= FLOW_WINDOW) seen.fill(0);
      else
        for (let i = highest + 1; i < sequence; i++) seen[(i & (FLOW_WINDOW - 1)) >> 5] &= ~(1 << (i & 31));
      numbers[0] = sequence;
    } else {
      if (highest - sequence < FLOW_WINDOW && (seen[bit >> 5] & (1 << (bit & 31))) !== 0) return false;
      this.reordered++;
      if (highest - sequence >= FLOW_WINDOW) return true;
    }
    seen[bit >> 5] |= 1 << (bit & 31);
    return true;
  }

  /** Numbers up to the highest that never came; `sent`, when the sender says it, counts the tail too. */
  lost(sent = this.numbers[0] + 1): number {
    return Math.max(0, sent - (this.received - this.duplicated));
  }

  report(sent?: number): FlowReport {
    const spanNs = this.numbers[2] - this.numbers[1];
    return {
      flow: this.flow,
      received: this.received,
      bytes: this.bytes,
      lost: this.lost(sent),
      duplicated: this.duplicated,
      reordered: this.reordered,
      latencyP50Ns: this.latency.quantile(0.5),
      latencyP99Ns: this.latency.quantile(0.99),
      latencyMaxNs: this.latency.max,
      packetsPerSecond: spanNs > 0 ? ((this.received - 1) * 1e9) / spanNs : 0,
    };
  }
}
