// Interrupt lines of a guest's PCI slots. INTA# of a slot leads to one of PIRQA to PIRQD, and the ISA bridge (PIIX3, data
// sheet 290550, "PIRQRC[A:D]") leads that to a line of the interrupt controller, as the firmware has set it. Lines are
// levels and shared: one is up while any card on it asserts. v86's own cards pull a line down as if it were theirs alone,
// so their requests pass through here too.

import type { V86Cpu } from './emulator.ts';

/** PIRQRCA in the ISA bridge's configuration space; bit 7 set: not routed. */
const PIRQ_ROUTE_A = 0x60;
const FUNCTIONS = 256;
const LINES = 16;

// The 8259A that is the processor's (data sheet 231468), as v86 keeps it in memory, a byte each: requests (IRR), and the
// levels of its inputs. Input 2 is the other one, with lines 8 to 15.
const PIC_IRR = 3;
const PIC_INPUTS = 11;
const CASCADE = 1 << 2;
const FIRST_CASCADED = 8;

export class IntxLines {
  private readonly cpu: V86Cpu;
  /** The line that each card asserts, by `slot << 3`; 0: none. */
  private readonly asserted = new Uint8Array(FUNCTIONS);
  /** Cards that assert each line. */
  private readonly count = new Uint8Array(LINES);
  /** v86's memory; it may have grown since. */
  private memory = new Uint8Array(0);

  constructor(cpu: V86Cpu) {
    this.cpu = cpu;
    const { pci } = cpu.devices;
    const raise = pci.raise_irq.bind(pci);
    const lower = pci.lower_irq.bind(pci);
    pci.raise_irq = (id) => {
      this.note(id, this.ownRoute(id));
      raise(id);
    };
    pci.lower_irq = (id) => {
      const line = this.ownRoute(id);
      this.note(id, 0);
      if (this.count[line] !== 0) return;
      lower(id);
      this.forgetCascade(line);
    };
  }

  /** The line INTA# to INTD# (`pin` 1 to 4) of a slot leads to; `unrouted` while the firmware has set none. */
  route(slot: number, pin: number, unrouted: number): number {
    const line = this.cpu.devices.pci.isa_bridge_space8[PIRQ_ROUTE_A + ((pin - 1 + slot - 1) & 3)];
    return line === 0 || line >= LINES ? unrouted : line;
  }

  /** The card in a slot asserts a line, another one than before, or none (0). */
  drive(slot: number, line: number): void {
    const before = this.asserted[slot << 3];
    if (before === line) return;
    this.note(slot << 3, line);
    if (before !== 0 && this.count[before] === 0) {
      this.cpu.device_lower_irq(before);
      this.forgetCascade(before);
    }
    if (line !== 0) this.cpu.device_raise_irq(line);
  }

  /** Who asserts what, for a state: pairs of `slot << 3` and line. */
  save(): number[][] {
    const pairs: number[][] = [];
    for (let id = 0; id < FUNCTIONS; id++) if (this.asserted[id] !== 0) pairs.push([id, this.asserted[id]]);
    return pairs;
  }

  /** Beside a state of v86's interrupt controller from the same moment. */
  restore(pairs: readonly number[][]): void {
    this.asserted.fill(0);
    this.count.fill(0);
    for (const [id, line] of pairs) if (id < FUNCTIONS && line < LINES) this.note(id, line);
  }

  /**
   * A request has to last until the processor takes it (data sheet, "Edge and Level Triggered Modes"). v86 forgets the
   * request for a line that has fallen, but not that its second controller asked the first for it. A guest would then
   * take an interrupt that nobody wants, never end it, and get none of lines 8 to 15 again.
   */
  private forgetCascade(line: number): void {
    if (line < FIRST_CASCADED) return;
    const { cpu } = this;
    if (this.memory.buffer !== cpu.wasm_memory.buffer) this.memory = new Uint8Array(cpu.wasm_memory.buffer);
    const pic = cpu.get_pic_addr_master();
    if ((this.memory[pic + PIC_INPUTS] & CASCADE) === 0) this.memory[pic + PIC_IRR] &= ~CASCADE;
  }

  private note(id: number, line: number): void {
    const before = this.asserted[id];
    if (before === line) return;
    if (before !== 0) this.count[before]--;
    if (line !== 0) this.count[line]++;
    this.asserted[id] = line;
  }

  /** As v86 finds it for its own cards; 0 while the firmware has routed it nowhere. */
  private ownRoute(id: number): number {
    const space = this.cpu.devices.pci.device_spaces[id];
    const pin = space === undefined ? 1 : (space[15] >> 8) & 0xff;
    return this.route(id >> 3, pin, 0);
  }
}
