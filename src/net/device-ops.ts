// What a driver gives its device and what it says about itself: interface flags, features, operations.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { TxQueue } from './tx-queue.ts';

/** Interface flags, as Linux and the BSDs number them. */
export const IFF_UP = 0x0001;
export const IFF_BROADCAST = 0x0002;
export const IFF_RUNNING = 0x0040;
export const IFF_PROMISC = 0x0100;
export const IFF_ALLMULTI = 0x0200;
export const IFF_MULTICAST = 0x1000;
/** @public */
export const IFF_FLAGS = {
  UP: IFF_UP,
  BROADCAST: IFF_BROADCAST,
  RUNNING: IFF_RUNNING,
  PROMISC: IFF_PROMISC,
  ALLMULTI: IFF_ALLMULTI,
  MULTICAST: IFF_MULTICAST,
} as const;

/** What the hardware can do so that software need not: scatter-gather, checksums, segmentation. */
export const NETIF_F_SG = 0x0001;
export const NETIF_F_IP_CSUM = 0x0002;
/** It cuts TCP over IPv4 and IPv6 into segments itself (TSO). */
export const NETIF_F_TSO = 0x0004;
/** startXmit needs no lock of the queue: it has its own, or none. */
export const NETIF_F_LLTX = 0x0008;

/** Headroom for the Ethernet header and 2 bytes so that what follows it is word-aligned (NET_SKB_PAD, NET_IP_ALIGN). */
export const NET_SKB_PAD = 32;
export const NET_IP_ALIGN = 2;

/** What startXmit answers. */
export const NETDEV_TX_OK = true;
export const NETDEV_TX_BUSY = false;

/** What a driver does for its device. All of it runs in process context unless said. */
export interface NetDeviceOps {
  /** Brings the hardware up; starts the queues. Throws with what is wrong and leaves nothing behind. */
  open(): void;
  /** Halts the hardware and frees what open took, packets in the rings included. */
  stop(): void;
  /**
   * Any context but hard interrupt. Takes the packet and returns NETDEV_TX_OK; or returns NETDEV_TX_BUSY and takes
   * nothing, which a driver that stops its queue in time never needs. Rings the doorbell unless device.xmitMore.
   */
  startXmit?(m: Mbuf, queue: number): boolean;
  /**
   * In place of startXmit (if_start of the BSDs), same contexts: there may be packets, and the driver takes them itself
   * with `queue.pull()` until that gives null or its ring is full. The queue needs a discipline.
   */
  start?(queue: TxQueue): void;
  /** The queue for a packet; below 0: the device layer chooses. */
  selectQueue?(m: Mbuf): number;
  /** Promiscuous, all-multicast or the multicast list changed. */
  setRxMode?(): void;
  /** The station address changed. */
  setMacAddress?(): void;
  /** Softirq: nothing has left queue `queue` for the watchdog's time. */
  txTimeout?(queue: number): void;
  changeMtu?(mtu: number): void;
  /** Packets in the driver's hands: taken by startXmit, not yet given to transmitDone or drop. */
  held?(): number;
  /** ethtool -d: registers as words, for `registerNames`. */
  registerDump?(): RegisterDump;
  /** ethtool -t offline: what failed; empty when all is well. */
  selfTest?(): string[];
  /** ethtool -S: the driver's own counters by name. */
  driverStats?(): Record<string, number>;
}

/** Lends a packet with its Ethernet header in front; false: the hook has taken and counted it. */
export type PacketHook = (m: Mbuf) => boolean;

/** Queues `offset` to `offset + count - 1`. */
export interface QueueRange {
  count: number;
  offset: number;
}

export interface RegisterDump {
  readonly registers: readonly { readonly name: string; readonly value: number; readonly text: string }[];
}

/** Counters of one direction. */
export interface DeviceCounters {
  packets: number;
  bytes: number;
  errors: number;
  multicast: number;
}

/** Ethernet link as the driver reports it. */
export interface LinkState {
  bitsPerSecond: number;
  fullDuplex: boolean;
}
