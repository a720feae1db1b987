// A half-duplex cable with two ends: a collision domain of two. A station has carrier when somebody is plugged in at the
// other end.

import type { Clock } from '../kernel/clock.ts';
import { CollisionDomain } from './collision-domain.ts';
import type { WireDevice, WireReport } from './counters.ts';
import type { FramePool } from './frame.ts';
import type { Medium } from './medium.ts';

export interface HalfDuplexLinkOptions {
  name: string;
  clock: Clock;
  pool: FramePool;
  /** Above 0: without time there is nothing to collide in. */
  bitsPerSecond: number;
  delayNs?: number;
  /** Of the backoff. */
  seed?: number;
}

export class HalfDuplexLink implements WireDevice {
  readonly name: string;
  readonly a: Medium;
  readonly b: Medium;
  private readonly domain: CollisionDomain;

  constructor(options: HalfDuplexLinkOptions) {
    this.name = options.name;
    this.domain = new CollisionDomain({ ...options, ports: 2, repeater: false });
    this.a = this.domain.ports[0];
    this.b = this.domain.ports[1];
  }

  /** Mends or cuts the cable. */
  setCarrier(up: boolean): void {
    this.domain.setPower(up);
  }

  report(): WireReport {
    const now = this.domain.clock.now();
    const [a, b] = this.domain.ports;
    return {
      name: this.name,
      kind: 'half-duplex',
      directions: { 'a>b': a.report(now), 'b>a': b.report(now) },
      totals: { collisionsA: a.collisions, collisionsB: b.collisions },
    };
  }
}
