// What a filter does with a packet beside naming its class: tc-actions(8). An action says how it goes on with a verdict; those
// of the kernel (linux/pkt_cls.h, TC_ACT_*).

import type { Mbuf } from '../../mbuf/mbuf.ts';

/** The next filter is asked (`continue`). */
export const ACT_UNSPEC = -1;
/** The packet goes on, to the filter's class (`pass`, `ok`). */
export const ACT_OK = 0;
/** All filters are asked again, from the first (`reclassify`). */
export const ACT_RECLASSIFY = 1;
/** `drop`, `shot`. */
export const ACT_SHOT = 2;
/** The next action of the filter. */
export const ACT_PIPE = 3;
/** The packet is gone: the action has it. */
export const ACT_STOLEN = 4;

export const VERDICTS = {
  ok: ACT_OK,
  pass: ACT_OK,
  reclassify: ACT_RECLASSIFY,
  drop: ACT_SHOT,
  shot: ACT_SHOT,
  pipe: ACT_PIPE,
  continue: ACT_UNSPEC,
} as const;
export type VerdictWord = keyof typeof VERDICTS;

export interface ActionStats {
  packets: number;
  bytes: number;
  drops: number;
  overlimits: number;
}

export interface Action {
  readonly kind: 'gact' | 'mirred' | 'skbedit' | 'police';
  readonly stats: ActionStats;
  /** Lends the packet, its Ethernet header in front, or takes it and says ACT_STOLEN. Returns ACT_*. */
  act(m: Mbuf): number;
}

export function noStats(): ActionStats {
  return { packets: 0, bytes: 0, drops: 0, overlimits: 0 };
}

/** gact: one verdict for all. */
export class Gact implements Action {
  readonly kind = 'gact';
  readonly stats = noStats();
  readonly verdict: number;

  constructor(verdict: number) {
    this.verdict = verdict;
  }

  act(m: Mbuf): number {
    this.stats.packets++;
    this.stats.bytes += m.packetLength;
    if (this.verdict === ACT_SHOT) this.stats.drops++;
    return this.verdict;
  }
}

export interface SkbeditOptions {
  priority?: number;
  mark?: number;
  /** Of the mark's bits, those that are set. */
  mask?: number;
  queue?: number;
  verdict: number;
}

/** skbedit: what travels with the packet, and not its bytes: tc-skbedit(8). */
export class Skbedit implements Action {
  readonly kind = 'skbedit';
  readonly stats = noStats();
  readonly options: Readonly<SkbeditOptions>;

  constructor(options: SkbeditOptions) {
    this.options = { ...options };
  }

  act(m: Mbuf): number {
    const { priority, mark, mask = 0xffffffff, queue, verdict } = this.options;
    this.stats.packets++;
    this.stats.bytes += m.packetLength;
    if (priority !== undefined) m.priority = priority;
    if (mark !== undefined) m.mark = ((m.mark & ~mask) | (mark & mask)) >>> 0;
    if (queue !== undefined) m.queue = queue;
    return verdict;
  }
}
