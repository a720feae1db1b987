// The state of the driver in testing-driver.ts, and the functions that tests may replace.

import type { Mbuf } from '../mbuf/mbuf.ts';
import { callout } from './callout.ts';
import { device } from './device.ts';
import { ethercom } from './ether.ts';
import type { shutdownhook } from './hooks.ts';
import { ifmedia } from './ifmedia.ts';
import type { ifnet } from './ifnet.ts';
import { _iopkt_inter, type sigevent } from './interrupt.ts';
import type { IoPkt } from './manager.ts';
import type { mdi_t } from './mdi.ts';
import { nic_config_t, nic_stats_t } from './nic.ts';
import type { TestCard } from './testing-card.ts';
import type { nw_work_thread } from './threads.ts';

/** Between two looks at the PHY. */
export const MONITOR_MS = 2000;

export class xx_softc extends device {
  readonly sc_ec = new ethercom();
  readonly card: TestCard;
  readonly fn: DriverFunctions;
  iopkt!: IoPkt;
  readonly inter = new _iopkt_inter<xx_softc>();
  readonly cfg = new nic_config_t();
  readonly stats = new nic_stats_t();
  readonly bsd_media = new ifmedia();
  readonly mii_callout = new callout();
  readonly mdi: { value: mdi_t | null } = { value: null };
  hook: shutdownhook | null = null;
  iid = -1;
  kermask = false;
  dying = false;
  readonly rx: (Mbuf | null)[] = [];
  readonly tx: (Mbuf | null)[] = [];
  rxNext = 0;
  txNext = 0;
  txOldest = 0;
  txFree: number;
  /** Calls, for tests. */
  inits = 0;
  stops = 0;

  constructor(card: TestCard, fn: DriverFunctions) {
    super();
    this.card = card;
    this.fn = fn;
    this.txFree = card.slots;
    for (let i = 0; i < card.slots; i++) {
      this.rx.push(null);
      this.tx.push(null);
    }
  }
}

/** The driver's functions, each of which a test may replace. */
export interface DriverFunctions {
  attach(sc: xx_softc, options: string | null): number;
  detach(sc: xx_softc, flags: number): number;
  init(ifp: ifnet): number;
  stop(ifp: ifnet, disable: number): void;
  start(ifp: ifnet): void;
  ioctl(ifp: ifnet, cmd: number, data: unknown): number;
  isr(sc: xx_softc, iid: number): sigevent | null;
  process(sc: xx_softc, wtp: nw_work_thread): number;
  enable(sc: xx_softc): number;
  monitor(sc: xx_softc): void;
  shutdown(sc: xx_softc): void;
  receive(sc: xx_softc, wtp: nw_work_thread): void;
}
