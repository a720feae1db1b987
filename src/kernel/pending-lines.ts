// Interrupt lines that wait for their CPU. The array never shrinks, since growing it again allocates.

import type { IrqLine } from './irq.ts';

export class PendingLines {
  private readonly lines: IrqLine[] = [];
  count = 0;

  add(line: IrqLine): void {
    line.queued = true;
    this.lines[this.count++] = line;
  }

  /** Takes the line of the highest priority, the first of equals; null when none is above `priority`. */
  takeAbove(priority: number): IrqLine | null {
    const { lines } = this;
    let best = -1;
    for (let i = 0; i < this.count; i++) {
      if (lines[i].priority <= priority) continue;
      if (best < 0 || lines[i].priority > lines[best].priority) best = i;
    }
    if (best < 0) return null;
    const line = lines[best];
    this.count--;
    for (let i = best; i < this.count; i++) lines[i] = lines[i + 1];
    line.queued = false;
    return line;
  }
}
