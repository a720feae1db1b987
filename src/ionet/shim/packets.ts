// The packets that cross the shim, with what it has to know of each. A driver sees npkt_t alone.

import type { Mbuf } from '../../mbuf/mbuf.ts';
import { npkt_msg_t } from '../message.ts';
import {
  _NPKT_ORG_MASK,
  _NPKT_SCRATCH_MASK,
  net_buf_t,
  npkt_t,
  TAILQ_INIT,
  TAILQ_INSERT_TAIL,
} from '../npkt.ts';
import type { ShimDevice } from './device.ts';

// Where an up packet is.
export const WITH_DRIVER = 0;
/** It was passed up, nobody took it, and it came back at once. */
export const RETURNED = 1;
/** On the list to the worker. */
export const LISTED = 2;
/** Its buffer is external storage of an mbuf. */
export const LENT = 3;
export const FREED = 4;

/** An up packet: what ion.alloc_up_npkt gives. */
export class UpNpkt extends npkt_t {
  state = WITH_DRIVER;
  /** Memory that goes with it; 0: none. */
  data = 0;
  /** Interface it is passed up on. */
  dev: ShimDevice | null = null;
  /** Place among the frames of its interface. */
  sequence = 0;
  /** The call of tx_up_start that met it last. */
  pass = 0;
}

/** Originator's bits that the shim sets. */
const ORG_BITS = 0x00a00000;

/** A packet to send, or a message: the shim is the originator. */
export class DownNpkt extends npkt_msg_t {
  readonly dev: ShimDevice;
  /** The driver has it. */
  lent = false;
  /** It came back with _NPKT_NOT_TXED. */
  failed = false;
  mbuf: Mbuf | null = null;
  readonly buf = new net_buf_t();

  constructor(dev: ShimDevice) {
    super();
    this.dev = dev;
    this.complete.push({ registrant_hdl: 0, done_hdl: dev });
    this.num_complete = 1;
  }

  /** Empties it. `noise`: what its scratch bits hold. */
  prepare(flags: number, noise: number): void {
    const { dev } = this;
    this.flags = flags | ORG_BITS | (noise & _NPKT_SCRATCH_MASK);
    this.org_data = dev;
    this.next = null;
    this.framelen = 0;
    this.tot_iov = 0;
    this.csum_flags = 0;
    this.ref_cnt = 1;
    this.req_complete = 1;
    this.cell = 0;
    this.endpoint = dev.dv_unit;
    this.iface = 0;
    this.inter_module = null;
    this.msg = null;
    this.failed = false;
    this.buf.niov = 0;
    TAILQ_INIT(this.buffers);
  }

  /** Adds memory to its one buffer. */
  addIov(address: number, length: number): void {
    const { buf } = this;
    const iov = buf.net_iov[buf.niov];
    if (iov === undefined) buf.net_iov.push({ iov_base: address, iov_phys: address, iov_len: length });
    else {
      iov.iov_base = address;
      iov.iov_phys = address;
      iov.iov_len = length;
    }
    if (buf.niov++ === 0) TAILQ_INSERT_TAIL(this.buffers, buf);
    this.tot_iov++;
    this.framelen += length;
  }

  /** What is the originator's alone has been left alone. */
  get untouched(): boolean {
    return (this.flags & _NPKT_ORG_MASK) === ORG_BITS && this.org_data === this.dev;
  }
}

/** First in, first out, of a fixed size. */
export class Fifo<T> {
  count = 0;
  private first = 0;
  private readonly slots: (T | null)[];

  constructor(size: number) {
    this.slots = new Array<T | null>(size).fill(null);
  }

  get full(): boolean {
    return this.count === this.slots.length;
  }

  push(item: T): void {
    if (this.full) throw new Error(`a list of ${this.slots.length} is full`);
    this.slots[(this.first + this.count++) % this.slots.length] = item;
  }

  shift(): T | null {
    if (this.count === 0) return null;
    const item = this.slots[this.first];
    this.slots[this.first] = null;
    this.first = (this.first + 1) % this.slots.length;
    this.count--;
    return item;
  }
}
