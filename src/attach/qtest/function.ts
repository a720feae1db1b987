// A PCI function of QEMU's board as our bus sees it: configuration space by mechanism #1 (ports CF8h and CFCh, PCI 2.2,
// section 3.2.2.3.2), registers by I/O or memory accesses at wherever the bus has placed its BARs.

import type { Width } from '../../bus/host.ts';
import type { PciFunction } from '../../bus/pci.ts';
import { COMMAND_IO, COMMAND_MEMORY, PCI_BASE_ADDRESS_0, PCI_COMMAND } from '../../bus/pci-config.ts';
import type { QtestSocket } from './socket.ts';

const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const CONFIG_ENABLE = 0x80000000;
const CONFIG_BYTES = 256;
const BARS = 6;
const BAR_IO = 1;
const BAR_TYPE = 7;
const BAR_MEMORY_64 = 4;

/** Configuration space of the board's bus 0. */
export class ConfigSpace {
  private readonly qtest: QtestSocket;
  /** What CONFIG_ADDRESS holds: nobody else writes it. */
  private pointer = 0;

  constructor(qtest: QtestSocket) {
    this.qtest = qtest;
  }

  read(slot: number, offset: number, width: Width): number {
    if (offset < 0 || offset + width > CONFIG_BYTES) return ones(width);
    // One access stays within a double word.
    if ((offset & 3) + width > 4) return this.readBytes(slot, offset, width);
    const port = this.point(slot, offset);
    return this.qtest.inPort(port, width);
  }

  write(slot: number, offset: number, width: Width, value: number): void {
    if (offset < 0 || offset + width > CONFIG_BYTES) return;
    if ((offset & 3) + width > 4) {
      for (let i = 0; i < width; i++) this.write(slot, offset + i, 1, (value >>> (8 * i)) & 0xff);
      return;
    }
    const port = this.point(slot, offset);
    this.qtest.outPort(port, width, value);
  }

  private readBytes(slot: number, offset: number, width: Width): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.read(slot, offset + i, 1);
    return value;
  }

  /** Selects a double word; returns the port of the byte in it. */
  private point(slot: number, offset: number): number {
    const pointer = (CONFIG_ENABLE | (slot << 11) | (offset & ~3)) >>> 0;
    // An interrupt handler may come right after the write and select another: then again, a few times at most.
    for (let i = 0; i < 8 && this.pointer !== pointer; i++) {
      this.pointer = pointer;
      this.qtest.outPort(CONFIG_ADDRESS, 4, pointer);
    }
    return CONFIG_DATA + (offset & 3);
  }
}

/** What a BAR decodes; `size` 0: there is none. */
interface Bar {
  io: boolean;
  size: number;
  base: number;
}

export class QemuFunction implements PciFunction {
  private readonly qtest: QtestSocket;
  private readonly config: ConfigSpace;
  private readonly slot: number;
  private readonly bars: readonly Bar[];
  private command = 0;
  /** `command` and the bases are what configuration space says. */
  private known = false;

  /** Learns the sizes of its BARs, which are then at 0. */
  constructor(qtest: QtestSocket, config: ConfigSpace, slot: number) {
    this.qtest = qtest;
    this.config = config;
    this.slot = slot;
    const bars: Bar[] = [];
    while (bars.length < BARS) {
      const answer = this.measure(bars.length);
      const io = (answer & BAR_IO) !== 0;
      // A function may decode only 16 bits of I/O addresses; the upper ones then read as zero.
      const mask = io ? (answer & ~3) | (answer <= 0xffff ? 0xffff0000 : 0) : answer & ~15;
      bars.push({ io, size: -mask >>> 0, base: 0 });
      // Of a 64-bit one the next register is the upper half, and no BAR.
      if (!io && (answer & BAR_TYPE) === BAR_MEMORY_64) bars.push({ io, size: 0, base: 0 });
    }
    this.bars = bars;
  }

  readConfig(offset: number, width: Width): number {
    return this.config.read(this.slot, offset, width);
  }

  writeConfig(offset: number, width: Width, value: number): void {
    this.config.write(this.slot, offset, width, value);
    if (offset < PCI_BASE_ADDRESS_0 + 4 * BARS && offset + width > PCI_COMMAND) this.known = false;
  }

  readBar(bar: number, offset: number, width: Width): number {
    const window = this.decoded(bar, offset, width);
    if (window === null) return ones(width);
    const address = window.base + offset;
    return window.io ? this.qtest.inPort(address, width) : this.qtest.readMemory(address, width);
  }

  writeBar(bar: number, offset: number, width: Width, value: number): void {
    const window = this.decoded(bar, offset, width);
    if (window === null) return;
    const address = window.base + offset;
    if (window.io) this.qtest.outPort(address, width, value);
    else this.qtest.writeMemory(address, width, value);
  }

  /** The window that takes an access; null when the function does not decode it: it must not end up at another card. */
  private decoded(bar: number, offset: number, width: Width): Bar | null {
    const window = this.bars[bar];
    if (window === undefined || offset < 0 || offset + width > window.size) return null;
    if (!this.known) this.learn();
    if ((this.command & (window.io ? COMMAND_IO : COMMAND_MEMORY)) === 0 || window.base === 0) return null;
    return window;
  }

  private learn(): void {
    this.command = this.readConfig(PCI_COMMAND, 2);
    for (let i = 0; i < this.bars.length; i++) {
      const bar = this.bars[i];
      if (bar.size === 0) continue;
      const value = this.readConfig(PCI_BASE_ADDRESS_0 + 4 * i, 4);
      bar.base = (value & (bar.io ? ~3 : ~15)) >>> 0;
    }
    this.known = true;
  }

  /** What a BAR says when all ones were written to it; it is 0 afterwards. */
  private measure(bar: number): number {
    const offset = PCI_BASE_ADDRESS_0 + 4 * bar;
    this.writeConfig(offset, 4, 0xffffffff);
    const answer = this.readConfig(offset, 4);
    this.writeConfig(offset, 4, 0);
    return answer;
  }
}

function ones(width: Width): number {
  return width === 4 ? 0xffffffff : width === 2 ? 0xffff : 0xff;
}
