// Load: an open-loop sender at the far end, a sender on the machine, and what takes frames out of the stack.

import { ClockEvent } from '../kernel/clock.ts';
import type { ThreadBody } from '../kernel/thread.ts';
import { HEADROOM, type Mbuf } from '../mbuf/mbuf.ts';
import { ETH_ALEN, ETH_HLEN } from '../net/ether.ts';
import { numberOf, TEST_TYPE, testFrame } from '../scenario/frames.ts';
import { FAR_MAC } from '../scenario/subject.ts';
import { frameTimeNs } from '../wire/medium.ts';
import type { CompareRig } from './rig.ts';

/** Latencies kept; more frames than that are not timed. */
const TIMED = 1 << 16;
/** Packets that a sender is ahead of the wire. */
const QUEUE_AHEAD = 64;
const NUMBER_AT = ETH_HLEN;
/** Frames in one go before others on the CPU get their turn. */
const BATCH = 32;

/** Sends frames of one length to the machine, one every `gapNs`, whatever becomes of them. */
export class Feeder {
  sent = 0;
  /** When each frame was put on the wire, by its number. */
  readonly sentAt = new Float64Array(TIMED);
  private readonly rig: CompareRig;
  private readonly gapNs: number;
  private readonly template: Uint8Array;
  private readonly event: ClockEvent;
  private due = 0;

  constructor(rig: CompareRig, frameBytes: number, gapNs: number) {
    this.rig = rig;
    this.gapNs = gapNs;
    this.template = testFrame(frameBytes, 0, rig.device.address, FAR_MAC);
    this.event = new ClockEvent('feeder', () => this.send());
  }

  start(): void {
    this.due = this.rig.clock.now();
    this.rig.clock.arm(this.event, this.due);
  }

  stop(): void {
    this.rig.clock.cancel(this.event);
  }

  private send(): void {
    const { rig, template, sent } = this;
    if (sent < TIMED) this.sentAt[sent] = rig.clock.now();
    for (let i = 0; i < 4; i++) template[NUMBER_AT + i] = sent >>> (8 * (3 - i));
    this.sent++;
    rig.far.send(template);
    this.due += this.gapNs;
    rig.clock.arm(this.event, Math.max(this.due, rig.clock.now()));
  }
}

/** Takes test frames off the stack: counts them, times them, and sends them back if it is to. */
export class Sink {
  frames = 0;
  bytes = 0;
  /** ns from the first bit on the wire, in the order of arrival. */
  readonly latencies: number[] = [];
  private readonly rig: CompareRig;
  private readonly back: boolean;
  private readonly feeder: Feeder;

  constructor(rig: CompareRig, feeder: Feeder, back: boolean) {
    this.rig = rig;
    this.back = back;
    this.feeder = feeder;
    rig.subject.layer.packetTypes.add({
      name: 'compare',
      type: TEST_TYPE,
      device: null,
      receive: (m) => this.take(m),
    });
  }

  private take(m: Mbuf): void {
    const { machine } = this.rig;
    const { u8 } = machine.memory;
    this.frames++;
    this.bytes += m.length + ETH_HLEN;
    const number = numberOf(u8.subarray(m.data - ETH_HLEN, m.data + m.length));
    if (number < TIMED) this.latencies.push(machine.cpu.now() - this.feeder.sentAt[number]);
    if (!this.back) {
      machine.mbufs.freem(m);
      return;
    }
    m.data -= ETH_HLEN;
    m.length += ETH_HLEN;
    m.packetLength += ETH_HLEN;
    for (let i = 0; i < ETH_ALEN; i++) {
      u8[m.data + i] = FAR_MAC[i];
      u8[m.data + ETH_ALEN + i] = this.rig.device.address[i];
    }
    this.rig.device.transmit(m);
  }
}

/** A thread that offers packets of one length, as fast as the device takes them, at most at the wire's rate. */
export class Sender {
  offered = 0;
  private readonly rig: CompareRig;
  private readonly frame: Uint8Array;
  private readonly gapNs: number;
  private stopping = false;

  constructor(rig: CompareRig, frameBytes: number) {
    this.rig = rig;
    this.frame = testFrame(frameBytes, 1, FAR_MAC, rig.device.address);
    this.gapNs = frameTimeNs(frameBytes, rig.subject.bitsPerSecond);
  }

  start(): void {
    this.rig.machine.cpu.spawn('sender', this.body());
  }

  stop(): void {
    this.stopping = true;
  }

  private *body(): ThreadBody {
    const { rig, gapNs } = this;
    const start = rig.clock.now();
    while (!this.stopping) {
      // What the wire has taken by now, and some ahead of it; a device that queues is not sent more than that either.
      const allowed = (rig.machine.cpu.now() - start) / gapNs + QUEUE_AHEAD;
      for (let i = 0; i < BATCH && this.offered < allowed && this.waiting < QUEUE_AHEAD; i++) this.sendOne();
      yield Math.max(1, Math.floor((QUEUE_AHEAD * gapNs) / 4));
    }
  }

  private get waiting(): number {
    return this.rig.device.txQueues[0].pending;
  }

  private sendOne(): void {
    const { machine, device } = this.rig;
    const { cpu } = machine;
    cpu.charge(cpu.profile.systemCall);
    const m = machine.mbufs.fromBytes(this.frame, HEADROOM);
    if (m === null) return;
    cpu.charge(cpu.profile.buffer);
    this.offered++;
    device.transmit(m);
  }
}
