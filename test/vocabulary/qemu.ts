// QEMU's boards for tests: whether there is a QEMU, a board with a machine on it, and the loop that runs both.

import { expect } from 'vitest';
import { QemuMachine, type QemuMachineOptions, type QemuNicOptions } from '../../src/attach/qtest/machine.ts';
import { PciBus, type PciDevice } from '../../src/bus/pci.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { Machine } from '../../src/kernel/machine.ts';
import type { NetDevice } from '../../src/net/device.ts';
import { ETH_HLEN } from '../../src/net/ether.ts';
import { DeviceLayer } from '../../src/net/layer.ts';
import { FramePool } from '../../src/wire/frame.ts';
import { Link } from '../../src/wire/link.ts';
import { hasProgram, requirement } from './require.ts';
import { TestStation } from './station.ts';

export const hasQemu =
  requirement('qemu', hasProgram('qemu-system-x86_64'), 'apt install qemu-system-x86') &&
  requirement('setpriv', hasProgram('setpriv'), 'apt install util-linux');

/** Type of the frames of `numbered`. */
const TEST_TYPE = 0x88b5;
const TURN_MS = 20;

/** A NIC of QEMU's with a cable to a station that the test has. */
export interface BoardNic {
  readonly options: QemuNicOptions;
  readonly link: Link;
  readonly far: TestStation;
  readonly pci: PciDevice;
}

export interface BoardOptions extends Partial<Omit<QemuMachineOptions, 'nics' | 'clock'>> {
  /** Models, for slots 3, 4 and so on, or slots and models. */
  nics: (string | { model: string; slot: number })[];
  /** Of the cables; 0 (the default): sending takes no time. */
  bitsPerSecond?: number;
}

const open: Board[] = [];

/** For `afterEach`: ends what a test has started. */
export function closeBoards(): void {
  for (const board of open.splice(0)) board.qemu.close();
}

export class Board {
  readonly clock = new SystemClock(() => performance.now());
  readonly pool = new FramePool();
  readonly log: string[] = [];
  readonly qemu: QemuMachine;
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly bus: PciBus;
  readonly nics: BoardNic[];
  /** Test frames that reached the protocols. */
  received = 0;

  constructor(options: BoardOptions) {
    const { clock, pool } = this;
    const log = (message: string): void => void this.log.push(message);
    const cables = options.nics.map((nic, i) => {
      const { model, slot } = typeof nic === 'string' ? { model: nic, slot: 3 + i } : nic;
      const link = new Link({ name: `cable${i}`, clock, pool, bitsPerSecond: options.bitsPerSecond });
      const mac = [2, 0, 0, 0, 1, slot];
      const qemuNic: QemuNicOptions = { model, slot, mac, medium: link.a };
      return { options: qemuNic, link, far: new TestStation(link.b, clock) };
    });
    this.qemu = new QemuMachine({
      memoryBytes: 16 << 20,
      log,
      ...options,
      clock,
      nics: cables.map((cable) => cable.options),
    });
    open.push(this);
    this.machine = new Machine({ clock, memory: this.qemu.memory, log });
    this.layer = new DeviceLayer(this.machine);
    this.bus = new PciBus(this.machine);
    this.nics = cables.map((cable) => {
      const { slot } = cable.options;
      return { ...cable, pci: this.bus.plugFunction(slot, this.qemu.function(slot)) };
    });
  }

  /** Sends every test frame back where it came from. */
  echo(): void {
    this.layer.packetTypes.add({
      name: 'echo',
      type: TEST_TYPE,
      device: null,
      receive: (m, device) => {
        this.received++;
        const { u8 } = this.machine.memory;
        m.data -= ETH_HLEN;
        m.length += ETH_HLEN;
        m.packetLength += ETH_HLEN;
        for (let i = 0; i < 6; i++) {
          u8[m.data + i] = u8[m.data + 6 + i];
          u8[m.data + 6 + i] = device.address[i];
        }
        device.transmit(m);
      },
    });
  }

  /** Opens every device; they take any address. */
  openAll(): NetDevice[] {
    const { devices } = this.layer;
    this.machine.process(() => {
      for (const device of devices) {
        device.open();
        device.setPromiscuity(1);
      }
    });
    return [...devices];
  }

  /** Runs machine, cables and QEMU until it holds; fails the test after `limitMs`. */
  async until(holds: () => boolean, what: string, limitMs = 30_000): Promise<void> {
    const end = performance.now() + limitMs;
    let turn = performance.now();
    while (!holds()) {
      const now = performance.now();
      expect(now, `${what}: nothing within ${limitMs} ms; ${this.log.join('; ')}`).toBeLessThan(end);
      const moved = this.qemu.poll(64);
      const restMs = this.clock.poll() / 1e6;
      if (moved === 0 && restMs > 0) await this.qemu.waitReadable(Math.min(restMs, 10));
      if (now - turn > TURN_MS) {
        turn = now;
        await new Promise(setImmediate);
      }
    }
  }

  /** Every frame that entered a NIC's books is in one place. */
  expectConserved(): void {
    for (const { options } of this.nics) {
      const report = this.qemu.report(options.slot);
      for (const way of [report.fromQemu, report.toQemu]) {
        let places = 0;
        for (const [name, count] of Object.entries(way)) {
          if (name === 'sent' || name === 'written' || name === 'waiting' || name.startsWith('drop'))
            places += count;
        }
        expect(places, JSON.stringify(way)).toBe(way.frames);
      }
    }
  }
}
