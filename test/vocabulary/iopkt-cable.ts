// A cable between two stations that can be pulled out and another put in its place while they send: a link that is full duplex, or
// a collision domain of two. What all of them carried and lost is added up.

import type { Clock } from '../../src/kernel/clock.ts';
import { type DirectionReport, totalDrops, unaccounted } from '../../src/wire/counters.ts';
import { type Frame, FramePool } from '../../src/wire/frame.ts';
import { HalfDuplexLink } from '../../src/wire/half-duplex.ts';
import { Link } from '../../src/wire/link.ts';
import type { Medium, Station } from '../../src/wire/medium.ts';

/** What a station is plugged into, whichever cable that leads to. */
class Socket implements Medium {
  readonly name: string;
  readonly pool: FramePool;
  station: Station | null = null;
  /** Frames that were sent and have not left. */
  sending = false;
  private inner: Medium;

  constructor(name: string, inner: Medium) {
    this.name = name;
    this.pool = inner.pool;
    this.inner = inner;
  }

  get carrier(): boolean {
    return this.inner.carrier;
  }

  get bitsPerSecond(): number {
    return this.inner.bitsPerSecond;
  }

  get fullDuplex(): boolean {
    return this.inner.fullDuplex;
  }

  attach(station: Station | null): void {
    this.station = station;
    this.inner.attach(station === null ? null : this.wrap(station));
  }

  send(frame: Frame): void {
    this.sending = true;
    this.inner.send(frame);
  }

  /** Out of the old cable, into the new one. */
  move(inner: Medium): void {
    const { station } = this;
    this.inner.attach(null);
    this.inner = inner;
    if (station === null) return;
    inner.attach(this.wrap(station));
    // A cable that had its carrier before does not tell of it.
    station.carrierChanged();
  }

  private wrap(station: Station): Station {
    return {
      receive: (frame) => station.receive(frame),
      transmitted: (status) => {
        this.sending = false;
        station.transmitted(status);
      },
      carrierChanged: () => station.carrierChanged(),
    };
  }
}

type Kind = Link | HalfDuplexLink;

interface Carried {
  frames: number;
  delivered: number;
  drops: number;
  collisions: number;
}

export class ChangeableCable {
  readonly a: Socket;
  readonly b: Socket;
  private readonly clock: Clock;
  private readonly pool = new FramePool();
  private readonly cables: Kind[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
    const first = this.make(100_000_000, true);
    this.a = new Socket('a', first.a);
    this.b = new Socket('b', first.b);
  }

  /** The cable is out, and what was on it is lost. */
  pull(): void {
    this.cables.at(-1)!.setCarrier(false);
  }

  /** Another one is in. To be called when nothing is being sent any more. */
  plug(bitsPerSecond: number, fullDuplex: boolean): void {
    if (this.a.sending || this.b.sending) throw new Error('a station is still sending into the old cable');
    const next = this.make(bitsPerSecond, fullDuplex);
    this.a.move(next.a);
    this.b.move(next.b);
  }

  /** One direction, over all the cables there were. Throws when one of them has lost a frame without saying so. */
  carried(direction: 'a>b' | 'b>a'): Carried {
    const sum = { frames: 0, delivered: 0, drops: 0, collisions: 0 };
    for (const cable of this.cables) {
      const { directions, totals } = cable.report();
      const report: DirectionReport = directions[direction];
      if (unaccounted(report) !== 0 || report.inFlight !== 0)
        throw new Error(`${cable.name} ${direction} does not add up: ${JSON.stringify(report)}`);
      sum.frames += report.frames;
      sum.delivered += report.delivered;
      sum.drops += totalDrops(report);
      sum.collisions += totals[direction === 'a>b' ? 'collisionsA' : 'collisionsB'] ?? 0;
    }
    return sum;
  }

  private make(bitsPerSecond: number, fullDuplex: boolean): Kind {
    const { clock, pool } = this;
    const options = { name: `cable ${this.cables.length + 1}`, clock, pool, bitsPerSecond, delayNs: 500 };
    const cable = fullDuplex ? new Link(options) : new HalfDuplexLink({ ...options, seed: 7 });
    this.cables.push(cable);
    return cable;
  }
}
