// Lays the cables of a lab: links, switches and hubs, with impairments and taps around their ends, and a socket for each
// NIC and port.

import type { Clock } from '../kernel/clock.ts';
import type { WireReport } from '../wire/counters.ts';
import { FramePool } from '../wire/frame.ts';
import { type FrameObserver, FrameTap } from '../wire/frame-tap.ts';
import { HalfDuplexLink } from '../wire/half-duplex.ts';
import { Hub } from '../wire/hub.ts';
import { Flap } from '../wire/impair/flap.ts';
import type { ImpairmentOptions } from '../wire/impair/options.ts';
import { ImpairedMedium } from '../wire/impaired-medium.ts';
import { Link } from '../wire/link.ts';
import type { Medium } from '../wire/medium.ts';
import { NegotiatedLink } from '../wire/negotiated-link.ts';
import { Switch } from '../wire/switch.ts';
import { type Endpoint, endpointName, type HubSpec, type LabSpec, type LinkSpec } from './spec.ts';

/** Makes the observer of what passes at one place of a link or hub. */
export type Observe = (link: string, place: string) => FrameObserver;

/** A link, switch or hub as it was built, for the report. */
export interface Wire {
  readonly name: string;
  readonly bitsPerSecond: number;
  readonly delayNs: number;
  /** Names of what is plugged in, in the order of the device's own ports. */
  readonly ends: readonly string[];
  readonly device: { report(): WireReport };
  /** Impairments of frames that arrive at each end, where there are any. */
  readonly impaired: readonly (ImpairedMedium | null)[];
  readonly flap: Flap | null;
}

export class Wires {
  readonly pool = new FramePool();
  readonly all: Wire[] = [];
  private readonly sockets = new Map<string, Medium>();
  private readonly switches = new Map<string, Switch>();
  private readonly clock: Clock;
  private readonly seed: number;
  private readonly observe: Observe | null;

  constructor(spec: LabSpec, clock: Clock, observe: Observe | null) {
    this.clock = clock;
    this.seed = spec.seed;
    this.observe = observe;
    for (const { name, ageingNs, queueFrames } of spec.switches) {
      this.switches.set(name, new Switch({ name, clock, pool: this.pool, ageingNs, queueFrames }));
    }
    for (const link of spec.links) this.layLink(link);
    for (const hub of spec.hubs) this.layHub(hub);
    for (const [name, device] of this.switches) {
      const isThis = (end: Endpoint): boolean => end.kind === 'switch' && end.name === name;
      const links = spec.links.filter((link) => link.ends.some(isThis));
      const ends = links.map((link) => endpointName(link.ends[isThis(link.ends[0]) ? 1 : 0]));
      this.all.push({ name, bitsPerSecond: 0, delayNs: 0, ends, device, impaired: [], flap: null });
    }
  }

  /** Where a NIC or port is to be plugged in; null when no cable leads there. */
  socket(end: string): Medium | null {
    return this.sockets.get(end) ?? null;
  }

  private layLink(spec: LinkSpec): void {
    const { clock } = this;
    const { name, bitsPerSecond, delayNs } = spec;
    const link = this.makeLink(spec);
    const impaired = [this.impair(link.a, spec.back), this.impair(link.b, spec.forth)];
    const media: Medium[] = [impaired[0] ?? link.a, impaired[1] ?? link.b];
    // One tap sees both directions: where a station is, rather than at a switch.
    const place = spec.ends[0].kind === 'switch' ? 1 : 0;
    media[place] = this.tap(media[place], name, endpointName(spec.ends[place]));
    const flap = spec.flap === null ? null : new Flap(name, clock, spec.flap, link);
    const ends = spec.ends.map(endpointName);
    this.all.push({ name, bitsPerSecond, delayNs, ends, device: link, impaired, flap });
    spec.ends.forEach((end, i) => {
      this.plugIn(end, media[i]);
    });
  }

  private makeLink({
    name,
    bitsPerSecond,
    delayNs,
    duplex,
  }: LinkSpec): Link | HalfDuplexLink | NegotiatedLink {
    const { clock, pool, seed } = this;
    const options = { name, clock, pool, bitsPerSecond, delayNs };
    if (duplex === 'full') return new Link(options);
    return duplex === 'half'
      ? new HalfDuplexLink({ ...options, seed })
      : new NegotiatedLink({ ...options, seed });
  }

  private layHub(spec: HubSpec): void {
    const { clock, pool, seed } = this;
    const { name, bitsPerSecond, delayNs } = spec;
    const hub = new Hub({ name, clock, pool, bitsPerSecond, delayNs, seed, ports: spec.ends.length });
    const ends = spec.ends.map(endpointName);
    this.all.push({ name, bitsPerSecond, delayNs, ends, device: hub, impaired: [], flap: null });
    spec.ends.forEach((end, i) => {
      this.plugIn(end, i === 0 ? this.tap(hub.ports[i], name, ends[i]) : hub.ports[i]);
    });
  }

  private plugIn(end: Endpoint, medium: Medium): void {
    if (end.kind === 'switch') this.switches.get(end.name)!.connect(medium);
    else this.sockets.set(endpointName(end), medium);
  }

  private impair(medium: Medium, options: ImpairmentOptions | null): ImpairedMedium | null {
    if (options === null) return null;
    return new ImpairedMedium(medium, { clock: this.clock, seed: this.seed, in: options });
  }

  private tap(medium: Medium, link: string, place: string): Medium {
    return this.observe === null ? medium : new FrameTap(medium, this.clock, this.observe(link, place));
  }
}
