// prio: bands served strictly in order, each a discipline of its own. After tc-prio(8). Defaults: 3 bands, each a pfifo,
// and the man page's priomap, the same as pfifo_fast's. A classifier, when there is one, has the first word.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { Children } from './children.ts';
import { Pfifo } from './fifo.ts';
import { PRIOMAP } from './pfifo-fast.ts';

export interface PrioOptions {
  /** 2 to 16; fixed once made. */
  bands: number;
  /** The band of each of the sixteen priorities. */
  priomap: readonly number[];
  /** Makes the discipline of a band. */
  child?: (band: number) => Qdisc;
  /** Returns the packet's band; anything that is no band leaves it to the priomap. */
  classify?: (m: Mbuf) => number;
}

export class Prio implements Qdisc {
  readonly kind = 'prio';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly canBypass = false;
  readonly options: PrioOptions;
  private readonly children: Children;

  constructor(env: QdiscEnv, options: Partial<PrioOptions> = {}) {
    const all = { bands: 3, priomap: PRIOMAP, ...options };
    validate(all);
    this.options = all;
    const child = options.child ?? (() => new Pfifo(env));
    this.children = new Children(
      this.stats,
      Array.from({ length: all.bands }, (_, band) => child(band)),
    );
  }

  get length(): number {
    return this.children.length;
  }

  get backlog(): number {
    return this.children.backlog;
  }

  get nextTimeNs(): number {
    return this.children.nextTimeNs();
  }

  /** The disciplines of the bands, to be shown. */
  get classes(): readonly Qdisc[] {
    return this.children.qdiscs;
  }

  change(options: Partial<PrioOptions>): void {
    const all = { ...this.options, ...options };
    if (all.bands !== this.options.bands)
      throw new RangeError(`prio: ${this.options.bands} bands cannot become ${all.bands}: replace it`);
    validate(all);
    Object.assign(this.options, options);
  }

  graft(band: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    if (this.children.qdiscs[band] === undefined)
      throw new RangeError(`prio: band ${band}: 0 to ${this.options.bands - 1} wanted`);
    return this.children.graft(band, qdisc, drop);
  }

  xstats(): Record<string, number> {
    return {};
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    this.children.enqueue(this.bandOf(m), m, drop);
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const { children } = this;
    for (let band = 0; band < children.qdiscs.length; band++) {
      if (children.qdiscs[band].length === 0) continue;
      const m = children.dequeue(band, drop);
      if (m !== null) return m;
    }
    return null;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    const { children } = this;
    for (let band = 0; band < children.qdiscs.length; band++) {
      if (children.qdiscs[band].length === 0) continue;
      const m = children.peek(band, drop);
      if (m !== null) return m;
    }
    return null;
  }

  reset(drop: (m: Mbuf) => void): void {
    this.children.reset(drop);
  }

  private bandOf(m: Mbuf): number {
    const { classify, priomap, bands } = this.options;
    if (classify !== undefined) {
      const band = classify(m);
      if (Number.isInteger(band) && band >= 0 && band < bands) return band;
    }
    return priomap[m.priority & 15];
  }
}

function validate({ bands, priomap }: PrioOptions): void {
  if (!Number.isInteger(bands) || bands < 2 || bands > 16)
    throw new RangeError(`prio: ${bands} bands: 2 to 16 wanted`);
  const wrong = priomap.find((band) => !Number.isInteger(band) || band < 0 || band >= bands);
  if (priomap.length !== 16 || wrong !== undefined)
    throw new RangeError(`prio: priomap ${priomap.join(' ')}: 16 bands from 0 to ${bands - 1} wanted`);
}
