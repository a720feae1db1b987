// From QEMU's interrupt pins to our interrupt lines.
//
//   NIC's INTA# ─► PIRQA..D by slot ─► ISA IRQ by the PIIX3's registers ─► pin of the I/O APIC ─► `IRQ raise N` ─► IrqLine
//
// Several NICs may share a pin; QEMU has then made their levels into one by OR, and each IrqLine behind the pin gets that one
// level: its handlers ask their device, as drivers on a shared line do.
// Intel 290550, 82371SB (PIIX3), "PIRQRC[A:D]", PCI function 0, 60h to 63h.

import type { Width } from '../../bus/host.ts';
import type { IrqLine } from '../../kernel/irq.ts';

/** PIRQRCA; the others follow. */
const PIRQ_ROUTE = 0x60;
/** ISA IRQs that nothing on the board uses: serial and parallel port, disk, SCI and the like have others. */
const PIRQ_PINS = [10, 11, 5, 7] as const;
/** Inputs of the I/O APIC. */
const PINS = 24;

/** A line behind a pin, and what it has been told: handlers run while the others of the pin still wait for their turn. */
interface Behind {
  readonly line: IrqLine;
  driven: boolean;
}

interface Pin {
  high: boolean;
  readonly behind: Behind[];
}

export class InterruptPins {
  private readonly pins: Pin[] = Array.from({ length: PINS }, () => ({ high: false, behind: [] }));
  /** Changes that lines were told so far. */
  changes = 0;

  /** Routes the four PIRQs; `write` writes the ISA bridge's configuration space. */
  route(write: (offset: number, width: Width, value: number) => void): void {
    for (let i = 0; i < PIRQ_PINS.length; i++) write(PIRQ_ROUTE + i, 1, PIRQ_PINS[i]);
  }

  /** Puts a line behind the pin that a slot's interrupt pin (1 is INTA#) leads to. */
  connect(slot: number, interruptPin: number, line: IrqLine): void {
    // The board begins with slot 1 at PIRQA and rotates by slot and pin.
    const pin = this.pins[PIRQ_PINS[(slot - 1 + interruptPin - 1) & 3]];
    if (pin.behind.some((other) => other.line === line)) return;
    pin.behind.push({ line, driven: false });
    this.drive(pin);
  }

  /** Notes a level; nobody is told yet. */
  note(number: number, high: boolean): void {
    const pin = this.pins[number];
    if (pin !== undefined) pin.high = high;
  }

  /** Every pin is low, as when the cards are gone. */
  release(): void {
    for (const pin of this.pins) pin.high = false;
    this.settle();
  }

  /** Tells the lines. Handlers run from here, and may bring further changes about. */
  settle(): void {
    const { pins } = this;
    for (let i = 0; i < PINS; i++) if (pins[i].behind.length > 0) this.drive(pins[i]);
  }

  private drive(pin: Pin): void {
    const { behind } = pin;
    for (let i = 0; i < behind.length; i++) {
      const one = behind[i];
      if (one.driven === pin.high) continue;
      // Stored first: a handler's own access comes here again.
      one.driven = pin.high;
      this.changes++;
      one.line.setLevel(one.driven);
    }
  }
}
