// Ports that send into the lab. The frames of a capture that is replayed are followed to the device layer of the host they
// are for; the datagrams of a generator to a UDP sink there. Lost is what did not get that far.

import { UdpSink } from '../inet/sink.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Capture } from '../ports/capture.ts';
import { Replay } from '../ports/replay.ts';
import { FRAME_START, MAX_FRAME_BYTES } from '../wire/frame.ts';
import { FrameTap } from '../wire/frame-tap.ts';
import type { Medium } from '../wire/medium.ts';
import { type Flow, type FlowReport, sinkReport, timesOf } from './flow.ts';
import { FrameMatch } from './frame-match.ts';
import { Generator } from './generator.ts';
import type { LabHost, LabNic } from './hosts.ts';
import type { GeneratorSpec, ReplaySpec } from './spec.ts';

export interface PortFlowParts {
  readonly clock: Clock;
  readonly socket: Medium;
  readonly host: LabHost;
  readonly nic: LabNic;
}

export class ReplayFlow implements Flow {
  readonly name: string;
  readonly kind = 'replay' as const;
  private readonly spec: ReplaySpec;
  private readonly match = new FrameMatch();
  private readonly replay: Replay;

  constructor(spec: ReplaySpec, parts: PortFlowParts, capture: Capture) {
    const { clock, socket, host, nic } = parts;
    const { pace, speed, loops, destination } = spec;
    this.name = spec.name;
    this.spec = spec;
    const medium = new FrameTap(socket, clock, (frame, timeNs, direction) => {
      if (direction === 'out') this.match.leave(frame.u8, FRAME_START, frame.length, timeNs);
    });
    const rewritten =
      destination === 'rewrite' ? nic.spec.mac : destination === 'keep' ? undefined : destination;
    this.replay = new Replay({ clock, medium, capture, pacing: pace, speed, loops, destination: rewritten });
    this.watch(host, nic);
  }

  start(): void {
    this.replay.start(this.spec.startNs);
  }

  stop(): void {
    if (!this.replay.ended) this.replay.stop();
  }

  get ended(): boolean {
    return this.replay.ended;
  }

  report(): FlowReport {
    const { sent, received } = this.match;
    const { to } = this.spec;
    return {
      name: this.name,
      kind: this.kind,
      from: this.name,
      to: `${to.host}.${to.nic}`,
      sent,
      received,
      lost: sent - received,
      ...timesOf(this.match),
      trouble: troubleOf(this.replay),
    };
  }

  /** A tap in the host's device layer, as a packet socket would be. */
  private watch(host: LabHost, nic: LabNic): void {
    const { machine } = host;
    const scratch = new Uint8Array(MAX_FRAME_BYTES);
    // Of an interface that came later, too.
    host.layer.packetTypes.addTap({
      device: null,
      see: (m, device, outgoing) => {
        if (outgoing || device !== nic.device) return;
        const now = machine.cpu.now();
        if (m.next === null) {
          this.match.arrive(machine.memory.u8, m.data, m.length, now);
          return;
        }
        machine.mbufs.copydata(m, 0, m.packetLength, scratch, 0);
        this.match.arrive(scratch, 0, m.packetLength, now);
      },
    });
  }
}

export class GeneratorFlow implements Flow {
  readonly name: string;
  readonly kind = 'generator' as const;
  private readonly spec: GeneratorSpec;
  private readonly generator: Generator;
  private readonly sink: UdpSink;
  private readonly number: number;

  /** `number`: tells its packets from those of other flows. */
  constructor(spec: GeneratorSpec, number: number, parts: PortFlowParts) {
    const { clock, socket, host, nic } = parts;
    const { pace, size, udpPort } = spec;
    this.name = spec.name;
    this.spec = spec;
    this.number = number;
    const to = { mac: nic.spec.mac, address: nic.spec.address!.address };
    this.sink = new UdpSink(host.stack, udpPort, { inSoftirq: spec.sink === 'softirq' });
    this.generator = new Generator({ clock, medium: socket, pace, size, udpPort, to, flow: number });
  }

  start(): void {
    this.generator.start(this.spec.startNs);
  }

  stop(): void {
    this.generator.stop();
  }

  get ended(): boolean {
    return this.generator.ended;
  }

  report(): FlowReport {
    const { to } = this.spec;
    return {
      name: this.name,
      kind: this.kind,
      from: this.name,
      to: `${to.host}.${to.nic}`,
      ...sinkReport(this.sink, this.number, this.generator.sent),
    };
  }
}

/** What of a capture could not be sent, for people. */
function troubleOf(replay: Replay): string | undefined {
  const { skippedTruncated, skippedLinkType, skippedShort, skippedLong } = replay.counters;
  const parts: string[] = [];
  if (replay.fault !== null) parts.push(replay.fault.message);
  if (skippedTruncated > 0) parts.push(`${skippedTruncated} packets were cut when they were captured`);
  if (skippedLinkType > 0) parts.push(`${skippedLinkType} packets are not from an Ethernet`);
  if (skippedShort > 0) parts.push(`${skippedShort} packets are too short for Ethernet`);
  if (skippedLong > 0) parts.push(`${skippedLong} packets are too long for Ethernet`);
  return parts.length === 0 ? undefined : parts.join('; ');
}
