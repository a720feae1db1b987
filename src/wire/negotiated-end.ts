// One end of a negotiated link: a station's socket in front of one plug for each wire that the link can be. All plugs are
// in; only the wire in use has carrier. So a sender whose wire went is told by that wire, when the time of its frame is
// over, and sends its next frame on the one in use by then.

import type { DirectionReport, DropReason } from './counters.ts';
import type { Frame, FramePool } from './frame.ts';
import type { HalfDuplexLink } from './half-duplex.ts';
import type { Link } from './link.ts';
import type { LinkOffer, Medium, Station } from './medium.ts';
import type { NegotiatedLink } from './negotiated-link.ts';
import { OFFERS_EVERYTHING } from './negotiation.ts';

export interface InnerCable {
  bitsPerSecond: number;
  fullDuplex: boolean;
  device: Link | HalfDuplexLink;
}

/** The station that a wire sees. */
class Plug implements Station {
  private readonly end: NegotiatedEnd;
  private readonly index: number;

  constructor(end: NegotiatedEnd, index: number) {
    this.end = end;
    this.index = index;
  }

  receive(frame: Frame): void {
    this.end.arrived(frame, this.index);
  }

  transmitted(status: number): void {
    this.end.left(status);
  }

  // The link says it to the stations itself, when it has switched.
  carrierChanged(): void {}
}

export class NegotiatedEnd implements Medium {
  readonly name: string;
  readonly pool: FramePool;
  station: Station | null = null;
  /** The opposite end. */
  other!: NegotiatedEnd;
  /** Frames that came by a wire no longer in use. */
  late = 0;
  private readonly link: NegotiatedLink;
  private readonly media: readonly Medium[];
  private readonly plugs: readonly Plug[];
  /** Modes that the cable carries. */
  private readonly carries: number;
  /** Undefined: the station never said anything. */
  private offered: LinkOffer | null | undefined = undefined;
  private sending = false;
  private told = '';

  constructor(link: NegotiatedLink, name: string, media: readonly Medium[], carries: number) {
    this.link = link;
    this.name = name;
    this.pool = link.pool;
    this.media = media;
    this.plugs = media.map((_, index) => new Plug(this, index));
    this.carries = carries;
  }

  /** What of the offer the cable carries; null: silence, or nothing that gets through. */
  get effective(): LinkOffer | null {
    const { offered = OFFERS_EVERYTHING } = this;
    if (offered === null) return null;
    const modes = offered.modes & this.carries;
    return modes === 0 ? null : { ...offered, modes };
  }

  get partner(): LinkOffer | null {
    const { other } = this;
    return this.link.intact && other.station !== null ? other.effective : null;
  }

  get carrier(): boolean {
    return this.link.isUp && this.other.station !== null;
  }

  get bitsPerSecond(): number {
    return this.link.bitsPerSecond;
  }

  get fullDuplex(): boolean {
    return this.link.fullDuplex;
  }

  offer(offer: LinkOffer | null): void {
    if (sameOffer(offer, this.offered)) return;
    this.offered = offer;
    this.link.offersChanged();
  }

  attach(station: Station | null): void {
    if (this.station !== null) {
      this.station = null;
      this.offered = undefined;
      this.sending = false;
      for (const medium of this.media) medium.attach(null);
      this.link.update();
      this.link.tell();
    }
    this.station = station;
    if (station !== null) for (const [i, medium] of this.media.entries()) medium.attach(this.plugs[i]);
    this.link.update();
    this.told = this.seen();
    this.link.tell();
  }

  send(frame: Frame): void {
    if (this.sending) throw new Error(`${this.name}: a frame was sent before the last one had left`);
    this.sending = true;
    this.media[this.link.inUse].send(frame);
  }

  /** Out of one of the wires. */
  left(status: number): void {
    this.sending = false;
    this.station?.transmitted(status);
  }

  /** Out of wire `index`. */
  arrived(frame: Frame, index: number): void {
    if (this.station !== null && this.link.inUse === index && this.link.isUp) {
      this.station.receive(frame);
      return;
    }
    this.late++;
    this.pool.put(frame);
  }

  /** Calls the station if there is something it has not seen yet. */
  tell(): void {
    const seen = this.seen();
    if (seen === this.told) return;
    this.told = seen;
    this.station?.carrierChanged();
  }

  private seen(): string {
    const { carrier, bitsPerSecond, fullDuplex, partner } = this;
    const offer = partner === null ? 'silent' : `${partner.modes} ${partner.negotiates} ${partner.ready}`;
    return `${carrier} ${bitsPerSecond} ${fullDuplex} ${offer}`;
  }
}

function sameOffer(a: LinkOffer | null, b: LinkOffer | null | undefined): boolean {
  if (a === null || b === null || b === undefined) return a === b;
  return a.modes === b.modes && a.negotiates === b.negotiates && a.ready === b.ready;
}

/** One direction over all wires; `late` frames were delivered by a wire and not by the link. */
export function sumDirections(
  parts: readonly DirectionReport[],
  late: number,
  nowNs: number,
): DirectionReport {
  const add = (field: 'frames' | 'bytes' | 'copies' | 'delivered' | 'inFlight' | 'busyNs'): number =>
    parts.reduce((sum, part) => sum + part[field], 0);
  const drops: Partial<Record<DropReason, number>> = {};
  for (const part of parts)
    for (const [reason, count] of Object.entries(part.drops) as [DropReason, number][])
      drops[reason] = (drops[reason] ?? 0) + count;
  if (late > 0) drops.carrierLost = (drops.carrierLost ?? 0) + late;
  const busyNs = add('busyNs');
  return {
    frames: add('frames'),
    bytes: add('bytes'),
    copies: add('copies'),
    delivered: add('delivered') - late,
    inFlight: add('inFlight'),
    drops,
    impairments: {},
    busyNs,
    utilisation: nowNs > 0 ? Math.min(1, busyNs / nowNs) : 0,
  };
}
