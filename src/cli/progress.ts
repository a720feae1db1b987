// Progress on standard error, once something takes longer than two seconds: a line that is redrawn on a terminal, a line
// now and then elsewhere.

import type { Io } from './io.ts';

const SILENT_MS = 2000;
const TERMINAL_MS = 200;
const LINE_MS = 10_000;

export class Progress {
  private readonly io: Io;
  private readonly start: number;
  private last: number;
  private drawn = false;

  constructor(io: Io) {
    this.io = io;
    this.start = io.now();
    this.last = this.start;
  }

  /** Shows what is going on, if it is time to. */
  say(text: string): void {
    const now = this.io.now();
    if (now - this.start < SILENT_MS || now - this.last < (this.io.errIsTerminal ? TERMINAL_MS : LINE_MS))
      return;
    this.last = now;
    this.drawn = true;
    // Back to the margin, and what a longer line left is wiped.
    this.io.err(this.io.errIsTerminal ? `\r\u001b[K${text}` : `${text}\n`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.drawn && this.io.errIsTerminal) this.io.err('\r\u001b[K');
  }
}
