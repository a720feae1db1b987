// PCI configuration space of one function, type 0 header (PCI Local Bus Specification 2.2, section 6.1), as both sides
// use it: the function answers from it, the driver reads and writes it by these offsets.
//
//   00 vendor id  | device id        10..27 base address registers 0 to 5
//   04 command    | status           2c subsystem vendor | subsystem id
//   08 revision   | class code       34 capability pointer
//   0c line size, latency, type      3c interrupt line, pin, min grant, max latency

import type { PciIdentity, StateObject, Width } from './host.ts';
import { StateReader } from './state.ts';

export const PCI_VENDOR_ID = 0x00;
export const PCI_DEVICE_ID = 0x02;
export const PCI_COMMAND = 0x04;
export const PCI_STATUS = 0x06;
export const PCI_REVISION_ID = 0x08;
export const PCI_CLASS_CODE = 0x09;
export const PCI_CACHE_LINE_SIZE = 0x0c;
export const PCI_LATENCY_TIMER = 0x0d;
/** @public */
export const PCI_HEADER_TYPE = 0x0e;
export const PCI_BASE_ADDRESS_0 = 0x10;
export const PCI_SUBSYSTEM_VENDOR_ID = 0x2c;
export const PCI_SUBSYSTEM_ID = 0x2e;
export const PCI_CAPABILITY_LIST = 0x34;
export const PCI_INTERRUPT_LINE = 0x3c;
export const PCI_INTERRUPT_PIN = 0x3d;
export const PCI_MIN_GNT = 0x3e;
export const PCI_MAX_LAT = 0x3f;

export const COMMAND_IO = 0x0001;
export const COMMAND_MEMORY = 0x0002;
export const COMMAND_MASTER = 0x0004;
/** @public */
export const COMMAND_PARITY = 0x0040;
/** @public */
export const COMMAND_SERR = 0x0100;
export const COMMAND_INTX_DISABLE = 0x0400;
const COMMAND_WRITABLE = 0x0547;

export const STATUS_INTERRUPT = 0x0008;
export const STATUS_CAPABILITIES = 0x0010;
export const STATUS_FAST_BACK_TO_BACK = 0x0080;
export const STATUS_MEDIUM_DEVSEL = 0x0200;
export const STATUS_RECEIVED_MASTER_ABORT = 0x2000;
/** Error bits: writing 1 clears. */
const STATUS_CLEARABLE = 0xf900;

/** Configuration space as bytes, with what each write may change. */
export class PciConfig {
  readonly bytes = new Uint8Array(256);
  private readonly view = new DataView(this.bytes.buffer);
  private readonly identity: PciIdentity;
  /** Called after the command register may have changed. */
  onCommand: (command: number) => void = () => {};

  constructor(identity: PciIdentity) {
    checkIdentity(identity);
    this.identity = identity;
    const { view } = this;
    view.setUint16(PCI_VENDOR_ID, identity.vendorId, true);
    view.setUint16(PCI_DEVICE_ID, identity.deviceId, true);
    const backToBack = identity.fastBackToBack === true ? STATUS_FAST_BACK_TO_BACK : 0;
    view.setUint16(PCI_STATUS, STATUS_MEDIUM_DEVSEL | backToBack, true);
    view.setUint32(PCI_REVISION_ID, ((identity.classCode << 8) | identity.revision) >>> 0, true);
    view.setUint16(PCI_SUBSYSTEM_VENDOR_ID, identity.subsystemVendorId, true);
    view.setUint16(PCI_SUBSYSTEM_ID, identity.subsystemId, true);
    this.bytes[PCI_INTERRUPT_PIN] = identity.interruptPin;
    this.bytes[PCI_MIN_GNT] = identity.minGrant;
    this.bytes[PCI_MAX_LAT] = identity.maxLatency;
    this.writeCapabilities();
    for (let bar = 0; bar < identity.bars.length; bar++) this.setBar(bar, 0);
  }

  get command(): number {
    return this.view.getUint16(PCI_COMMAND, true);
  }

  /** Base address of a BAR as it is programmed, without its type bits. */
  barBase(bar: number): number {
    const value = this.view.getUint32(PCI_BASE_ADDRESS_0 + 4 * bar, true);
    return (value & (this.identity.bars[bar].kind === 'io' ? ~3 : ~15)) >>> 0;
  }

  setStatus(bits: number, on: boolean): void {
    const status = this.view.getUint16(PCI_STATUS, true);
    this.view.setUint16(PCI_STATUS, on ? status | bits : status & ~bits, true);
  }

