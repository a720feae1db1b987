// A socket between a chip under test and its host and medium, in which the chip can be exchanged for a fresh one that
// takes up its state, while nobody outside notices. For tests of save and restore; no chip in here.

import type { ChipState, DeviceHost, PciChip, PciIdentity, Width } from '../bus/host.ts';
import type { Frame } from '../wire/frame.ts';
import type { Medium, Station } from '../wire/medium.ts';

/** What one chip sees of the socket. When the chip was taken out it is as if cut off: no carrier, no interrupt line. */
class Seat {
  station: Station | null = null;
  line = false;
  taken = true;
  readonly host: DeviceHost;
  readonly medium: Medium;

  constructor(socket: ChipSocket, host: DeviceHost, medium: Medium) {
    const seat = this;
    this.host = {
      clock: host.clock,
      dma: host.dma,
      setInterrupt(asserted) {
        seat.line = asserted;
        if (seat.taken) socket.lineMoved();
      },
      warn(message) {
        host.warn(message);
      },
    };
    this.medium = {
      name: medium.name,
      pool: medium.pool,
      get carrier() {
        return seat.taken && medium.carrier;
      },
      get bitsPerSecond() {
        return medium.bitsPerSecond;
      },
      get fullDuplex() {
        return medium.fullDuplex;
      },
      attach(station) {
        seat.station = station;
      },
      send(frame) {
        if (!seat.taken) throw new Error('a chip that was taken out of its socket sends a frame');
        medium.send(frame);
      },
    };
  }
}

export class ChipSocket implements PciChip, Station {
  chip!: PciChip;
  /** Chips that were exchanged, or restored in place. */
  restores = 0;
  private readonly host: DeviceHost;
  private readonly medium: Medium;
  private readonly make: (host: DeviceHost, medium: Medium) => PciChip;
  private seat!: Seat;
  private inside = 0;
  private frozen = false;
  /** Level of the interrupt line, as the host sees it. */
  line = false;

  constructor(host: DeviceHost, medium: Medium, make: (host: DeviceHost, medium: Medium) => PciChip) {
    this.host = host;
    this.medium = medium;
    this.make = make;
    this.fill();
    medium.attach(this);
  }

  /** Nothing of the chip is on the stack, unless an event of its own is firing. */
  get quiet(): boolean {
    return this.inside === 0;
  }

  /** A fresh chip takes the place and the state of this one, by way of text. */
  exchange(): ChipState {
    const text = toText(this.chip.save());
    this.frozen = true;
    const { chip, seat } = this;
    seat.taken = false;
    chip.reset();
    this.fill();
    this.chip.restore(fromText(text));
    this.thaw();
    return fromText(text);
  }

  /** The chip is disturbed, then takes up its own state again. */
  restoreInPlace(disturb: (chip: PciChip) => void): ChipState {
    const text = toText(this.chip.save());
    this.frozen = true;
    disturb(this.chip);
    this.chip.restore(fromText(text));
    this.thaw();
    return fromText(text);
  }

  lineMoved(): void {
    if (this.frozen || this.seat.line === this.line) return;
    this.line = this.seat.line;
    this.host.setInterrupt(this.line);
  }

  get identity(): PciIdentity {
    return this.chip.identity;
  }

  readBar(bar: number, offset: number, width: Width): number {
    this.inside++;
    const value = this.chip.readBar(bar, offset, width);
    this.inside--;
    return value;
  }

  writeBar(bar: number, offset: number, width: Width, value: number): void {
    this.inside++;
    this.chip.writeBar(bar, offset, width, value);
    this.inside--;
  }

  reset(): void {
    this.chip.reset();
  }

  save(): ChipState {
    return this.chip.save();
  }

  restore(state: ChipState): void {
    this.chip.restore(state);
  }

  receive(frame: Frame): void {
    this.inside++;
    this.seat.station?.receive(frame);
    this.inside--;
  }

  transmitted(status: number): void {
    this.inside++;
    this.seat.station?.transmitted(status);
    this.inside--;
  }

  carrierChanged(): void {
    this.inside++;
    this.seat.station?.carrierChanged();
    this.inside--;
  }

  private fill(): void {
    this.seat = new Seat(this, this.host, this.medium);
    this.chip = this.make(this.seat.host, this.seat.medium);
  }

  private thaw(): void {
    this.restores++;
    this.frozen = false;
    this.lineMoved();
  }
}

const ARRAYS = { Uint8Array, Uint16Array, Uint32Array } as const;

/** A state as JSON: typed arrays become objects that say so. */
export function toText(state: ChipState): string {
  return JSON.stringify(state, (_field, value: unknown) => {
    if (!ArrayBuffer.isView(value)) return value;
    const array = value as Uint8Array;
    return { typedArray: array.constructor.name, values: Array.from(array) };
  });
}

export function fromText(text: string): ChipState {
  return JSON.parse(text, (_field, value: unknown) => {
    const { typedArray, values } = (value ?? {}) as { typedArray?: keyof typeof ARRAYS; values?: number[] };
    return typedArray === undefined ? value : ARRAYS[typedArray].from(values ?? []);
  });
}
