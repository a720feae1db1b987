// Traffic between hosts: ping, and UDP from a generator on one host to a sink on another.

import { formatAddress } from '../inet/address.ts';
import { UdpGenerator } from '../inet/generator.ts';
import type { Ping } from '../inet/ping.ts';
import { UdpSink } from '../inet/sink.ts';
import { ClockEvent } from '../kernel/clock.ts';
import { type Flow, type FlowReport, latencyOf, sinkReport } from './flow.ts';
import type { LabHost } from './hosts.ts';
import type { PingSpec, TrafficSpec, UdpSpec } from './spec.ts';

/** `number`: tells the flow's packets from those of others. */
export function makeTrafficFlow(spec: TrafficSpec, number: number, host: (name: string) => LabHost): Flow {
  const from = host(spec.from);
  if (spec.kind === 'ping') return new PingFlow(spec, from);
  return new UdpFlow(spec, number, from, spec.toHost === null ? null : host(spec.toHost));
}

class PingFlow implements Flow {
  readonly name: string;
  readonly kind = 'ping' as const;
  private readonly spec: PingSpec;
  private readonly host: LabHost;
  private readonly begin: ClockEvent;
  private ping: Ping | null = null;
  private stopped = false;

  constructor(spec: PingSpec, host: LabHost) {
    this.name = spec.name;
    this.spec = spec;
    this.host = host;
    this.begin = new ClockEvent(`start of ${spec.name}`, () => this.run());
  }

  start(): void {
    const { clock } = this.host.machine;
    if (this.spec.startNs === 0) this.run();
    else clock.arm(this.begin, clock.now() + this.spec.startNs);
  }

  private run(): void {
    const { to, intervalNs, size, count = Infinity } = this.spec;
    this.ping = this.host.stack.ping(formatAddress(to), { count, intervalNs, size });
  }

  stop(): void {
    this.stopped = true;
    this.host.machine.clock.cancel(this.begin);
    this.ping?.stop();
  }

  get ended(): boolean {
    return this.stopped || this.ping?.finished === true;
  }

  report(): FlowReport {
    const { from, to } = this.spec;
    const base = { name: this.name, kind: this.kind, from, to: formatAddress(to) };
    const { ping } = this;
    if (ping === null) return { ...base, sent: 0, received: 0, lost: 0, latencyNs: null };
    const { sent, received, unsent, duplicates: duplicated, rtt } = ping;
    const trouble = unsent > 0 ? `${unsent} could not be sent: no route or no buffer` : undefined;
    return { ...base, sent, received, lost: sent - received, duplicated, latencyNs: latencyOf(rtt), trouble };
  }
}

class UdpFlow implements Flow {
  readonly name: string;
  readonly kind = 'udp' as const;
  private readonly spec: UdpSpec;
  private readonly number: number;
  private readonly host: LabHost;
  /** Null when it goes to an address outside of the lab. */
  private readonly sink: UdpSink | null;
  private generator: UdpGenerator | null = null;

  constructor(spec: UdpSpec, number: number, from: LabHost, to: LabHost | null) {
    this.name = spec.name;
    this.spec = spec;
    this.number = number;
    this.host = from;
    this.sink = to === null ? null : new UdpSink(to.stack, spec.udpPort);
  }

  start(): void {
    const { to, pace, udpPort: port, size, count, startNs } = this.spec;
    const rate =
      pace === 'flat-out'
        ? {}
        : 'framesPerSecond' in pace
          ? { packetsPerSecond: pace.framesPerSecond }
          : { bitsPerSecond: pace.bitsPerSecond };
    const destination = formatAddress(to);
    this.generator = new UdpGenerator(this.host.stack, {
      destination,
      port,
      flow: this.number,
      size,
      count,
      startNs,
      ...rate,
    });
  }

  stop(): void {
    this.generator?.stop();
  }

  get ended(): boolean {
    return this.generator?.finished === true;
  }

  report(): FlowReport {
    const { from, to } = this.spec;
    const { sent = 0, failed = 0 } = this.generator ?? {};
    const base = { name: this.name, kind: this.kind, from, to: formatAddress(to) };
    const trouble = failed > 0 ? `${failed} could not be sent: no route or no buffer` : undefined;
    if (this.sink === null) {
      const gone = 'it leaves the lab: what arrives is counted elsewhere';
      return { ...base, sent, received: 0, lost: 0, latencyNs: null, trouble: trouble ?? gone };
    }
    return { ...base, ...sinkReport(this.sink, this.number, sent), trouble };
  }
}
