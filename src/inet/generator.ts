// A UDP packet generator: at a rate, exact on average or Poisson, or flat out.
//
// At a rate it is an open loop: when the machine cannot keep up, queues fill and packets are dropped and counted, as
// for real traffic from many senders. Flat out it is a closed loop: it waits while SEND_QUEUE packets wait in the device's
// queue, as a socket's send buffer makes a process wait.

import type { Machine } from '../kernel/machine.ts';
import type { Random } from '../kernel/random.ts';
import { RESCHEDULE, type Thread, type ThreadBody } from '../kernel/thread.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { ETH_FCS_LEN, ETH_HLEN, ETH_ZLEN } from '../net/ether.ts';
import { parseAddress } from './address.ts';
import { IP_HLEN } from './ipv4.ts';
import { fillPattern, PAYLOAD_HEADER, writePayload } from './payload.ts';
import type { InetStack } from './stack.ts';
import { UDP_HLEN } from './udp.ts';
import type { UdpSocket } from './udp-socket.ts';

export interface GeneratorOptions {
  destination: string;
  port: number;
  /** Told apart by this number at the sink, 0 to 65535. */
  flow?: number;
  /** Bytes of UDP payload, at least 16; 18 makes the shortest Ethernet frame. */
  size?: number;
  /** Rate; with neither it goes flat out. */
  packetsPerSecond?: number;
  /** Rate on the wire: preamble, FCS and gap included, so that 100e6 fills a link of 100 Mbit/s. */
  bitsPerSecond?: number;
  /** Gaps are exponential instead of equal. */
  poisson?: boolean;
  /** Ends after so many packets, or so long. */
  count?: number;
  durationNs?: number;
  /** Waits before it starts. */
  startNs?: number;
  tos?: number;
  priority?: number;
  checksum?: boolean;
  onDone?: (generator: UdpGenerator) => void;
}

/** Packets sent in one go of the thread. */
const BATCH = 64;
/** Packets in the device's queue at which a flat-out sender waits: about what a send buffer of 212,992 bytes holds. */
const SEND_QUEUE = 128;
/** Bytes of a frame besides what is counted in a packet: preamble and gap. */
const WIRE_OVERHEAD = 20;
/** When the link's rate is not known, or the link is down: how long to wait before looking again. */
const WAIT_NS = 10_000;
const DOWN_NS = 1_000_000;
/** Where neither CPU nor link takes time, flat out must still take some: 10 million packets/s. */
const LEAST_NS = 100;
/** How often and how long it waits for the next hop's station address before it starts. */
const RESOLVE_NS = 100_000;
const RESOLVE_TRIES = 40_000;

export class UdpGenerator {
  readonly flow: number;
  sent = 0;
  /** Not sent: no buffer was left, or no route. */
  failed = 0;
  /** Times it waited for the device. */
  waits = 0;
  finished = false;
  private readonly stack: InetStack;
  private readonly machine: Machine;
  private readonly options: GeneratorOptions;
  private readonly socket: UdpSocket;
  private readonly destination: number;
  private readonly size: number;
  private readonly frameBits: number;
  private readonly random: Random;
  private readonly pattern: number;
  private readonly thread: Thread;
  private stopping = false;

  /** Starts at once. Throws when an option makes no sense. */
  constructor(stack: InetStack, options: GeneratorOptions) {
    this.stack = stack;
    this.machine = stack.machine;
    this.options = options;
    this.flow = options.flow ?? 0;
    this.size = options.size ?? 18;
    checkOptions(options, this.size, this.flow);
    this.destination = parseAddress(options.destination) | 0;
    const frame = Math.max(ETH_ZLEN, ETH_HLEN + IP_HLEN + UDP_HLEN + this.size) + ETH_FCS_LEN;
    this.frameBits = 8 * (frame + WIRE_OVERHEAD);
    this.random = this.machine.random(`generator ${this.flow}`);
    this.socket = stack.udp.open();
    this.socket.tos = options.tos ?? 0;
    this.socket.priority = options.priority ?? 0;
    this.socket.checksum = options.checksum ?? true;
    // The payload's pattern, copied from here into each packet.
    this.pattern = this.machine.memory.alloc(this.size);
    fillPattern(this.machine.memory.u8, this.pattern, this.size, 0);
    this.thread = this.machine.cpus[0].spawn(`generator ${this.flow}`, this.run());
  }

  stop(): void {
    this.stopping = true;
    this.thread.wake();
  }

  /** Packets a second it is to send on average; Infinity: flat out. */
  get rate(): number {
    const { packetsPerSecond, bitsPerSecond } = this.options;
    if (packetsPerSecond !== undefined) return packetsPerSecond;
    return bitsPerSecond !== undefined ? bitsPerSecond / this.frameBits : Infinity;
  }

