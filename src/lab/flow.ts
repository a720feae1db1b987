// A flow: something sends, something counts what arrives, and the lab says of each how many were sent, received and lost,
// and how long they took.

import type { Histogram } from '../inet/histogram.ts';
import type { UdpSink } from '../inet/sink.ts';

export interface FlowReport {
  name: string;
  kind: 'ping' | 'udp' | 'replay' | 'generator';
  from: string;
  to: string;
  sent: number;
  received: number;
  lost: number;
  /** Arrived a second time; not in `received`. */
  duplicated?: number;
  /** Round trip of a ping, one way of all others; null when nothing was received, or too much of it could not be timed. */
  latencyNs: { p50: number; p99: number } | null;
  /** Received, with no latency that means anything: the clocks of two busy hosts were apart, or frames alike were lost. */
  untimed?: number;
  /** Why it did not send what it was to send. */
  trouble?: string;
}

export interface Flow {
  readonly name: string;
  readonly kind: FlowReport['kind'];
  /** Begins, `startNs` of its own after now. */
  start(): void;
  /** Sends nothing more. */
  stop(): void;
  /** Ended by itself: it has sent all it was to send. */
  readonly ended: boolean;
  report(): FlowReport;
}

/** With more than one packet without a latency to so many with one, their quantiles say little about the flow. */
const TIMED_PER_UNTIMED = 10;

export function latencyOf(histogram: Histogram, untimed = 0): FlowReport['latencyNs'] {
  if (histogram.count === 0 || untimed * TIMED_PER_UNTIMED > histogram.count) return null;
  return { p50: Math.round(histogram.quantile(0.5)), p99: Math.round(histogram.quantile(0.99)) };
}

/** The two fields about times; packets without one are mentioned only where there are any. */
export function timesOf(measured: {
  readonly latency: Histogram;
  readonly untimed: number;
}): Pick<FlowReport, 'untimed' | 'latencyNs'> {
  const { latency, untimed } = measured;
  return { ...(untimed > 0 ? { untimed } : {}), latencyNs: latencyOf(latency, untimed) };
}

/** What of a flow's packets a sink has seen. */
export function sinkReport(
  sink: UdpSink,
  flow: number,
  sent: number,
): Pick<FlowReport, 'sent' | 'received' | 'lost' | 'duplicated' | 'untimed' | 'latencyNs'> {
  const stats = sink.flow(flow);
  if (stats === null) return { sent, received: 0, lost: sent, duplicated: 0, latencyNs: null };
  const received = stats.received - stats.duplicated;
  return {
    sent,
    received,
    lost: sent - received,
    duplicated: stats.duplicated,
    ...timesOf(stats),
  };
}
