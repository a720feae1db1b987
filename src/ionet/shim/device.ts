// The shim's side of one registered interface: to io-pkt the softc of a wired Ethernet driver, to the io-net driver what its
// reg_hdl stands for.

import { device } from '../../iopkt/device.ts';
import { ethercom } from '../../iopkt/ether.ts';
import { _iopkt_inter } from '../../iopkt/interrupt.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import type { io_net_registrant_t } from '../interface.ts';
import type { io_net_msg_dl_advert_t } from '../message.ts';
import type { ShimDll } from './dll.ts';
import { DownNpkt, Fifo, type UpNpkt } from './packets.ts';

/** Frames that wait for the worker; one more goes back to the driver. */
export const LIST_LIMIT = 512;
/** Packets that a driver may have to send at a time; one more is not sent and counted. */
export const DOWN_LIMIT = 1024;

export class ShimDevice extends device {
  readonly sc_ec = new ethercom();
  readonly inter = new _iopkt_inter<ShimDevice>();
  readonly dll: ShimDll;
  readonly io: IoPkt;
  readonly registrant: io_net_registrant_t;
  readonly reg_hdl: number;
  /** The last that came. */
  advert: io_net_msg_dl_advert_t | null = null;
  adverts = 0;
  /** No transmits any more. */
  dying = false;
  /** The driver has taken it away by itself. */
  deregistered = false;
  promiscuous = false;

  /** Frames from the driver's thread to the worker, and packets it has sent. */
  readonly listed = new Fifo<UpNpkt>(LIST_LIMIT);
  readonly done = new Fifo<DownNpkt>(DOWN_LIMIT);
  /** Packets to send that are free, the longest free first. */
  readonly idle = new Fifo<DownNpkt>(DOWN_LIMIT);
  made = 0;
  /** The driver has so many packets to send; the stack so many of its buffers. */
  withDriver = 0;
  lent = 0;
  /** Frames listed and taken from the list so far. */
  sequence = 0;
  taken = 0;
  /** Scratch bits of the next packet. */
  noise = 0x9e3779b9 | 0;
  /** The worker has been asked for, and has not begun. */
  asked = false;
  /** Frames that the driver got back because the interface was going. */
  returned = 0;
  /** Changes from the driver's thread to a worker; frames copied, and lent. */
  switches = 0;
  copies = 0;
  loans = 0;

  constructor(dll: ShimDll, registrant: io_net_registrant_t, reg_hdl: number) {
    super();
    this.dll = dll;
    this.io = dll.io;
    this.registrant = registrant;
    this.reg_hdl = reg_hdl;
  }

  /** A packet for the driver; null: it has as many as it may. */
  takeDown(flags: number): DownNpkt | null {
    let npkt: DownNpkt | null = null;
    // As late as possible, so that a packet's second tx_done is not taken for the next one's first.
    if (this.made === DOWN_LIMIT || this.idle.count >= 64) npkt = this.idle.shift();
    else {
      npkt = new DownNpkt(this);
      this.made++;
    }
    if (npkt === null) return null;
    this.noise = (Math.imul(this.noise, 1664525) + 1013904223) | 0;
    npkt.prepare(flags, this.noise);
    npkt.lent = true;
    this.withDriver++;
    return npkt;
  }
}