  private *run(): ThreadBody {
    const { cpu } = this.machine;
    if (this.options.startNs !== undefined && this.options.startNs > 0) yield this.options.startNs;
    for (let tries = 0; tries < RESOLVE_TRIES && !this.stopping && !this.resolved(); tries++)
      yield RESOLVE_NS;
    const start = cpu.now();
    if (this.rate === Infinity) yield* this.flatOut(start);
    else yield* this.paced(start);
    this.finished = true;
    this.socket.close();
    this.machine.memory.free(this.pattern);
    this.options.onDone?.(this);
  }

  private resolved(): boolean {
    const { cpu } = this.machine;
    cpu.bhDisable();
    const done = this.stack.ipv4.resolve(this.destination);
    cpu.bhEnable();
    return done;
  }

  private *paced(start: number): ThreadBody {
    const { cpu } = this.machine;
    const { poisson } = this.options;
    const count = this.options.count ?? Infinity;
    const end = start + (this.options.durationNs ?? Infinity);
    const gapNs = 1e9 / this.rate;
    let number = 0;
    let due = start;
    while (number < count && due < end && !this.stopping) {
      let batch = 0;
      while (due <= cpu.now() && batch < BATCH && number < count && due < end) {
        this.sendOne();
        batch++;
        number++;
        // From the start, not from the last one: errors of rounding do not add up.
        due = poisson === true ? due - gapNs * Math.log(1 - this.random.float()) : start + number * gapNs;
      }
      if (number >= count || due >= end) break;
      const wait = Math.ceil(due - cpu.now());
      yield wait > 0 ? wait : RESCHEDULE;
    }
  }

  private *flatOut(start: number): ThreadBody {
    const { cpu } = this.machine;
    const count = this.options.count ?? Infinity;
    const end = start + (this.options.durationNs ?? Infinity);
    let number = 0;
    while (number < count && cpu.now() < end && !this.stopping) {
      const before = cpu.now();
      let batch = 0;
      let wait = 0;
      while (batch < BATCH && number < count && wait === 0) {
        this.sendOne();
        batch++;
        number++;
        wait = this.mustWait();
      }
      if (wait > 0) this.waits++;
      if (wait === 0 && cpu.now() === before && this.machine.clock.kind === 'virtual')
        wait = batch * LEAST_NS;
      yield wait > 0 ? wait : RESCHEDULE;
    }
  }

  /** ns to wait before another packet makes sense; 0: none. */
  private mustWait(): number {
    const route = this.stack.ipv4.route(this.destination);
    if (route === null || !route.device.canTransmit) return DOWN_NS;
    const { device } = route;
    const { pending, stopped } = device.txQueues[0];
    if (pending < SEND_QUEUE && !(stopped && device.txQueues[0].qdisc === null)) return 0;
    return this.drainTime(device, pending);
  }

  /** Until half of what waits is on the wire, so that the queue never runs dry. */
  private drainTime(device: NetDevice, pending: number): number {
    const { bitsPerSecond } = device.link;
    if (bitsPerSecond === 0) return WAIT_NS;
    return Math.max(LEAST_NS, Math.floor((pending * this.frameBits * 1e9) / (2 * bitsPerSecond)));
  }

  /** sendto: a system call, a copy, a packet. */
  private sendOne(): void {
    const { machine, size, stack } = this;
    const { cpu } = machine;
    cpu.charge(cpu.profile.systemCall);
    const m = stack.udp.alloc(size);
    if (m === null) {
      this.failed++;
      return;
    }
    cpu.charge(cpu.profile.copyByte * size);
    const { u8 } = machine.memory;
    let from = this.pattern;
    for (let part: Mbuf | null = m; part !== null; part = part.next) {
      u8.copyWithin(part.data, from, from + part.length);
      from += part.length;
    }
    writePayload(u8, m.data, this.flow, this.sent, cpu.now());
    if (this.socket.sendPacket(m, this.destination, this.options.port)) this.sent++;
    else this.failed++;
  }
}

function checkOptions(options: GeneratorOptions, size: number, flow: number): void {
  const what = `generator ${flow}`;
  if (!(Number.isInteger(flow) && flow >= 0 && flow <= 0xffff))
    throw new RangeError(`${what}: the flow must be 0 to 65535`);
  if (!(Number.isInteger(size) && size >= PAYLOAD_HEADER && size <= 65507)) {
    throw new RangeError(
      `${what}: a size of ${size}: ${PAYLOAD_HEADER} to 65507 bytes of payload are possible`,
    );
  }
  if (!(Number.isInteger(options.port) && options.port > 0 && options.port <= 65535)) {
    throw new RangeError(`${what}: port ${options.port}: 1 to 65535 is possible`);
  }
  const rate = options.packetsPerSecond ?? options.bitsPerSecond;
  if (rate !== undefined && !(rate > 0))
    throw new RangeError(`${what}: a rate of ${rate}: more than 0 is wanted`);
  if (options.packetsPerSecond !== undefined && options.bitsPerSecond !== undefined) {
    throw new Error(`${what}: packetsPerSecond or bitsPerSecond, not both`);
  }
  if (options.poisson === true && rate === undefined) throw new Error(`${what}: poisson needs a rate`);
}
