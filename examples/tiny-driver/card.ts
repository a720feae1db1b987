// The Tiny as a model on a PCI bus: what sheet.ts says, from the card's side. It sees its host only as a DeviceHost: DMA and
// one interrupt line; and the world as a Medium, on which it sends one frame at a time.
// Left out: saved states.

import {
  type ChipState,
  type DeviceHost,
  FRAME_START,
  type Frame,
  type Medium,
  type PciChip,
  type PciIdentity,
  type Station,
  TX_LATE_COLLISION,
  TX_NO_CARRIER,
  TX_RETRY,
  type Width,
} from 'softnet';
import { CAUSE, CONTROL, ERR, LENGTH, LONGEST, OWN, PCI, REG, RING_BYTES, SHORTEST, SLOTS } from './sheet.ts';

const BAR_BYTES = 64;
const ONES = 0xffffffff;
const NOT_SENT = TX_RETRY | TX_LATE_COLLISION | TX_NO_CARRIER;

export class TinyCard implements PciChip, Station {
  readonly identity: PciIdentity = {
    vendorId: PCI.VENDOR_ID,
    deviceId: PCI.DEVICE_ID,
    revision: 1,
    classCode: 0x020000,
    subsystemVendorId: 0,
    subsystemId: 0,
    interruptPin: 1,
    minGrant: 0,
    maxLatency: 0,
    bars: [{ kind: 'memory', size: BAR_BYTES }],
  };
  private readonly host: DeviceHost;
  private readonly medium: Medium;
  private readonly address: Uint8Array;
  private control = 0;
  private cause = 0;
  private rings = 0;
  private dropped = 0;
  private rxNext = 0;
  private txNext = 0;
  /** The medium has a frame of ours; one that was sent before a reset belongs to no descriptor any more. */
  private sending = false;
  private orphaned = false;

  /** `address`: the six octets it has from the factory. */
  constructor(host: DeviceHost, medium: Medium, address: Uint8Array) {
    this.host = host;
    this.medium = medium;
    this.address = Uint8Array.from(address);
    medium.attach(this);
  }

  // ---- registers

  readBar(_bar: number, offset: number, width: Width): number {
    const octet = offset - REG.ADDRESS;
    if (width === 1 && octet >= 0 && octet < 6) return this.address[octet];
    if (width !== 4) return this.odd(`read of ${width} bytes at 0x${offset.toString(16)}`);
    switch (offset) {
      case REG.CONTROL:
        return this.control;
      case REG.CAUSE:
        return this.cause;
      case REG.RINGS:
        return this.rings;
      case REG.DROPPED: {
        const { dropped } = this;
        this.dropped = 0;
        return dropped;
      }
      default:
        return this.odd(`read of 0x${offset.toString(16)}`);
    }
  }

  writeBar(_bar: number, offset: number, width: Width, value: number): void {
    if (width !== 4) this.odd(`write of ${width} bytes at 0x${offset.toString(16)}`);
    else if (offset === REG.CONTROL && (value & CONTROL.RUN) === 0) this.halt();
    else if (offset === REG.CONTROL) this.control = value & CONTROL.RUN_PROMISCUOUS;
    else if (offset === REG.CAUSE) this.setCause(this.cause & ~value);
    else if (offset === REG.RINGS && this.control === 0) this.rings = (value & ~3) >>> 0;
    else if (offset === REG.KICK) this.sendNext();
    else this.odd(`write of 0x${offset.toString(16)}`);
  }

  /** RST#. */
  reset(): void {
    this.dropped = 0;
    this.halt();
  }

  private halt(): void {
    this.control = 0;
    this.rings = 0;
    this.rxNext = 0;
    this.txNext = 0;
    this.orphaned = this.sending;
    this.setCause(0);
  }

  private odd(what: string): number {
    this.host.warn(`tiny: ${what}, which the data sheet does not have`);
    return ONES;
  }

  /** The line is asserted as long as there is a cause. */
  private setCause(cause: number): void {
    const before = this.cause;
    this.cause = cause;
    if ((cause !== 0) !== (before !== 0)) this.host.setInterrupt(cause !== 0);
  }

  // ---- receiving

  receive(frame: Frame): void {
    if (this.control !== 0 && this.wants(frame)) {
      if (!this.store(frame)) this.dropped++;
      this.setCause(this.cause | CAUSE.RX);
    }
    this.medium.pool.put(frame);
  }

  private wants({ u8 }: Frame): boolean {
    if (this.control === CONTROL.RUN_PROMISCUOUS || (u8[FRAME_START] & 1) !== 0) return true;
    return this.address.every((octet, i) => u8[FRAME_START + i] === octet);
  }

  private store(frame: Frame): boolean {
    const { dma } = this.host;
    const { length } = frame;
    if (frame.damaged || length < SHORTEST || length > LONGEST) return false;
    const at = this.rings + 8 * this.rxNext;
    const word = dma.read32(at + 4);
    if ((word & OWN) === 0 || length > (word & LENGTH)) return false;
    if (!dma.writeBlock(dma.read32(at), frame, FRAME_START, length)) return false;
    // From here the driver owns it.
    dma.write32(at + 4, length);
    this.rxNext = (this.rxNext + 1) % SLOTS;
    return true;
  }

  // ---- sending

  private sendNext(): void {
    // Once around at most: what cannot be sent must not keep it busy for ever.
    for (let i = 0; i < SLOTS && this.control !== 0 && !this.sending; i++) {
      const at = this.rings + RING_BYTES + 8 * this.txNext;
      const word = this.host.dma.read32(at + 4);
      if ((word & OWN) === 0) return;
      const frame = this.fetch(this.host.dma.read32(at), word & LENGTH);
      if (frame === null) {
        this.giveBack(ERR);
        continue;
      }
      this.sending = true;
      this.medium.send(frame);
    }
  }

  private fetch(from: number, length: number): Frame | null {
    const { pool } = this.medium;
    if (length > 0 && length <= LONGEST) {
      const frame = pool.get(Math.max(length, SHORTEST));
      frame.u8.fill(0, FRAME_START + length, FRAME_START + frame.length);
      if (this.host.dma.readBlock(from, frame, FRAME_START, length)) return frame;
      pool.put(frame);
    }
    this.host.warn(`tiny: a frame of ${length} bytes at 0x${from.toString(16)} cannot be sent`);
    return null;
  }

  transmitted(status: number): void {
    const { orphaned } = this;
    this.sending = false;
    this.orphaned = false;
    if (!orphaned) this.giveBack((status & NOT_SENT) === 0 ? 0 : ERR);
    this.sendNext();
  }

  private giveBack(verdict: number): void {
    this.host.dma.write32(this.rings + RING_BYTES + 8 * this.txNext + 4, verdict);
    this.txNext = (this.txNext + 1) % SLOTS;
    this.setCause(this.cause | CAUSE.TX);
  }

  /** It has no lamp for that: without a carrier frames come back with ERR. */
  carrierChanged(): void {}

  // ---- states

  save(): ChipState {
    throw new Error('the Tiny has no saved states');
  }

  restore(_state: ChipState): void {
    throw new Error('the Tiny has no saved states');
  }
}
