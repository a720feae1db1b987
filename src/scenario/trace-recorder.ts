// Writes down what passes between a driver and its card: registers by name, the initialization block when INIT is set,
// descriptors when they are given away and when they come back. Physical addresses are left out: they differ between machines.
// It sees what the card sees, and knows nothing of the driver.

import { formatBits } from '../bus/format-bits.ts';
import type { Width } from '../bus/host.ts';
import { ReceiveRing, RMD1, type SoftwareStyle, TMD1, TMD2, TransmitRing } from '../chips/pcnet/ring.ts';
import { BCR, CSR, CSR0, CSR15 } from '../chips/pcnet/sheet.ts';
import type { PhysicalMemory } from '../kernel/memory.ts';
import { formatMac } from '../net/ether.ts';
import { portAt, registerName, registerValue } from './register-names.ts';
import type { AccessSpy } from './subject.ts';

/** One part of the run, and what was seen in it, a line each. */
export interface TraceStep {
  readonly name: string;
  readonly lines: string[];
}

/** Lines a step may have: a driver that polls for ever must not fill the memory. */
const MOST_LINES = 20_000;
const { INIT, STRT, STOP } = CSR0;
const hex = (value: number): string => `0x${(value >>> 0).toString(16).padStart(4, '0')}`;

export class TraceRecorder implements AccessSpy {
  readonly steps: TraceStep[] = [];
  /** Set once the machine is there. */
  memory: PhysicalMemory | null = null;
  private pointer = -1;
  private blockLow = 0;
  private blockHigh = 0;
  private style: SoftwareStyle = 0;
  private rx: ReceiveRing | null = null;
  private tx: TransmitRing | null = null;
  /** Next descriptor that will be given to the card, come back from it, and be received into. */
  private txGiven = 0;
  private txDone = 0;
  private rxDone = 0;
  private txOut = 0;

  begin(name: string): void {
    this.steps.push({ name, lines: [] });
  }

  /** Adds a line of somebody else's: a frame on the wire, say. */
  note(line: string): void {
    const lines = this.steps.at(-1)?.lines;
    if (lines !== undefined && lines.length < MOST_LINES) lines.push(line);
  }

  read(offset: number, width: Width, value: number): void {
    const port = portAt(offset, width);
    if (port === 'csr' || port === 'bcr') {
      // First, since the descriptors were written before the cause was set that is read here.
      if (port === 'csr' && this.pointer === 0) this.look();
      this.note(`${registerName(port, this.pointer)} -> ${this.text(port, value)}`);
    } else if (port === 'reset') {
      this.pointer = 0;
      this.rx = this.tx = null;
      this.note('RESET ->');
    } else this.note(`${port.toUpperCase()} ${hex(offset)} -> ${hex(value)}`);
  }

  write(offset: number, width: Width, value: number): void {
    const port = portAt(offset, width);
    // Some cards look at the ring at every access.
    this.noteGiven();
    if (port === 'rap') {
      this.pointer = value & 0xff;
      return;
    }
    if (port !== 'csr' && port !== 'bcr') {
      this.note(`${port.toUpperCase()} ${hex(offset)} <- ${hex(value)}`);
      return;
    }
    const { pointer } = this;
    this.note(`${registerName(port, pointer)} <- ${this.text(port, value)}`);
    if (port === 'csr' && pointer === 0) this.command(value);
    else if (port === 'csr' && pointer === CSR.IADR_LOW) this.blockLow = value & 0xffff;
    else if (port === 'csr' && pointer === CSR.IADR_HIGH) this.blockHigh = value & 0xffff;
    else if ((port === 'bcr' && pointer === BCR.SWS) || (port === 'csr' && pointer === CSR.SWS))
      this.setStyle(value & 0xff);
  }

  /** A value; of an address only that it is one: it is this machine's own. */
  private text(port: 'csr' | 'bcr', value: number): string {
    const { pointer } = this;
    return port === 'csr' && isAddress(pointer) ? '(address)' : registerValue(port, pointer, value);
  }

