// `chip: none`: a device that is the end of its cable, without a card in between, as each half of a veth pair is. For boxes
// that stand in somebody else's link, a shaper say, where the discipline is to be the only place where packets wait.
//
// Each of its transmit queues holds one packet; when there are several, the cable takes from them in turn.
//
//                                                                        queue 0 [packet] ─┐
//   cable ─► ring of frames ─► interrupt ─► NAPI ─► device layer ──►     queue 1 [packet] ─┼─► cable
//                                                                        ...               ┘

import { copyBytes } from '../kernel/copy.ts';
import { IrqLine } from '../kernel/irq.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { NETDEV_TX_BUSY, NETDEV_TX_OK, NETIF_F_SG, NetDevice, type NetDeviceOps } from '../net/device.ts';
import { ETH_HLEN, VLAN_HLEN } from '../net/ether.ts';
import type { DeviceLayer } from '../net/layer.ts';
import { Napi } from '../net/napi.ts';
import { FRAME_START, type Frame } from '../wire/frame.ts';
import { FrameQueue } from '../wire/frame-queue.ts';
import { type Medium, type Station, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../wire/medium.ts';
import { type CardBooks, nonZero } from './card-books.ts';

/** Frames that wait to be taken in. */
export const PLAIN_RING = 512;
const FAILED = TX_RETRY | TX_LATE_COLLISION | TX_NO_CARRIER;
/** A line of its own, beside those of the interrupt controller. */
const OWN_LINE = 32;

export class PlainDevice implements Station {
  readonly device: NetDevice;
  readonly napi: Napi;
  private readonly layer: DeviceLayer;
  private readonly medium: Medium;
  private readonly line: IrqLine;
  private readonly ring = new FrameQueue();
  /** What each transmit queue holds, and of which the frame is that the cable has now; -1: of none. */
  private readonly slots: (Mbuf | null)[];
  private sending = -1;
  private received = 0;
  private given = 0;
  private readonly drops = { ringFull: 0, notOpen: 0, crcError: 0, lengthError: 0, noBuffer: 0 };

  /** Makes and registers the device, with that many transmit queues. */
  constructor(layer: DeviceLayer, name: string, mac: Uint8Array, medium: Medium, queues = 1) {
    const { machine } = layer;
    this.layer = layer;
    this.medium = medium;
    this.slots = new Array<Mbuf | null>(queues).fill(null);
    const ops: NetDeviceOps = {
      open: () => this.open(),
      stop: () => this.stop(),
      startXmit: (m, queue) => this.startXmit(m, queue),
      held: () => this.held,
    };
    this.device = new NetDevice(layer, name, ops, queues);
    this.device.features = NETIF_F_SG;
    this.device.setAddress(mac);
    this.napi = new Napi(layer.softnet, name, (budget) => this.poll(budget));
    this.line = new IrqLine(OWN_LINE, machine.cpu, (message) => machine.log(message));
    this.line.addAction(name, () => {
      this.device.interrupts++;
      if (this.napi.schedulePrep()) this.napi.schedule();
      return true;
    });
    layer.register(this.device);
  }

  /** Packets in its transmit queues, the one that the cable has not reported among them. */
  get held(): number {
    return this.slots.reduce((sum, m) => sum + (m === null ? 0 : 1), 0);
  }

  books(): CardBooks {
    const { drops } = this;
    return {
      received: () => this.received,
      delivered: () => this.given,
      drops: () => nonZero(drops),
      sums: () => {
        const lost = Object.values(drops).reduce((sum, count) => sum + count, 0);
        const missing = this.received - this.given - lost - this.ring.length;
        return [{ place: 'receive ring', taken: this.received, missing }];
      },
    };
  }

  private open(): void {
    this.napi.enable();
    for (const queue of this.device.txQueues) queue.start();
    this.medium.attach(this);
    this.carrierChanged();
  }

  private stop(): void {
    this.napi.disable();
    this.medium.attach(null);
    this.drops.notOpen += this.ring.clear(this.medium.pool);
    this.sending = -1;
    this.slots.forEach((m, queue) => {
      this.slots[queue] = null;
      if (m !== null) this.device.transmitDone(m, false);
    });
  }

  carrierChanged(): void {
    const { bitsPerSecond, fullDuplex, carrier } = this.medium;
    this.device.link = { bitsPerSecond, fullDuplex };
    if (this.device.up) this.device.setCarrier(carrier);
  }

  // ---- in

  receive(frame: Frame): void {
    this.received++;
    if (!this.device.up || this.ring.length === PLAIN_RING) {
      this.lose(frame, this.device.up ? 'ringFull' : 'notOpen');
      return;
    }
    this.ring.push(frame);
    if (!this.napi.scheduled) this.line.pulse();
  }

  private poll(budget: number): number {
    let work = 0;
    while (work < budget) {
      const frame = this.ring.shift();
      if (frame === null) break;
      work++;
      const m = this.takeIn(frame);
      if (m !== null) this.device.receive(m);
    }
    if (work < budget) this.napi.complete();
    return work;
  }

  /** The frame as a packet of ours; null when it is bad or there is no buffer, which is counted. */
  private takeIn(frame: Frame): Mbuf | null {
    const { device, layer } = this;
    const { machine } = layer;
    if (frame.damaged) return this.lose(frame, 'crcError');
    const { length } = frame;
    if (length < ETH_HLEN || length > device.mtu + ETH_HLEN + VLAN_HLEN)
      return this.lose(frame, 'lengthError');
    const m = device.allocReceive();
    if (m === null) return this.lose(frame, 'noBuffer');
    machine.cpu.charge((machine.cpu.profile.copyByte * length) | 0);
    copyBytes(frame, FRAME_START, machine.memory, m.data, length);
    m.length = m.packetLength = length;
    this.medium.pool.put(frame);
    this.given++;
    return m;
  }

  private lose(frame: Frame, reason: keyof typeof this.drops): null {
    this.drops[reason]++;
    this.medium.pool.put(frame);
    return null;
  }

  // ---- out

  private startXmit(m: Mbuf, queue: number): boolean {
    const { cpu } = this.layer.machine;
    // Here, since no CPU runs when the cable asks for the next; and first, since others may have their turn meanwhile.
    cpu.charge((cpu.profile.copyByte * m.packetLength) | 0);
    if (this.slots[queue] !== null) return NETDEV_TX_BUSY;
    this.slots[queue] = m;
    if (this.sending < 0) this.send(queue);
    // A cable that takes no time has told already.
    if (this.slots[queue] !== null) this.device.txQueues[queue].stop();
    return NETDEV_TX_OK;
  }

  private send(queue: number): void {
    const m = this.slots[queue]!;
    const { machine } = this.layer;
    const frame = this.medium.pool.get(m.packetLength);
    let at = FRAME_START;
    for (let part: Mbuf | null = m; part !== null; part = part.next) {
      copyBytes(machine.memory, part.data, frame, at, part.length);
      at += part.length;
    }
    this.sending = queue;
    this.medium.send(frame);
  }

  transmitted(status: number): void {
    const { slots, device, sending } = this;
    if (sending < 0) return;
    const m = slots[sending]!;
    slots[sending] = null;
    this.sending = -1;
    device.transmitDone(m, (status & FAILED) === 0);
    for (let i = 1; i <= slots.length && this.sending < 0; i++) {
      const next = (sending + i) % slots.length;
      if (slots[next] !== null) this.send(next);
    }
    device.txQueues[sending].wake();
  }
}
