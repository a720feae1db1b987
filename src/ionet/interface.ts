// The two halves of io-net's driver interface: what a driver gives (io_net_dll_entry, a registrant and its functions) and
// what it is given (io_net_self_t, `ion`). After the Network DDK; numbers that no manual gives are this project's own.
// A driver calls `ion` through the pointer that init was given, never through a copy: the entries may change.

import type { Machine } from '../kernel/machine.ts';
import type { npkt_t } from './npkt.ts';

/** A pointer to a result. */
export interface Ref<T> {
  value: T;
}

// Registrant flags.
export const _REG_PRODUCER_UP = 1;
/** The interface number is in the registrant's `endpoint`. */
export const _REG_ENDPOINT = 2;
/** It is in the argument `endpoint` of reg. */
export const _REG_ENDPOINT_ARG = 4;
/** Group addresses come as messages by rx_down. */
export const _REG_TRACK_MCAST = 8;

/** Results of rx_down and tx_down. */
export const TX_DOWN_OK = 0;
export const TX_DOWN_FAILED = 1;
export const TX_DOWN_AGAIN = 2;

// devctl commands.
/** nic_config_t. */
export const DCMD_IO_NET_GET_CONFIG = 1;
/** nic_stats_t. */
export const DCMD_IO_NET_GET_STATS = 2;
/** int: 1 on, 0 off. */
export const DCMD_IO_NET_PROMISCUOUS = 3;
/** io_net_msg_mcast_t. */
export const DCMD_IO_NET_CHANGE_MCAST = 4;
/** Reap what has been sent. */
export const DCMD_IO_NET_TX_FLUSH = 5;
export const DCMD_IO_NET_MIIPHY = 6;

/** What the manager knows a loaded driver by. */
export type dll_handle_t = object;

/**
 * dispatch_t *. A driver in C has the address space of its process; here it has the machine: memory, clock, CPU.
 */
export interface dispatch_t {
  readonly machine: Machine;
}

/** io_net_registrant_funcs_t. A registrant leaves null what it has not got. */
export interface io_net_registrant_funcs_t<F = unknown> {
  /** Number of entries: 8. */
  readonly nfuncs: number;
  /** For who consumes up packets: null in a driver. */
  rx_up: null;
  /** A packet or a list to send. TX_DOWN_OK, or TX_DOWN_FAILED after _NPKT_NOT_TXED and tx_done. */
  rx_down: ((npkt: npkt_t, func_hdl: F) => number) | null;
  /** An up packet of the driver's own is back, ref_cnt 0. Any thread. */
  tx_done: ((npkt: npkt_t, done_hdl: unknown, func_hdl: F) => number) | null;
  /** Last transmits; an errno refuses. */
  shutdown1: ((reg_hdl: number, func_hdl: F) => number) | null;
  /** Stop the hardware, end threads, free. */
  shutdown2: ((reg_hdl: number, func_hdl: F) => number) | null;
  /** Send the advert, now. */
  dl_advert: ((reg_hdl: number, func_hdl: F) => number) | null;
  /** EOK and the size of what was filled in in `ret`, or an errno; unknown ENOTSUP. */
  devctl:
    | ((func_hdl: F, dcmd: number, data: unknown, size: number, ret: Ref<number> | null) => number)
    | null;
  /** Drop what is queued for sending, tx_done each. */
  flush: ((reg_hdl: number, func_hdl: F) => number) | null;
  /** Opens of the raw device: nobody opens it here. */
  raw_open: null;
}

export interface io_net_registrant_t<F = unknown> {
  /** _REG_*. */
  flags: number;
  /** Of the driver: `devn-xx.so`. */
  name: string;
  /** `en`, or what uptype= says. */
  top_type: string;
  bot_type: null;
  func_hdl: F;
  funcs: io_net_registrant_funcs_t<F>;
  /** With _REG_ENDPOINT: the N of enN. */
  endpoint: number;
}

