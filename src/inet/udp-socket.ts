// A UDP socket: a bounded queue and a thread to wake, or a function that takes each datagram in softirq context.

import type { Thread } from '../kernel/thread.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { IP_TTL_DEFAULT } from './ipv4.ts';
import type { Route } from './route.ts';
import type { Udp } from './udp.ts';

/** Datagrams a socket keeps: Linux's default of 212,992 bytes is about as many small ones, since each counts a buffer. */
export const SOCKET_QUEUE = 256;

/** Takes a datagram whose data is the payload. Softirq context. */
export type DatagramFunction = (m: Mbuf, fromAddress: number, fromPort: number) => void;

export class UdpSocket {
  readonly port: number;
  /** int32; 0: any of ours. */
  readonly address: number;
  /** The device it is bound to (SO_BINDTODEVICE): hears that one's datagrams only; null: those of all. */
  readonly device: NetDevice | null;
  /** The next socket on the same port, of another device. For Udp only. */
  sibling: UdpSocket | null = null;
  /** Datagrams the queue keeps. */
  queueLimit = SOCKET_QUEUE;
  /** Takes datagrams at once, in softirq context, instead of the queue. */
  handler: DatagramFunction | null = null;
  /** Woken when a datagram comes. */
  reader: Thread | null = null;
  ttl = IP_TTL_DEFAULT;
  tos = 0;
  /** SO_PRIORITY: which band of a discipline what it sends takes. */
  priority = 0;
  /** False: sends without a checksum, as UDP over IPv4 may. */
  checksum = true;
  received = 0;
  sent = 0;
  /** Datagrams the full queue refused; errors that came back by ICMP. */
  overflows = 0;
  errors = 0;
  /** Who sent what `receive` returned last: int32, and the port. */
  fromAddress = 0;
  fromPort = 0;
  /** Where that was sent to, or what the handler was called with last: int32; one of ours, or a broadcast or group. */
  toAddress = 0;
  closed = false;
  /** Datagrams in the queue: they still start with their IP header. */
  queued = 0;
  private head: Mbuf | null = null;
  private tail: Mbuf | null = null;
  private readonly udp: Udp;

  /** Use `udp.open`. */
  constructor(udp: Udp, port: number, address: number, device: NetDevice | null) {
    this.udp = udp;
    this.port = port;
    this.address = address;
    this.device = device;
  }

  /** Keeps a datagram. Takes it; false: the queue is full and it is the caller's. For Udp only. */
  enqueue(m: Mbuf): boolean {
    if (this.queued >= this.queueLimit) {
      this.overflows++;
      return false;
    }
    m.nextPacket = null;
    if (this.tail === null) this.head = m;
    else this.tail.nextPacket = m;
    this.tail = m;
    this.queued++;
    this.reader?.wake();
    return true;
  }

  /** Returns the next datagram, its data the payload, or null. The caller owns it; fromAddress and fromPort say whose. */
  receive(): Mbuf | null {
    const m = this.head;
    if (m === null) return null;
    this.head = m.nextPacket;
    if (this.head === null) this.tail = null;
    m.nextPacket = null;
    this.queued--;
    this.udp.handOver(m, this);
    return m;
  }

  /** Sends a packet from `udp.alloc` to an int32 address. Takes it; false: it was dropped on the way out. */
  sendPacket(m: Mbuf, address: number, port: number): boolean {
    return this.udp.send(m, this, address, port);
  }

  /** Sends bytes. False: no buffer, no route, or too long. Process context. */
  send(bytes: Uint8Array, address: number, port: number): boolean {
    return this.udp.sendBytes(bytes, this, address, port);
  }

  /**
   * Sends a packet past the routing table, over `via`'s device from its source, to a station that need not answer ARP;
   * null: whoever has the address (255.255.255.255: all). Takes it; false: it was dropped on the way out.
   */
  sendVia(m: Mbuf, via: Route, address: number, port: number, station: Uint8Array | null): boolean {
    return this.udp.send(m, this, address, port, via, station);
  }

  /** Drops what waits. */
  close(): void {
    this.closed = true;
    this.udp.close(this);
  }

  /** Takes a queued datagram out, for close. */
  drain(): Mbuf | null {
    const m = this.head;
    if (m === null) return null;
    this.head = m.nextPacket;
    if (this.head === null) this.tail = null;
    m.nextPacket = null;
    this.queued--;
    return m;
  }
}
