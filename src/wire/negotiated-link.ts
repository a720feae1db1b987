// A cable whose speed and duplex are what the PHYs at its ends agree on. Each end offers; when the two offers have a mode
// in common there is a link of that mode, else there is none and neither end has carrier.
//
//     a.offer() ─┐                    ┌─ Link 100        full duplex at both ends
//                ├─ agreedMode() ──▶──┼─ Link 10
//     b.offer() ─┘   switches         ├─ HalfDuplexLink 100      half duplex at one end at least
//                                     └─ HalfDuplexLink 10
//
// Every change of offer cuts the wire in use: what is under way is lost, counted, and its sender told when its time is
// over. A station hears of an offer of the other end by a clock event of the same instant, never inside `offer`.
// A duplex mismatch is a collision domain of which only one end knows. Simplified: the end in full duplex listens before
// it sends and tries again after a collision as the other does; a real one would do neither, and late collisions and
// damaged frames would be the other's.

import { type Clock, ClockEvent } from '../kernel/clock.ts';
import type { DirectionReport, WireDevice, WireReport } from './counters.ts';
import type { FramePool } from './frame.ts';
import { HalfDuplexLink } from './half-duplex.ts';
import { Link } from './link.ts';
import type { Medium } from './medium.ts';
import { type InnerCable, NegotiatedEnd, sumDirections } from './negotiated-end.ts';
import { agreedMode, FULL_DUPLEX_MODES, MODES_AT_10, rateOf } from './negotiation.ts';

export interface NegotiatedLinkOptions {
  name: string;
  clock: Clock;
  pool: FramePool;
  /** The highest that the cable carries: 10 or 100 million. */
  bitsPerSecond: number;
  delayNs?: number;
  /** Of the backoff. */
  seed?: number;
}

export class NegotiatedLink implements WireDevice {
  readonly name: string;
  readonly clock: Clock;
  readonly pool: FramePool;
  /** How often the link came and went between two stations. */
  changes = 0;
  /** The ends have agreed on a mode, and the cable is whole. */
  isUp = false;
  /** Which of an end's plugs is in use, or was the last, as an index. */
  inUse = 0;
  private readonly ends: readonly [NegotiatedEnd, NegotiatedEnd];
  private readonly cables: readonly InnerCable[];
  private readonly news: ClockEvent;
  private current: InnerCable;
  private whole = true;
  /** Modes that the ends took when the link came up. */
  private modeA = 0;
  private modeB = 0;

  constructor(options: NegotiatedLinkOptions) {
    const { name, clock, pool, bitsPerSecond: highest } = options;
    if (highest !== 10_000_000 && highest !== 100_000_000) {
      throw new RangeError(
        `${name}: bitsPerSecond is ${highest}: 10000000 or 100000000, the highest the cable carries`,
      );
    }
    this.name = name;
    this.clock = clock;
    this.pool = pool;
    this.cables = [100_000_000, 10_000_000]
      .filter((rate) => rate <= highest)
      .flatMap((bitsPerSecond) => [
        { bitsPerSecond, fullDuplex: true, device: new Link({ ...options, bitsPerSecond }) },
        { bitsPerSecond, fullDuplex: false, device: new HalfDuplexLink({ ...options, bitsPerSecond }) },
      ]);
    for (const cable of this.cables) cable.device.setCarrier(false);
    this.current = this.cables[0];
    const carries = highest === 10_000_000 ? MODES_AT_10 : -1;
    const ends = ['a', 'b'].map((side, i) => {
      const plugs = this.cables.map(({ device }) => (i === 0 ? device.a : device.b));
      return new NegotiatedEnd(this, `${name}.${side}`, plugs, carries);
    });
    this.ends = [ends[0], ends[1]];
    ends[0].other = ends[1];
    ends[1].other = ends[0];
    this.news = new ClockEvent(`${name} offers`, () => this.tell());
    this.update();
  }

  get a(): Medium {
    return this.ends[0];
  }

  get b(): Medium {
    return this.ends[1];
  }

  /** What it runs at; null while the ends have no link. */
  get agreed(): { bitsPerSecond: number; fullDuplex: boolean } | null {
    const { bitsPerSecond, fullDuplex } = this.current;
    return this.isUp ? { bitsPerSecond, fullDuplex } : null;
  }

  /** The ends that believe in full and in half duplex; null: both in the same, or no link. */
  get duplexMismatch(): { full: 'a' | 'b'; half: 'a' | 'b' } | null {
    if (!this.isUp || ((this.modeA ^ this.modeB) & FULL_DUPLEX_MODES) === 0) return null;
    return (this.modeA & FULL_DUPLEX_MODES) !== 0 ? { full: 'a', half: 'b' } : { full: 'b', half: 'a' };
  }

  get bitsPerSecond(): number {
    return this.current.bitsPerSecond;
  }

  get fullDuplex(): boolean {
    return this.current.fullDuplex;
  }

  /** Mends or cuts the cable. What is under way when it is cut is lost. */
  setCarrier(up: boolean): void {
    this.whole = up;
    this.update();
    this.tell();
  }

  /** The cable is not cut: what an end says can be heard at the other. */
  get intact(): boolean {
    return this.whole;
  }

  /** An end offers something else: the wire follows at once, the stations hear of it by an event. */
  offersChanged(): void {
    this.cut();
    this.update();
    this.clock.arm(this.news, 0);
  }

  /** Works out the mode from both offers and switches to the wire that has it. */
  update(): void {
    const [a, b] = this.ends.map((end) => end.effective);
    const ready = this.whole && a?.ready === true && b?.ready === true;
    const modeA = ready ? agreedMode(a, b) : 0;
    const modeB = ready ? agreedMode(b, a) : 0;
    if (modeA === 0 || modeB === 0) {
      this.cut();
      return;
    }
    this.modeA = modeA;
    this.modeB = modeB;
    const fullDuplex = (modeA & modeB & FULL_DUPLEX_MODES) !== 0;
    const next = this.cables.find((c) => c.fullDuplex === fullDuplex && c.bitsPerSecond === rateOf(modeA));
    if (next === undefined) throw new Error(`${this.name}: no wire of ${rateOf(modeA)} bits per second`);
    if (this.isUp && next === this.current) return;
    this.cut();
    this.current = next;
    this.inUse = this.cables.indexOf(next);
    this.isUp = true;
    this.count();
    next.device.setCarrier(true);
  }

  private cut(): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.count();
    this.current.device.setCarrier(false);
  }

  private count(): void {
    if (this.ends.every(({ station }) => station !== null)) this.changes++;
  }

  /** Tells the stations whose end is not what they last saw. */
  tell(): void {
    for (const end of this.ends) end.tell();
  }

  report(): WireReport {
    const now = this.clock.now();
    const reports = this.cables.map(({ device }) => device.report());
    const direction = (name: string, lost: number): DirectionReport => {
      const parts = reports.map(({ directions }) => directions[name]);
      return sumDirections(parts, lost, now);
    };
    const sum = (total: string): number => reports.reduce((all, { totals }) => all + (totals[total] ?? 0), 0);
    const [a, b] = this.ends;
    const report: WireReport = {
      name: this.name,
      kind: 'negotiated',
      directions: { 'a>b': direction('a>b', b.late), 'b>a': direction('b>a', a.late) },
      totals: { collisionsA: sum('collisionsA'), collisionsB: sum('collisionsB'), changes: this.changes },
      agreed: this.agreed,
    };
    const { duplexMismatch } = this;
    return duplexMismatch === null ? report : { ...report, duplexMismatch };
  }
}
