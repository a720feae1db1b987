// prio: bands served strictly in order, each a discipline of its own. After tc-prio(8). Defaults: 3 bands, each a pfifo,
// and the man page's priomap, the same as pfifo_fast's. Class n is band n - 1. A packet goes to the class that its priority
// names (handle:minor), else to the one its filters name, else to the band of its priority by the priomap; a class that is not
// there means the band of priority 0.

import type { Mbuf } from '../mbuf/mbuf.ts';
import {
  CLASS_DROP,
  CLASS_NONE,
  CLASS_STOLEN,
  type ClassfulQdisc,
  type Classifier,
  type Qdisc,
  type QdiscClass,
  type QdiscEnv,
  type QdiscStats,
} from '../net/qdisc.ts';
import { Children, leafClass } from './children.ts';
import { classOfPriority } from './classify.ts';
import { Pfifo } from './fifo.ts';
import { PRIOMAP } from './pfifo-fast.ts';

export interface PrioOptions {
  /** 2 to 16. */
  bands: number;
  /** The band of each of the sixteen priorities. */
  priomap: readonly number[];
}

const NONE = -1;

export class Prio implements ClassfulQdisc {
  readonly kind = 'prio';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly canBypass = false;
  readonly options: PrioOptions;
  handle = 0;
  classifier: Classifier | null = null;
  private readonly env: QdiscEnv;
  private readonly children: Children;
  /** The band of the packet that peek showed, unless one has come to a higher band since. */
  private shown = NONE;

  constructor(env: QdiscEnv, options: Partial<PrioOptions> = {}) {
    this.env = env;
    this.options = { bands: 3, priomap: PRIOMAP, ...options };
    validate(this.options);
    this.children = new Children(this.stats, []);
    this.addBands();
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

  classes(): QdiscClass[] {
    return this.children.qdiscs.map((child, band) => leafClass(band + 1, child));
  }

  /** New bands are pfifos; the packets of bands that go are dropped. */
  change(options: Partial<PrioOptions>, drop: (m: Mbuf) => void): void {
    const all = { ...this.options, ...options };
    validate(all);
    const { children } = this;
    for (let band = all.bands; band < children.qdiscs.length; band++) children.clear(band, drop);
    if (children.qdiscs.length > all.bands) children.qdiscs.length = all.bands;
    Object.assign(this.options, all);
    this.addBands();
    this.shown = NONE;
  }

  graft(minor: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    const { bands } = this.options;
    if (!Number.isInteger(minor) || minor < 1 || minor > bands)
      throw new RangeError(`prio: class ${minor.toString(16)}: 1 to ${bands.toString(16)} wanted`);
    const old = this.children.graft(minor - 1, qdisc, drop);
    this.shown = NONE;
    return old;
  }

  xstats(): Record<string, number> {
    return {};
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const band = this.bandOf(m);
    if (band >= 0) {
      if (band < this.shown) this.shown = NONE;
      this.children.enqueue(band, m, drop);
    } else if (band === CLASS_DROP) {
      this.stats.drops++;
      drop(m);
    }
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const { children, shown } = this;
    if (shown !== NONE) {
      this.shown = NONE;
      const m = children.dequeue(shown, drop);
      if (m !== null) return m;
    }
    for (let band = 0; band < children.qdiscs.length; band++) {
      if (children.qdiscs[band].length === 0) continue;
      const m = children.dequeue(band, drop);
      if (m !== null) return m;
    }
    return null;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    const { children, shown } = this;
    if (shown !== NONE) return children.peek(shown, drop);
    for (let band = 0; band < children.qdiscs.length; band++) {
      if (children.qdiscs[band].length === 0) continue;
      const m = children.peek(band, drop);
      if (m === null) continue;
      this.shown = band;
      return m;
    }
    return null;
  }

  reset(drop: (m: Mbuf) => void): void {
    this.children.reset(drop);
    this.shown = NONE;
  }

  /** CLASS_DROP, CLASS_STOLEN: no band. */
  private bandOf(m: Mbuf): number {
    const { priomap, bands } = this.options;
    let minor = classOfPriority(m, this.handle);
    if (minor === CLASS_NONE && this.classifier !== null) minor = this.classifier.classify(m, 0);
    if (minor === CLASS_DROP || minor === CLASS_STOLEN) return minor;
    if (minor === CLASS_NONE) return priomap[m.priority >>> 16 === 0 ? m.priority & 15 : 0];
    return minor >= 1 && minor <= bands ? minor - 1 : priomap[0];
  }

  private addBands(): void {
    const { qdiscs } = this.children;
    while (qdiscs.length < this.options.bands) qdiscs.push(new Pfifo(this.env));
  }
}

function validate({ bands, priomap }: PrioOptions): void {
  if (!Number.isInteger(bands) || bands < 2 || bands > 16)
    throw new RangeError(`prio: ${bands} bands: 2 to 16 wanted`);
  const wrong = priomap.find((band) => !Number.isInteger(band) || band < 0 || band >= bands);
  if (priomap.length !== 16 || wrong !== undefined)
    throw new RangeError(`prio: priomap ${priomap.join(' ')}: 16 bands from 0 to ${bands - 1} wanted`);
}
