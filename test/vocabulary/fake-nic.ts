// A network card without a chip behind it: counters instead of rings, one interrupt line, a driver of either kind. For
// tests of what is above the driver; what a real ring does is tested with the real chips.

import { ClockEvent } from '../../src/kernel/clock.ts';
import type { Cpu } from '../../src/kernel/cpu.ts';
import type { IrqLine } from '../../src/kernel/irq.ts';
import type { Machine } from '../../src/kernel/machine.ts';
import type { Mbuf } from '../../src/mbuf/mbuf.ts';
import { NetDevice, type NetDeviceOps } from '../../src/net/device.ts';
import type { DeviceLayer } from '../../src/net/layer.ts';
import { Napi } from '../../src/net/napi.ts';

export interface FakeNicOptions {
  name?: string;
  irq?: number;
  /** NAPI, or one interrupt a packet and netif_rx. */
  napi?: boolean;
  rxRing?: number;
  txRing?: number;
  /** ns until a packet has left the card; 0: it waits for `sendOne`. */
  frameNs?: number;
  /** The driver lets its ring run full and says busy, instead of stopping its queue in time. */
  careless?: boolean;
  address?: Uint8Array;
}

export class FakeNic {
  readonly machine: Machine;
  readonly device: NetDevice;
  readonly napi: Napi;
  readonly line: IrqLine;
  /** Frames the ring had no room for. */
  missed = 0;
  /** Bytes of the frame that arrives. */
  frame = new Uint8Array(60);
  /** Packets the driver was given, oldest first, with whether more were announced. */
  readonly doorbells: boolean[] = [];
  readonly sent: Uint8Array[] = [];
  keepSent = false;
  timeouts = 0;
  rxModes = 0;
  private readonly options: Required<FakeNicOptions>;
  private rxWaiting = 0;
  private readonly tx: (Mbuf | null)[];
  private txHead = 0;
  private txCount = 0;
  private txDone = 0;
  private masked = false;
  private driven = false;
  private readonly wire: ClockEvent;
  private action: { name: string } | null = null;

  constructor(layer: DeviceLayer, options: FakeNicOptions = {}) {
    this.options = {
      name: 'eth0',
      irq: 9,
      napi: true,
      rxRing: 64,
      txRing: 16,
      frameNs: 0,
      careless: false,
      address: new Uint8Array([2, 0, 0, 0, 0, 1]),
      ...options,
    };
    this.machine = layer.machine;
    this.line = this.machine.irq.line(this.options.irq);
    this.tx = Array.from({ length: this.options.txRing }, () => null);
    this.wire = new ClockEvent('fake wire', () => this.sendOne());
    const ops: NetDeviceOps = {
      open: () => this.open(),
      stop: () => this.stop(),
      startXmit: (m) => this.startXmit(m),
      setRxMode: () => void this.rxModes++,
      txTimeout: () => void this.timeouts++,
      held: () => this.txCount,
    };
    this.device = new NetDevice(layer, this.options.name, ops);
    this.device.address.set(this.options.address);
    this.napi = new Napi(layer.softnet, this.options.name, (budget) => this.poll(budget));
    this.setFrame(this.device.address, 0x0800);
  }

  setFrame(to: Uint8Array, type: number, length = 60): void {
    const frame = new Uint8Array(Math.max(length, 14));
    frame.set(to);
    frame.set([2, 0, 0, 0, 0, 9], 6);
    frame.set([type >> 8, type & 0xff], 12);
    this.frame = frame.slice(0, length);
  }

  // ---- hardware

  /** A frame arrives from the wire. */
  arrive(): void {
    if (this.rxWaiting === this.options.rxRing) this.missed++;
    else this.rxWaiting++;
    this.drive();
  }

  /** The oldest packet in the transmit ring has left. */
  sendOne(): void {
    if (this.txCount - this.txDone === 0) return;
    this.txDone++;
    if (this.options.frameNs > 0 && this.txCount > this.txDone) this.startWire();
    this.drive();
  }

  private startWire(): void {
    this.machine.clock.armIn(this.wire, this.options.frameNs);
  }

