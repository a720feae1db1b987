// npkt_t: io-net's packet. An object here, with its bytes in the machine's memory: net_iov entries hold addresses, so a
// card reaches them by DMA and a driver by `machine.memory`. After the Network DDK.
//
//   npkt_t ── buffers ──► net_buf_t ──► net_buf_t          each: net_iov[niov] of { iov_base, iov_phys, iov_len }
//     │
//     └─ next ──► npkt_t                                   a list of packets
//
// Whoever makes a packet is its originator; org_data and the bits _NPKT_ORG_MASK are the originator's alone. The bits
// _NPKT_SCRATCH_MASK are the present holder's and hold nothing when a packet arrives.

/** On its way up. */
export const _NPKT_UP = 0x1;
/** A message (message.ts), not a frame. */
export const _NPKT_MSG = 0x2;
/** The message says that who sent it goes away. */
export const _NPKT_MSG_DYING = 0x4;
/** Set by a driver before tx_done: it has not been sent. */
export const _NPKT_NOT_TXED = 0x8;
/** The originator is short of packets: consumers must copy. */
export const _NPKT_NO_RES = 0x10;
export const _NPKT_PROMISC = 0x20;
export const _NPKT_BCAST = 0x40;
export const _NPKT_MCAST = 0x80;
export const _NPKT_ORG_MASK = 0x00f00000;
/** As an int32, as all bit operations yield. */
export const _NPKT_SCRATCH_MASK = 0xff000000 | 0;

/** One piece of contiguous memory. */
export interface net_iov_t {
  /** Address as the CPU sees it: an index into the machine's memory. */
  iov_base: number;
  /** As a device sees it: ion.mphys(iov_base). */
  iov_phys: number;
  iov_len: number;
}

export class net_buf_t {
  /** TAILQ entry. */
  ptrs: net_buf_t | null = null;
  /** Entries of net_iov that count. */
  niov = 0;
  readonly net_iov: net_iov_t[] = [];
}

/** TAILQ_HEAD of net_buf_t. */
export interface npkt_buffers {
  first: net_buf_t | null;
  last: net_buf_t | null;
}

/** Completion record: who wants its tx_done called, and what with. */
export interface npkt_done_t {
  registrant_hdl: number;
  done_hdl: unknown;
}

export class npkt_t {
  readonly buffers: npkt_buffers = { first: null, last: null };
  /** Next packet of a list. */
  next: npkt_t | null = null;
  org_data: unknown = null;
  flags = 0;
  /** Bytes of the frame. */
  framelen = 0;
  /** net_iov entries of all its buffers. */
  tot_iov = 0;
  csum_flags = 0;
  /** Consumers that have not finished with it. */
  ref_cnt = 0;
  // The manual names both; that one counts the records there are and the other those asked for is read from the names.
  num_complete = 0;
  req_complete = 0;
  cell = 0;
  endpoint = 0;
  iface = 0;
  /** For modules that talk to each other; nobody does here. */
  inter_module: unknown = null;
  readonly complete: npkt_done_t[] = [];
}

export function TAILQ_INIT(head: npkt_buffers): void {
  head.first = null;
  head.last = null;
}

export function TAILQ_FIRST(head: npkt_buffers): net_buf_t | null {
  return head.first;
}

export function TAILQ_NEXT(buf: net_buf_t): net_buf_t | null {
  return buf.ptrs;
}

export function TAILQ_INSERT_TAIL(head: npkt_buffers, buf: net_buf_t): void {
  buf.ptrs = null;
  if (head.last === null) head.first = buf;
  else head.last.ptrs = buf;
  head.last = buf;
}

/** Makes `buf` the one buffer of `npkt`, with one iov: what a received frame is. */
export function setSingle(npkt: npkt_t, buf: net_buf_t, base: number, phys: number, length: number): void {
  const iov = buf.net_iov[0];
  if (iov === undefined) buf.net_iov.push({ iov_base: base, iov_phys: phys, iov_len: length });
  else {
    iov.iov_base = base;
    iov.iov_phys = phys;
    iov.iov_len = length;
  }
  buf.niov = 1;
  TAILQ_INIT(npkt.buffers);
  TAILQ_INSERT_TAIL(npkt.buffers, buf);
  npkt.tot_iov = 1;
  npkt.framelen = length;
}
