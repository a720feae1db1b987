// The mbuf: one member of a packet's chain, after mbuf(9) of the BSDs. Each has 256 bytes of its own storage in the
// machine's physical memory; with M_EXT its bytes lie in a 2 KiB cluster or in storage that somebody else owns. Left out:
// mbuf types (every one here holds data), tags, and per-thread caches.
//
//   one packet             m (M_PKTHDR)               m.next
//                   +----------------------+   +----------------------+
//    previous  ---> | packetLength, device |-->|                      |--> null      nextPacket: the queue's next packet
//                   +----------------------+   +----------------------+
//   storage         start       data                 data + length        start + size
//                     | leading  | bytes of the packet     | trailing space  |
//
// The packet header is a set of fields of the first mbuf, so it takes no storage: MHLEN equals MLEN.

import type { MbufPool } from './pool.ts';

/** Bytes of storage inside a mbuf, all of them usable. */
export const MSIZE = 256;
export const MLEN = MSIZE;
/** The most that pullup makes contiguous. */
export const MHLEN = MSIZE;
/** A cluster: an Ethernet frame with headroom fits. */
export const MCLBYTES = 2048;
/** "To the end of the chain", for copym. */
export const M_COPYALL = 1_000_000_000;
/**
 * Bytes that senders leave free in front of a packet: the Ethernet header (14) and 50 bytes of VXLAN encapsulation
 * (VXLAN 8, UDP 8, IPv4 20, outer Ethernet 14). Also a cache line, so data still starts on one.
 */
export const HEADROOM = 64;

// Flags of a mbuf; values as in NetBSD where it has them.
/** Bytes lie in a cluster or external storage, not in the mbuf. */
export const M_EXT = 0x0001;
/** First of a packet: the header fields hold. */
export const M_PKTHDR = 0x0002;
/** End of a record. */
export const M_EOR = 0x0004;
/** Came back from the machine itself. */
export const M_LOOP = 0x0040;
/** Sent or received as a link-level broadcast. */
export const M_BCAST = 0x0100;
/** Sent or received as a link-level multicast. */
export const M_MCAST = 0x0200;
/** The frame check sequence is still behind the data. */
export const M_HASFCS = 0x1000;
/** For somebody else; received because the device listens to everything. */
export const M_PROMISC = 0x2000;
/** The storage must not be written, however few refer to it. */
export const M_RDONLY = 0x0400_0000;
/** In the pool. Set and cleared by the pool only. */
export const M_FREE = 0x2000_0000;
/** What a copy of the packet header takes along. */
export const M_COPYFLAGS = M_PKTHDR | M_EOR | M_LOOP | M_BCAST | M_MCAST | M_HASFCS | M_PROMISC;

// checksumFlags. Sending: what the device is to fill in. Receiving: what it has checked, and with BAD that it was wrong.
/** @public */
export const M_CSUM_TCPv4 = 0x0001;
export const M_CSUM_UDPv4 = 0x0002;
export const M_CSUM_TCP_UDP_BAD = 0x0004;
/** @public */
export const M_CSUM_TCPv6 = 0x0010;
/** @public */
export const M_CSUM_UDPv6 = 0x0020;
export const M_CSUM_IPv4 = 0x0040;
export const M_CSUM_IPv4_BAD = 0x0080;

// packetType: for whom the frame is. Values as in Linux.
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;
/** @public */
export const PACKET_LOOPBACK = 5;

export class Mbuf {
  /** The pool it came from and goes back to. */
  readonly pool: MbufPool;
  /** Number in the pool, for tables that go with mbufs. */
  readonly index: number;
  /** Physical address of its own storage. */
  readonly home: number;

  /** Next member of the packet. */
  next: Mbuf | null = null;
  /** First member of the next packet of a queue; only the first member's counts. */
  nextPacket: Mbuf | null = null;
  /** Physical address of the first byte. */
  data: number;
  /** Bytes of the packet in this member; 0 is allowed. */
  length = 0;
  flags = M_FREE;
  /** Physical address and bytes of the storage that data lies in. */
  start: number;
  size = MLEN;
  /** Which of the pool's shared storages that is; -1: its own. Set by the pool only. */
  storage = -1;

  // The packet header: holds when M_PKTHDR is set.
  /** Sum of the members' lengths. */
  packetLength = 0;
  /** Device it was received on (rcvif), or is being sent on. */
  device: object | null = null;
  /** Queue of the device. */
  queue = 0;
  priority = 0;
  mark = 0;
  /** Ethernet type, in host order. */
  protocol = 0;
  packetType = PACKET_HOST;
  checksumFlags = 0;
  /** Where the transport header starts, in bytes from the start of the network header. */
  checksumStart = 0;
  /** Where the checksum lies, in bytes from the start of the transport header. */
  checksumOffset = 0;
  /** Hash of the flow, as an int32. */
  hash = 0;
  /** Receive queue it came from, counted from 1; 0: none, or not known. */
  rxQueue = 0;
  /** Times it was redirected from one device to another. */
  redirects = 0;
  /** The device that redirected it last, on its way in or out of it; null: none, or it is back there (ifb). */
  redirectedFrom: object | null = null;
  fromIngress = false;
  /** It has the actions behind it that sent it to an ifb: they are left out once (tc_skip_classify). */
  skipActions = false;
  /** Bytes of payload in each segment that it is to be cut into before it leaves, and their number; 0: it is not. */
  gsoSize = 0;
  gsoSegments = 0;

  /** `home`: physical address of MSIZE bytes. */
  constructor(pool: MbufPool, index: number, home: number) {
    this.pool = pool;
    this.index = index;
    this.home = home;
    this.data = home;
    this.start = home;
  }

  /** Time in ns, of the packet header. Kept in a Float64Array: a field would box every number it is given. */
  get timestampNs(): number {
    return this.pool.timestamps[this.index];
  }

  set timestampNs(timeNs: number) {
    this.pool.timestamps[this.index] = timeNs;
  }

  /** Nobody else refers to the storage, and it is not read-only. */
  get writable(): boolean {
    return (this.flags & M_RDONLY) === 0 && (this.storage < 0 || this.pool.references[this.storage] === 1);
  }

  /** Bytes that may be written in front of the data; 0 when the storage is not writable. */
  get leadingSpace(): number {
    return this.writable ? this.data - this.start : 0;
  }

  /** Bytes that may be written behind the data; 0 when the storage is not writable. */
  get trailingSpace(): number {
    return this.writable ? this.start + this.size - this.data - this.length : 0;
  }

  /** Leaves `bytes` free in front of the data of a mbuf that has none yet. */
  reserve(bytes: number): void {
    if (this.length !== 0 || bytes < 0 || this.data + bytes > this.start + this.size) {
      throw new RangeError(`cannot reserve ${bytes} bytes in ${describe(this)}`);
    }
    this.data += bytes;
  }

  /** Puts the data of an empty mbuf so that `bytes` of it end where the storage ends, starting on a word boundary. */
  align(bytes: number): void {
    if (this.length !== 0 || bytes < 0 || bytes > this.size) {
      throw new RangeError(`cannot align ${bytes} bytes in ${describe(this)}`);
    }
    this.data = this.start + ((this.size - bytes) & ~3);
  }
}

/** Number, place and flags of a mbuf, for messages. */
export function describe(m: Mbuf): string {
  const kind = m.storage < 0 ? 'own storage' : `storage ${m.storage}`;
  const bytes = `${m.length} bytes at 0x${m.data.toString(16)}`;
  return `mbuf ${m.index} (${bytes}, ${kind} 0x${m.start.toString(16)}+${m.size}, flags 0x${m.flags.toString(16)})`;
}
