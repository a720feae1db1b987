// Messages: packets with _NPKT_MSG, which carry a structure and no frame. In C the structure lies in the packet's only iov;
// memory here holds bytes and no objects, so it hangs on the packet, which has no buffers.
//
//   up    io_net_msg_dl_advert_t    the driver says what it is: after reg, and whenever dl_advert asks
//   down  io_net_msg_mcast_t        to registrants with _REG_TRACK_MCAST; others get DCMD_IO_NET_CHANGE_MCAST

import { _NPKT_MSG, _NPKT_UP, npkt_t } from './npkt.ts';

export const _IO_NET_MSG_DL_ADVERT = 1;
export const _IO_NET_JOIN_MCAST = 2;
export const _IO_NET_REMOVE_MCAST = 3;

/** All group addresses. */
export const _IO_NET_MCAST_ALL = 1;

/** struct sockaddr_dl. */
export interface sockaddr_dl {
  /** Interface name: `en0`. */
  sdl_name: string;
  /** Station address. */
  sdl_addr: Uint8Array;
}

export interface io_net_msg_dl_advert_t {
  type: typeof _IO_NET_MSG_DL_ADVERT;
  /** IFF_SIMPLEX | IFF_BROADCAST | IFF_RUNNING, and IFF_MULTICAST if able. */
  iflags: number;
  mtu_min: number;
  /** Bytes of the longest frame, header included. */
  mtu_max: number;
  mtu_preferred: number;
  /** `enN`. */
  up_type: string;
  capabilities_rx: number;
  capabilities_tx: number;
  dl: sockaddr_dl;
}

/** Also the argument of DCMD_IO_NET_CHANGE_MCAST. */
export interface io_net_msg_mcast_t {
  type: typeof _IO_NET_JOIN_MCAST | typeof _IO_NET_REMOVE_MCAST;
  /** _IO_NET_MCAST_ALL or 0. */
  flags: number;
  /** First and last address of the range, six bytes. */
  mc_min: Uint8Array;
  mc_max: Uint8Array;
  /** A driver acts on the first entry. */
  next: io_net_msg_mcast_t | null;
}

export type io_net_msg_t = io_net_msg_dl_advert_t | io_net_msg_mcast_t;

/** A packet with _NPKT_MSG. */
export class npkt_msg_t extends npkt_t {
  /** In C: what the packet's iov points to. */
  msg: io_net_msg_t | null = null;
}

/** A message to pass up with ion.tx_up_start: it comes back by tx_done, as every packet. */
export function makeUpMessage(msg: io_net_msg_t): npkt_msg_t {
  const npkt = new npkt_msg_t();
  npkt.flags = _NPKT_UP | _NPKT_MSG;
  npkt.ref_cnt = 1;
  npkt.msg = msg;
  return npkt;
}