  private setStyle(style: number): void {
    this.style = style === 2 || style === 3 ? style : 0;
  }

  private command(value: number): void {
    if ((value & STOP) !== 0) return;
    if ((value & INIT) !== 0) this.readBlock();
    if ((value & STRT) !== 0) this.noteReceiveRing();
  }

  /** The block as the card will read it; layouts in init-block.ts. */
  private readBlock(): void {
    const { memory, style } = this;
    const at = this.blockLow + this.blockHigh * 0x10000;
    if (memory === null || at % 4 !== 0 || at + 28 > memory.size) {
      this.note('  initialization block: not in memory');
      return;
    }
    const { u8, u16, u32 } = memory;
    const wide = style !== 0;
    const mac = u8.slice(at + (wide ? 4 : 2), at + (wide ? 10 : 8));
    const filter = [0, 1].map((i) => hex(u32[(at >> 2) + (wide ? 3 : 2) + i])).join(' ');
    const high = (word: number): number => (u32[(at >> 2) + word] & 0xffffff) >>> 0;
    const rlen = wide ? (u32[at >> 2] >>> 20) & 15 : u32[(at >> 2) + 4] >>> 29;
    const tlen = wide ? u32[at >> 2] >>> 28 : u32[(at >> 2) + 5] >>> 29;
    const rdra = wide ? u32[(at >> 2) + 5] : high(4);
    const tdra = wide ? u32[(at >> 2) + 6] : high(5);
    this.note(`  mode ${formatBits(u16[at >> 1], CSR15)}, address ${formatMac(mac)}, filter ${filter}`);
    this.note(`  rings of ${2 ** rlen} receive and ${2 ** tlen} transmit descriptors, style ${style}`);
    this.rx = new ReceiveRing(u32, rdra, 2 ** rlen, style);
    this.tx = new TransmitRing(u32, tdra, 2 ** tlen, style);
    this.txGiven = this.txDone = this.rxDone = this.txOut = 0;
  }

  private noteReceiveRing(): void {
    const { rx } = this;
    if (rx === null) return;
    let owned = 0;
    for (let i = 0; i < rx.count; i++) if (rx.owned(i)) owned++;
    this.note(
      `  receive descriptors: ${owned} of ${rx.count} with the card, ${rx.bufferBytes(0)} bytes each`,
    );
  }

  /** Transmit descriptors that the driver has given away since the last look. */
  private noteGiven(): void {
    const { tx } = this;
    if (tx === null) return;
    for (let seen = 0; seen < tx.count && this.txOut < tx.count && tx.owned(this.txGiven); seen++) {
      const i = this.txGiven;
      this.note(`  TMD[${i}] given ${formatBits(tx.status(i), TMD1)} ${tx.bufferBytes(i)} bytes`);
      this.txGiven = (i + 1) % tx.count;
      this.txOut++;
    }
  }

  /** Descriptors that have come back since the last look. */
  private look(): void {
    const { rx, tx } = this;
    if (tx !== null) {
      while (this.txOut > 0 && !tx.owned(this.txDone)) {
        const i = this.txDone;
        this.note(`  TMD[${i}] done ${formatBits(tx.status(i), TMD1)} ${formatBits(tx.errors(i), TMD2)}`);
        this.txDone = (i + 1) % tx.count;
        this.txOut--;
      }
    }
    if (rx === null) return;
    for (let seen = 0; seen < rx.count && !rx.owned(this.rxDone); seen++) {
      const i = this.rxDone;
      this.note(
        `  RMD[${i}] done ${formatBits(rx.status(i), RMD1)} ${rx.messageBytes(i)} bytes` +
          ` runts ${rx.runts(i)} collisions ${rx.collisions(i)}`,
      );
      this.rxDone = (i + 1) % rx.count;
    }
  }
}

/** Registers that hold a place in memory: of the initialization block, rings, descriptors and buffers. */
function isAddress(register: number): boolean {
  if (register === CSR.IADR_LOW || register === CSR.IADR_HIGH) return true;
  return register >= 16 && register < CSR.CRBC;
}