/** io_net_self_t. */
export interface io_net_self_t {
  /**
   * Registers an interface; before any other call, once an interface. EOK, or -1 and errno: EEXIST the number is taken,
   * ENOTSUP not a driver.
   */
  reg<F>(
    dll_hdl: dll_handle_t,
    registrant: io_net_registrant_t<F>,
    reg_hdl: Ref<number>,
    cell: Ref<number>,
    endpoint: Ref<number>,
  ): number;
  /** Takes an interface of the driver's own away. EOK, or -1 and errno. */
  dereg(reg_hdl: number): number;
  /** Address of `size` bytes that a device can reach, on cache lines of their own; 0 and errno ENOMEM. */
  alloc(size: number, flags: number): number;
  /** Frees what alloc or alloc_up_npkt gave. */
  free(ptr: number | npkt_t): void;
  /** Physical address of what alloc gave. */
  mphys(ptr: number): number;
  /** A packet, and `size` bytes that belong to it (0: none). Null and errno ENOMEM. */
  alloc_up_npkt(size: number, data: Ref<number>): npkt_t | null;
  /** A packet with room for completion records of every registrant, and `size` bytes. */
  alloc_down_npkt(reg_hdl: number, size: number, data: Ref<number>): npkt_t | null;
  /**
   * Asks for tx_done with `done_hdl` and passes a list up. Returns what nobody took, which the caller recycles; null: all
   * is taken. `off` and `framelen_sub`: 0 is the only value here.
   */
  tx_up_start(
    reg_hdl: number,
    npkt: npkt_t,
    off: number,
    framelen_sub: number,
    cell: number,
    endpoint: number,
    iface: number,
    done_hdl: unknown,
  ): npkt_t | null;
  /** The same for one packet whose tx_done was asked for by reg_tx_done. Returns the number of takers. */
  tx_up(
    reg_hdl: number,
    npkt: npkt_t,
    off: number,
    framelen_sub: number,
    cell: number,
    endpoint: number,
    iface: number,
  ): number;
  /** For modules above others: ENOTSUP here. */
  tx_down(reg_hdl: number, npkt: npkt_t): number;
  /** The driver has finished with a packet it was given to send. */
  tx_done(reg_hdl: number, npkt: npkt_t): number;
  /** Asks for tx_done of an up packet. EOK. */
  reg_tx_done(reg_hdl: number, npkt: npkt_t, done_hdl: unknown): number;
  /** Asks another registrant: ENOTSUP here. */
  devctl(reg_hdl: number, dcmd: number, data: unknown, size: number, ret: Ref<number> | null): number;
  raw_devctl(reg_hdl: number, dcmd: number, data: unknown, size: number, ret: Ref<number> | null): number;
  /** Byte patterns choose consumers of up packets: ENOTSUP here. */
  reg_byte_pat(reg_hdl: number, off: number, len: number, pattern: Uint8Array, flags: number): number;
  dereg_byte_pat(reg_hdl: number, off: number, len: number, pattern: Uint8Array, flags: number): number;
  /**
   * Copies the packet's bytes from `off` on to `dst`; returns how many. The manual at hand gives the name alone; the order
   * of its arguments is this project's.
   */
  memcpy_from_npkt(dst: number, npkt: npkt_t, off: number, len: number): number;
}

/** io_net_dll_entry_t: the symbol io_net_dll_entry of a driver's file. */
export interface io_net_dll_entry_t {
  /** 2. */
  readonly nfuncs: number;
  /** Finds hardware, registers, advertises. 0, or -1 and errno. */
  readonly init: (
    dll_hdl: dll_handle_t,
    dispatch: dispatch_t,
    ion: io_net_self_t,
    options: string | null,
  ) => number;
  /** After all registrants are closed. */
  readonly shutdown: ((dll_hdl: dll_handle_t) => number) | null;
}
