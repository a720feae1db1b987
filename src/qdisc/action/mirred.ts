// mirred: sends a packet, or a copy of it, to another device: tc-mirred(8). It goes there from NET_TX a moment later, never from
// inside the discipline whose filter this is (Softnet.sendLater, which drops what has been sent round too often).

import type { Mbuf } from '../../mbuf/mbuf.ts';
import { ACT_PIPE, ACT_SHOT, ACT_STOLEN, type Action, noStats } from './action.ts';

export interface MirredOptions {
  /** The device's name, to be shown. */
  device: string;
  redirect: boolean;
  /** As if it had come in there, rather than to be sent. */
  ingress: boolean;
  /** Takes a packet for the device; false: the device is gone or down, the packet is still the caller's. */
  send: (m: Mbuf) => boolean;
  /** What follows a mirror: ACT_PIPE unless told. */
  verdict?: number;
}

export class Mirred implements Action {
  readonly kind = 'mirred';
  readonly stats = noStats();
  readonly options: Readonly<MirredOptions>;

  constructor(options: MirredOptions) {
    this.options = { ...options };
  }

  act(m: Mbuf): number {
    const { stats, options } = this;
    stats.packets++;
    stats.bytes += m.packetLength;
    if (!options.redirect) {
      this.mirror(m);
      return this.after();
    }
    if (options.send(m)) return ACT_STOLEN;
    stats.drops++;
    return ACT_SHOT;
  }

  private mirror(m: Mbuf): void {
    const copy = m.pool.copym(m, 0, m.packetLength);
    if (copy === null) {
      this.stats.drops++;
      return;
    }
    if (this.options.send(copy)) return;
    this.stats.drops++;
    m.pool.freem(copy);
  }

  private after(): number {
    return this.options.verdict ?? ACT_PIPE;
  }
}