  /** Reads `width` bytes; past the end of the space all ones. */
  read(offset: number, width: Width): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--)
      value = value * 256 + (offset + i < 256 ? this.bytes[offset + i] : 0xff);
    return value;
  }

  write(offset: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }

  /** What software and the function have written, with all the rest. */
  save(): StateObject {
    return { bytes: this.bytes.slice() };
  }

  /**
   * Looks at what `save` gave: the bytes for `restore`. Throws when they are not those of a function of this identity, or
   * have bits set that nobody could have written.
   */
  check(state: unknown): Uint8Array {
    const reader = new StateReader(state, 'PCI configuration space');
    const saved = reader.bytes('bytes', 256);
    reader.end();
    const possible = this.possible(saved);
    for (let offset = 0; offset < 256; offset++) {
      if (saved[offset] === possible.bytes[offset]) continue;
      const [is, wanted] = [saved[offset], possible.bytes[offset]].map((byte) => byte.toString(16));
      throw new RangeError(
        `PCI configuration space of another device: byte 0x${offset.toString(16)} is 0x${is}, 0x${wanted} here`,
      );
    }
    return saved;
  }

  /** Takes up bytes that `check` gave; runs `onCommand`. */
  restore(checked: Uint8Array): void {
    this.bytes.set(checked);
    this.onCommand(this.command);
  }

  /** A space of this identity after somebody tried to make it hold these bytes. */
  private possible(wanted: Uint8Array): PciConfig {
    const config = new PciConfig(this.identity);
    for (let offset = 0; offset < 256; offset++) {
      if (offset !== PCI_STATUS && offset !== PCI_STATUS + 1) config.writeByte(offset, wanted[offset]);
    }
    const status = wanted[PCI_STATUS] | (wanted[PCI_STATUS + 1] << 8);
    config.setStatus(status & (STATUS_CLEARABLE | STATUS_INTERRUPT), true);
    return config;
  }

  private writeByte(offset: number, value: number): void {
    const { bytes } = this;
    switch (offset) {
      case PCI_COMMAND:
      case PCI_COMMAND + 1: {
        const mask = (COMMAND_WRITABLE >> (8 * (offset - PCI_COMMAND))) & 0xff;
        bytes[offset] = (bytes[offset] & ~mask) | (value & mask);
        this.onCommand(this.command);
        return;
      }
      case PCI_STATUS + 1:
        bytes[offset] &= ~(value & (STATUS_CLEARABLE >> 8));
        return;
      case PCI_CACHE_LINE_SIZE:
      case PCI_LATENCY_TIMER:
      case PCI_INTERRUPT_LINE:
        bytes[offset] = value;
        return;
      default:
        if (offset >= PCI_BASE_ADDRESS_0 && offset < PCI_BASE_ADDRESS_0 + 24)
          this.writeBarByte(offset, value);
        return; // all else is read-only
    }
  }

  /** A partial write of a base address merges with what is there. */
  private writeBarByte(offset: number, value: number): void {
    const at = offset & ~3;
    const shift = 8 * (offset & 3);
    const old = this.view.getUint32(at, true);
    this.setBar((at - PCI_BASE_ADDRESS_0) >> 2, (old & ~(0xff << shift)) | (value << shift));
  }

  /** Stores a base; the low bits that the size leaves are read-only zeros, which is how software learns the size. */
  private setBar(bar: number, value: number): void {
    const spec = this.identity.bars[bar];
    const stored = spec === undefined ? 0 : ((value & ~(spec.size - 1)) | (spec.kind === 'io' ? 1 : 0)) >>> 0;
    this.view.setUint32(PCI_BASE_ADDRESS_0 + 4 * bar, stored, true);
  }

  private writeCapabilities(): void {
    const list = this.identity.capabilities ?? [];
    if (list.length === 0) return;
    this.setStatus(STATUS_CAPABILITIES, true);
    let at = 0x40;
    this.bytes[PCI_CAPABILITY_LIST] = at;
    list.forEach((capability, index) => {
      const next = (at + 2 + capability.body.length + 3) & ~3;
      this.bytes[at] = capability.id;
      this.bytes[at + 1] = index + 1 < list.length ? next : 0;
      this.bytes.set(capability.body, at + 2);
      at = next;
    });
  }
}

function checkIdentity(identity: PciIdentity): void {
  if (identity.bars.length > 6)
    throw new RangeError(`${identity.bars.length} base address registers: 6 at most`);
  for (const { kind, size } of identity.bars) {
    if (size < (kind === 'io' ? 4 : 16) || (size & (size - 1)) !== 0) {
      throw new RangeError(
        `${kind} BAR of ${size} bytes: a power of two of at least ${kind === 'io' ? 4 : 16} is wanted`,
      );
    }
  }
  let end = 0x40;
  for (const { body } of identity.capabilities ?? []) end = (end + 2 + body.length + 3) & ~3;
  if (end > 256)
    throw new RangeError(`capabilities need ${end - 0x40} bytes of configuration space: 192 are there`);
}
