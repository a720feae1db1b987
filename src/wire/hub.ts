// A hub: a repeater with N ports, all in one collision domain. Whatever comes in at one port goes out at all others.
// A port has carrier while the hub is on and its own cable is whole. Not modelled: partitioning of a port that
// collides without end (IEEE 802.3 clause 9.6.6).

import type { Clock } from '../kernel/clock.ts';
import { CollisionDomain } from './collision-domain.ts';
import type { CollisionPort } from './collision-port.ts';
import type { DirectionReport, WireDevice, WireReport } from './counters.ts';
import type { FramePool } from './frame.ts';

export interface HubOptions {
  name: string;
  clock: Clock;
  pool: FramePool;
  ports: number;
  /** 10 Mbit/s unless told; the same for all ports. */
  bitsPerSecond?: number;
  /** From port to port, the hub's own delay included. */
  delayNs?: number;
  /** Of the backoff. */
  seed?: number;
}

export class Hub implements WireDevice {
  readonly name: string;
  private readonly domain: CollisionDomain;

  constructor(options: HubOptions) {
    this.name = options.name;
    this.domain = new CollisionDomain({
      ...options,
      bitsPerSecond: options.bitsPerSecond ?? 10_000_000,
      repeater: true,
    });
  }

  get ports(): readonly CollisionPort[] {
    return this.domain.ports;
  }

  setPower(on: boolean): void {
    this.domain.setPower(on);
  }

  /** Mends or cuts the cable of one port, counted from 0. */
  setCarrier(port: number, up: boolean): void {
    this.domain.ports[port].whole = up;
    this.domain.updateCarrier();
  }

  report(): WireReport {
    const now = this.domain.clock.now();
    const directions: Record<string, DirectionReport> = {};
    let collisions = 0;
    this.domain.ports.forEach((port, i) => {
      directions[`port${i + 1}`] = port.report(now);
      collisions += port.collisions;
    });
    return { name: this.name, kind: 'hub', directions, totals: { collisions } };
  }
}
