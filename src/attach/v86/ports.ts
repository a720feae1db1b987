// I/O base addresses of cards in v86's table of ports. A window stands where its base address register says, as long as
// the command register lets it decode. v86 moves the ports of its own cards by writing over whatever is there, so that
// after every change of configuration space the table is looked at again.

import type { V86Cpu, V86Port } from './emulator.ts';

const PORTS = 0x10000;

export class PortWindow {
  readonly size: number;
  readonly ports: V86Port[];
  /** First port; null while it does not decode. */
  base: number | null = null;

  /** `ports`: what answers at each offset. */
  constructor(ports: V86Port[]) {
    this.size = ports.length;
    this.ports = ports;
  }
}

export class GuestPorts {
  private readonly io: V86Cpu['io'];
  private readonly empty: V86Port;
  private readonly windows: PortWindow[] = [];

  constructor(cpu: V86Cpu) {
    this.io = cpu.io;
    this.empty = cpu.io.create_empty_entry();
  }

  /** Puts a window at `base`, or takes it away (null). False when other ports are in the way: it waits for them to go. */
  move(window: PortWindow, base: number | null): boolean {
    if (window.base !== null) this.clear(window);
    window.base = base;
    const known = this.windows.indexOf(window);
    if (base === null) {
      if (known >= 0) this.windows.splice(known, 1);
    } else if (known < 0) this.windows.push(window);
    this.settle();
    return base === null || this.inPlace(window);
  }

  /** Ports that others left, or took and left, become those of the windows that want them. */
  settle(): void {
    const { ports } = this.io;
    for (const window of this.windows) {
      const base = window.base as number;
      for (let i = 0; i < window.size; i++)
        if (ports[base + i] !== window.ports[i] && this.isEmpty(base + i)) ports[base + i] = window.ports[i];
    }
  }

  /** The first of `size` ports that nobody has, from `start` on and aligned to `size`; null when there are none. */
  findFree(start: number, size: number): number | null {
    for (let base = Math.ceil(start / size) * size; base + size <= PORTS; base += size)
      if (this.isFree(base, size)) return base;
    return null;
  }

  isFree(base: number, size: number): boolean {
    for (let i = 0; i < size; i++) if (!this.isEmpty(base + i)) return false;
    return true;
  }

  private inPlace(window: PortWindow): boolean {
    const base = window.base as number;
    return window.ports.every((port, i) => this.io.ports[base + i] === port);
  }

  private clear(window: PortWindow): void {
    const { ports } = this.io;
    const base = window.base as number;
    for (let i = 0; i < window.size; i++)
      if (ports[base + i] === window.ports[i]) ports[base + i] = this.io.create_empty_entry();
  }

  private isEmpty(port: number): boolean {
    const { read8, write8 } = this.io.ports[port];
    return read8 === this.empty.read8 && write8 === this.empty.write8;
  }
}
