// The state of the driver in testing-driver.ts, and the functions that tests may replace.

import type { TestCard } from '../iopkt/testing-card.ts';
import type { Machine } from '../kernel/machine.ts';
import type { io_net_self_t, Ref } from './interface.ts';
import { type _pulse, pthread_mutex_t, sigevent } from './neutrino.ts';
import type { net_buf_t, npkt_t } from './npkt.ts';
import { type mdi_t, nic_config_t, nic_stats_t } from './shared.ts';

export const PULSE_INTERRUPT = 1;
export const PULSE_QUIT = 2;

/** A received packet of the driver's own pool: the packet, its one buffer, and where its bytes lie. */
export interface RxPacket {
  readonly npkt: npkt_t;
  readonly buf: net_buf_t;
  readonly address: number;
}

export class xx_dev {
  readonly card: TestCard;
  readonly fn: TestFunctions;
  readonly ion: io_net_self_t;
  readonly machine: Machine;
  readonly cfg = new nic_config_t();
  readonly stats = new nic_stats_t();
  readonly reg_hdl: Ref<number> = { value: 0 };
  readonly cell: Ref<number> = { value: 0 };
  readonly endpoint: Ref<number> = { value: 0 };
  registrantFlags = 0;
  readonly mutex = new pthread_mutex_t('xx');
  readonly mdi: Ref<mdi_t | null> = { value: null };
  // Thread and pulses.
  chid = -1;
  coid = -1;
  iid = -1;
  readonly tid: Ref<number> = { value: 0 };
  readonly interruptEvent = new sigevent();
  readonly timerEvent = new sigevent();
  readonly pulse: _pulse = { code: 0, value: 0 };
  // Receive: buffers there are, those that are free, and those in the ring.
  buffers = 64;
  readonly pool: RxPacket[] = [];
  readonly free: RxPacket[] = [];
  readonly rx: (RxPacket | null)[] = [];
  rxNext = 0;
  // Transmit: packets in the ring, by their last slot, and those that wait for it.
  readonly tx: (npkt_t | null)[] = [];
  txNext = 0;
  txOldest = 0;
  txFree: number;
  queued: npkt_t | null = null;
  queuedLast: npkt_t | null = null;
  queueLength = 0;
  queueLimit = 64;
  linkUp = false;
  /** Groups it has been told of. */
  readonly groups: string[] = [];

  constructor(card: TestCard, fn: TestFunctions, ion: io_net_self_t, machine: Machine) {
    this.card = card;
    this.fn = fn;
    this.ion = ion;
    this.machine = machine;
    this.txFree = card.slots;
    for (let i = 0; i < card.slots; i++) {
      this.rx.push(null);
      this.tx.push(null);
    }
  }
}

/** The driver's functions, each of which a test may replace. */
export interface TestFunctions {
  rx_down(npkt: npkt_t, xx: xx_dev): number;
  reap(xx: xx_dev): void;
  receive(xx: xx_dev): void;
  /** tx_done. */
  recycle(npkt: npkt_t, done_hdl: unknown, xx: xx_dev): number;
  advert(xx: xx_dev): number;
  devctl(xx: xx_dev, dcmd: number, data: unknown, size: number, ret: Ref<number> | null): number;
  flush(xx: xx_dev): number;
  shutdown1(xx: xx_dev): number;
  shutdown2(xx: xx_dev): number;
  /** First of all in init, before reg. */
  early(ion: io_net_self_t): void;
}
