// Two network devices joined back to back, for tests of what lies above drivers: what one sends arrives at the other
// after a delay, through an interrupt and NAPI. Frames are padded to 60 bytes as hardware does.

import { ClockEvent } from '../../src/kernel/clock.ts';
import type { Mbuf } from '../../src/mbuf/mbuf.ts';
import { NETDEV_TX_BUSY, NETDEV_TX_OK, NetDevice } from '../../src/net/device.ts';
import { ETH_ZLEN } from '../../src/net/ether.ts';
import type { DeviceLayer } from '../../src/net/layer.ts';
import { Napi } from '../../src/net/napi.ts';

export interface PairOptions {
  name?: string;
  irq?: number;
  /** Time a frame is under way. */
  delayNs?: number;
  /** 0: sending takes no time. */
  bitsPerSecond?: number;
  /** Frames the device holds before it stops its queue. */
  ring?: number;
  /** Packets its discipline keeps. */
  queueLength?: number;
}

let lastStation = 0;

/** Slots of a receive ring: more frames than this waiting are lost, and counted as errors. */
const RX_SLOTS = 256;
const SLOT_BYTES = 2048;

/** One end. */
export class PairDevice {
  readonly device: NetDevice;
  peer: PairDevice | null = null;
  /** Called with each frame that is sent; false: the frame is lost on the way. */
  filter: ((frame: Uint8Array) => boolean) | null = null;
  /** Frames sent, kept when asked for. */
  log: Uint8Array[] | null = null;
  private readonly layer: DeviceLayer;
  private readonly napi: Napi;
  private readonly irq: number;
  private readonly delayNs: number;
  private readonly ring: number;
  private readonly held: Mbuf[] = [];
  private readonly slots: Uint8Array[] = [];
  private readonly lengths = new Int32Array(RX_SLOTS);
  private readonly dueTimes = new Float64Array(RX_SLOTS);
  private head = 0;
  private arrived = 0;
  private tail = 0;
  private masked = false;
  private readonly sending: ClockEvent;
  private readonly arrival: ClockEvent;

  constructor(layer: DeviceLayer, options: PairOptions = {}) {
    this.layer = layer;
    this.irq = options.irq ?? 10;
    this.delayNs = options.delayNs ?? 1000;
    this.ring = options.ring ?? 64;
    const { machine } = layer;
    for (let i = 0; i < RX_SLOTS; i++) this.slots.push(new Uint8Array(SLOT_BYTES));
    this.device = new NetDevice(layer, options.name ?? layer.allocName('eth'), {
      open: () => {
        this.napi.enable();
        for (const queue of this.device.txQueues) queue.start();
        this.device.setCarrier(true);
      },
      stop: () => {
        this.napi.disable();
        this.masked = false;
        this.head = this.tail = this.arrived = 0;
        machine.clock.cancel(this.arrival);
        machine.clock.cancel(this.sending);
        for (const m of this.held.splice(0)) this.device.transmitDone(m, false);
      },
      startXmit: (m) => this.startXmit(m),
    });
    if (options.queueLength !== undefined) this.device.txQueueLength = options.queueLength;
    const station = ++lastStation;
    this.device.address.set([2, 0, 0, 0, station >> 8, station & 0xff]);
    this.device.link = { bitsPerSecond: options.bitsPerSecond ?? 0, fullDuplex: true };
    this.napi = new Napi(layer.softnet, this.device.name, (budget) => this.poll(budget));
    this.sending = new ClockEvent(`${this.device.name} sent`, () => this.sent());
    this.arrival = new ClockEvent(`${this.device.name} arrival`, () => this.arrive());
    machine.irq.request(this.irq, this.device.name, () => {
      if (this.masked || this.arrived === this.tail || !this.napi.schedulePrep()) return false;
      this.masked = true;
      this.napi.schedule();
      return true;
    });
  }

  /** A frame from nowhere, as if the other side had sent it. */
  inject(bytes: Uint8Array): void {
    this.put(bytes, 0, bytes.length, bytes.length);
  }

  private startXmit(m: Mbuf): boolean {
    if (this.held.length >= this.ring) return NETDEV_TX_BUSY;
    this.held.push(m);
    if (this.held.length >= this.ring) this.device.txQueues[0].stop();
    if (this.device.link.bitsPerSecond === 0) this.sent();
    else if (!this.sending.armed) this.startNext();
    return NETDEV_TX_OK;
  }

  private startNext(): void {
    const { clock, cpu } = this.layer.machine;
    const bytes = Math.max(this.held[0].packetLength, ETH_ZLEN) + 24;
    clock.arm(
      this.sending,
      Math.max(cpu.now(), clock.now()) + Math.round((bytes * 8e9) / this.device.link.bitsPerSecond),
    );
  }

  private sent(): void {
    const m = this.held.shift();
    if (m === undefined) return;
    const { memory } = this.layer.machine;
    if (m.next === null && this.log === null && this.filter === null && this.peer !== null) {
      this.peer.put(memory.u8, m.data, m.length, Math.max(m.length, ETH_ZLEN));
    } else {
      const bytes = this.layer.machine.mbufs.toBytes(m);
      this.log?.push(bytes);
      if (this.filter === null || this.filter(bytes))
        this.peer?.put(bytes, 0, bytes.length, Math.max(bytes.length, ETH_ZLEN));
    }
    this.device.transmitDone(m, true);
    this.device.txQueues[0].wake();
    if (this.device.link.bitsPerSecond !== 0 && this.held.length > 0) this.startNext();
  }

  private put(from: Uint8Array, at: number, length: number, padded: number): void {
    if (!this.device.up || this.head - this.tail >= RX_SLOTS) {
      this.device.rx.errors++;
      return;
    }
    const index = this.head++ & (RX_SLOTS - 1);
    const slot = this.slots[index];
    for (let i = 0; i < length; i++) slot[i] = from[at + i];
    for (let i = length; i < padded; i++) slot[i] = 0;
    this.lengths[index] = padded;
    const { clock } = this.layer.machine;
    this.dueTimes[index] = clock.now() + this.delayNs;
    if (!this.arrival.armed) clock.arm(this.arrival, this.dueTimes[index]);
  }

  private arrive(): void {
    const { clock, irq } = this.layer.machine;
    const now = clock.now();
    while (this.arrived < this.head && this.dueTimes[this.arrived & (RX_SLOTS - 1)] <= now) this.arrived++;
    if (this.arrived < this.head) clock.arm(this.arrival, this.dueTimes[this.arrived & (RX_SLOTS - 1)]);
    if (!this.masked) irq.line(this.irq).pulse();
  }

  private poll(budget: number): number {
    const { memory } = this.layer.machine;
    let work = 0;
    while (work < budget && this.tail < this.arrived) {
      const index = this.tail++ & (RX_SLOTS - 1);
      work++;
      const m = this.device.allocReceive();
      if (m === null) {
        this.device.rx.errors++;
        continue;
      }
      const slot = this.slots[index];
      const length = this.lengths[index];
      for (let i = 0; i < length; i++) memory.u8[m.data + i] = slot[i];
      m.length = m.packetLength = length;
      this.device.receive(m);
    }
    if (work < budget && this.napi.complete()) {
      this.masked = false;
      if (this.tail < this.arrived) this.layer.machine.irq.line(this.irq).pulse();
    }
    return work;
  }
}