  private drive(): void {
    const drive = !this.masked && (this.rxWaiting > 0 || this.txDone > 0);
    if (drive === this.driven) return;
    this.driven = drive;
    this.line.setLevel(drive);
  }

  /** Mask register: charged as one. */
  private setMask(masked: boolean): void {
    const { cpu } = this.machine;
    cpu.charge(cpu.profile.registerWrite);
    this.masked = masked;
    this.drive();
  }

  // ---- driver

  private open(): void {
    if (this.options.napi) this.napi.enable();
    this.action = this.machine.irq.request(this.options.irq, this.options.name, (cpu) => this.interrupt(cpu));
    this.device.txQueues[0].start();
    this.device.setCarrier(true);
    this.setMask(false);
  }

  private stop(): void {
    this.setMask(true);
    this.machine.clock.cancel(this.wire);
    if (this.action !== null) this.machine.irq.free(this.options.irq, this.action as never);
    if (this.options.napi) this.napi.disable();
    this.rxWaiting = 0;
    this.txDone = this.txCount;
    this.completeTransmit();
    this.drive();
  }

  private interrupt(cpu: Cpu): boolean {
    cpu.charge(cpu.profile.registerRead);
    if (!this.driven) return false;
    this.device.interrupts++;
    if (!this.options.napi) {
      this.completeTransmit();
      if (this.rxWaiting > 0) this.takeOne(true);
      this.drive();
      return true;
    }
    if (this.napi.schedulePrep()) {
      this.setMask(true);
      this.napi.schedule();
    }
    return true;
  }

  private poll(budget: number): number {
    this.completeTransmit();
    let work = 0;
    while (work < budget && this.rxWaiting > 0) {
      this.takeOne(false);
      work++;
    }
    if (work < budget && this.napi.complete()) this.setMask(false);
    return work;
  }

  private takeOne(old: boolean): void {
    const { cpu, memory } = this.machine;
    cpu.charge(cpu.profile.descriptor);
    this.rxWaiting--;
    const m = this.device.allocReceive();
    if (m === null) {
      this.missed++;
      return;
    }
    const { frame } = this;
    for (let i = 0; i < frame.length; i++) memory.u8[m.data + i] = frame[i];
    m.length = frame.length;
    m.packetLength = frame.length;
    if (old) this.device.receiveBacklog(m);
    else this.device.receive(m);
  }

  private startXmit(m: Mbuf): boolean {
    const { tx, options } = this;
    if (this.txCount === options.txRing) {
      if (!options.careless) this.device.txQueues[0].stop();
      return false;
    }
    if (this.keepSent) this.sent.push(this.machine.mbufs.toBytes(m));
    this.doorbells.push(this.device.xmitMore);
    tx[(this.txHead + this.txCount++) % options.txRing] = m;
    if (this.txCount === options.txRing && !options.careless) this.device.txQueues[0].stop();
    if (options.frameNs > 0 && !this.wire.armed) this.startWire();
    return true;
  }

  private completeTransmit(): void {
    while (this.txDone > 0) {
      const m = this.tx[this.txHead];
      if (m === null) throw new Error('fake ring is confused');
      this.tx[this.txHead] = null;
      this.txHead = (this.txHead + 1) % this.options.txRing;
      this.txCount--;
      this.txDone--;
      this.device.transmitDone(m, true);
    }
    if (this.txCount < this.options.txRing && this.device.up) this.device.txQueues[0].wake();
  }
}

/** Frames at a steady pace out of nowhere: hardware, so it costs no CPU anything. */
export class Blaster {
  private readonly event: ClockEvent;
  sent = 0;

  constructor(nic: FakeNic, intervalNs: number, count = Infinity) {
    const { clock } = nic.machine;
    this.event = new ClockEvent('blaster', () => {
      this.sent++;
      if (this.sent < count) clock.arm(this.event, this.event.when + intervalNs);
      nic.arrive();
    });
    clock.arm(this.event, clock.now() + intervalNs);
  }

  stop(clock: { cancel(event: ClockEvent): void }): void {
    clock.cancel(this.event);
  }
}
