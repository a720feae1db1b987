// The packet header passed from one mbuf to another, when the first member of a packet changes or a packet is copied.

import { M_COPYFLAGS, M_PKTHDR, type Mbuf } from './mbuf.ts';

/** Gives `to` a copy of the packet header of `from`, packetLength included: whoever takes part of a packet corrects it. */
export function copyHeader(from: Mbuf, to: Mbuf): void {
  to.flags = (to.flags & ~M_COPYFLAGS) | (from.flags & M_COPYFLAGS);
  to.packetLength = from.packetLength;
  to.device = from.device;
  to.queue = from.queue;
  to.priority = from.priority;
  to.mark = from.mark;
  to.protocol = from.protocol;
  to.packetType = from.packetType;
  to.checksumFlags = from.checksumFlags;
  to.checksumStart = from.checksumStart;
  to.checksumOffset = from.checksumOffset;
  to.hash = from.hash;
  to.rxQueue = from.rxQueue;
  to.redirects = from.redirects;
  to.redirectedFrom = from.redirectedFrom;
  to.fromIngress = from.fromIngress;
  to.skipActions = from.skipActions;
  to.gsoSize = from.gsoSize;
  to.gsoSegments = from.gsoSegments;
  to.timestampNs = from.timestampNs;
}

/** Makes `to` the packet's first member in place of `from`, also in a queue. */
export function moveHeader(from: Mbuf, to: Mbuf): void {
  copyHeader(from, to);
  to.nextPacket = from.nextPacket;
  from.flags &= ~M_PKTHDR;
  from.nextPacket = null;
  from.device = null;
}
