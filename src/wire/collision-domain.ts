// The medium of a collision domain: its timing, who is plugged in, and who hears whom. What a port does is in
// collision-port.ts.

import type { Clock } from '../kernel/clock.ts';
import { CollisionPort } from './collision-port.ts';
import type { FramePool } from './frame.ts';
import { INTER_FRAME_GAP_BYTES } from './medium.ts';

export interface CollisionDomainOptions {
  name: string;
  clock: Clock;
  pool: FramePool;
  /** Above 0: without time there is nothing to collide in. */
  bitsPerSecond: number;
  /** From any port to any other. */
  delayNs?: number;
  seed?: number;
  ports: number;
  /** There is a powered repeater in the middle, so that a port has carrier though nobody else is plugged in. */
  repeater: boolean;
}

const SLOT_BITS = 512;
const JAM_BITS = 32;
/** Preamble and SFD are sent to their end before the jam. */
const PREAMBLE_BITS = 64;

export class CollisionDomain {
  readonly clock: Clock;
  readonly pool: FramePool;
  readonly bitsPerSecond: number;
  readonly delayNs: number;
  readonly gapNs: number;
  readonly slotNs: number;
  readonly jamNs: number;
  readonly preambleNs: number;
  readonly ports: readonly CollisionPort[];
  private readonly repeater: boolean;
  private powered = true;

  constructor(options: CollisionDomainOptions) {
    const { name, bitsPerSecond, delayNs = 0, seed = 1 } = options;
    if (!(bitsPerSecond > 0 && bitsPerSecond < Infinity)) {
      throw new RangeError(
        `${name}: bitsPerSecond is ${bitsPerSecond}: half duplex needs a rate, such as 10000000`,
      );
    }
    if (!(delayNs >= 0 && delayNs < Infinity))
      throw new RangeError(`${name}: delayNs is ${delayNs}: 0 or more`);
    const bitsNs = (bits: number) => Math.round((bits * 1e9) / bitsPerSecond);
    this.clock = options.clock;
    this.pool = options.pool;
    this.bitsPerSecond = bitsPerSecond;
    this.delayNs = delayNs;
    this.gapNs = bitsNs(INTER_FRAME_GAP_BYTES * 8);
    this.slotNs = bitsNs(SLOT_BITS);
    this.jamNs = bitsNs(JAM_BITS);
    this.preambleNs = bitsNs(PREAMBLE_BITS);
    this.repeater = options.repeater;
    this.ports = Array.from(
      { length: options.ports },
      (_, i) => new CollisionPort(this, `${name}.${i + 1}`, seed),
    );
    this.updateCarrier();
  }

  /** Cuts or mends the medium as a whole. */
  setPower(on: boolean): void {
    this.powered = on;
    this.updateCarrier();
  }

  /** Until when `port` will hear the others, as far as it has heard of them by now; in the past: it hears nobody. */
  heardUntil(port: CollisionPort, now: number): number {
    let until = -Infinity;
    for (const other of this.ports) if (other !== port) until = Math.max(until, other.heardUntil(now));
    return until;
  }

  lookAgain(): void {
    for (const port of this.ports) port.look();
  }

  updateCarrier(): void {
    const changed: CollisionPort[] = [];
    for (const port of this.ports) {
      const carrier = this.powered && port.whole && (this.repeater || this.hasPeer(port));
      if (carrier === port.carrier) continue;
      port.carrier = carrier;
      changed.push(port);
      if (!carrier) port.lose();
    }
    for (const port of changed) port.station?.carrierChanged();
  }

  private hasPeer(port: CollisionPort): boolean {
    return this.ports.some((other) => other !== port && other.station !== null && other.whole);
  }
}
