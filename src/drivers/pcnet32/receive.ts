// Receiving: frames out of the receive ring and up the stack, and a buffer back into each descriptor. Data sheets 19436
// and 21510, "Receive Operation" and "Receive Descriptor Table Entry". Nothing the chip writes is trusted: the index is
// ours, the length is checked, and the work is bounded by the budget.

import { descriptorBytes, RMD1 } from '../../chips/pcnet/ring.ts';
import { copyBytes } from '../../kernel/copy.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import { NET_IP_ALIGN, NET_SKB_PAD } from '../../net/device.ts';
import { ETH_FCS_LEN, ETH_FRAME_LEN, ETH_HLEN } from '../../net/ether.ts';
import { type Adapter, RX_BUFFER_BYTES } from './adapter.ts';

const { ERR, FRAM, OFLO, CRC, BUFF, STP, ENP } = RMD1;
const WHOLE = (STP | ENP) >>> 0;
const VERDICT = (ERR | STP | ENP) >>> 0;

const LONGEST = RX_BUFFER_BYTES - ETH_FCS_LEN;
const ETH_P_8021Q = 0x8100;

/**
 * Takes up to `budget` descriptors that the chip has given back; returns how many. Softirq context with NAPI, hard
 * interrupt without. Lock not held.
 */
export function receive(a: Adapter, budget: number): number {
  const { rxRing, device } = a;
  const { dma } = a.pci;
  const { napi } = a.settings;
  const mask = rxRing.count - 1;
  const bytes = descriptorBytes(rxRing.style);
  let work = 0;
  while (work < budget) {
    const index = a.rxNext;
    dma.syncForCpu(rxRing.address + index * bytes, bytes);
    if (rxRing.owned(index)) break;
    const next = (index + 1) & mask;
    // A frame begins here and does not end here: until the chip is done with the next one too it is not whole. QEMU's chip
    // gives a descriptor back like that for a moment, and writes it a second time.
    if ((rxRing.status(index) & VERDICT) >>> 0 === STP && rxRing.owned(next)) break;
    a.rxNext = next;
    work++;
    const m = takeFrame(a, index);
    if (m === null) continue;
    if (napi) device.receive(m);
    else device.receiveBacklog(m);
  }
  return work;
}

/** The frame in descriptor `index`, or null when it is bad or there is no buffer; the descriptor goes back either way. */
function takeFrame(a: Adapter, index: number): Mbuf | null {
  const { rxRing, settings } = a;
  const status = rxRing.status(index);
  if ((status & VERDICT) >>> 0 !== WHOLE) {
    refuse(a, status);
    recycle(a, index);
    return null;
  }
  a.rxInFrame = false;
  const length = rxRing.messageBytes(index) - ETH_FCS_LEN;
  const buffer = a.rxBuffers[index]!;
  a.pci.dma.syncForCpu(buffer.data, length);
  if (length < ETH_HLEN || (length > ETH_FRAME_LEN && !isTagged(a, buffer, length))) {
    a.stats.rx_length_errors++;
    a.device.rx.errors++;
    recycle(a, index);
    return null;
  }
  return length <= settings.copybreak ? copySmall(a, index, buffer, length) : swap(a, index, buffer, length);
}

/** A VLAN tag makes four bytes more of the longest frame; length is the device's word and checked. */
function isTagged(a: Adapter, buffer: Mbuf, length: number): boolean {
  if (length > LONGEST) return false;
  const { u8 } = a.machine.memory;
  return ((u8[buffer.data + 12] << 8) | u8[buffer.data + 13]) === ETH_P_8021Q;
}

/** A short frame is copied, and its buffer serves the next one. */
function copySmall(a: Adapter, index: number, buffer: Mbuf, length: number): Mbuf | null {
  const { machine } = a;
  const { cpu, memory } = machine;
  // Whole ns: a fraction would be garbage on its way through the call.
  cpu.charge((cpu.profile.buffer + cpu.profile.copyByte * length) | 0);
  const m = machine.mbufs.gethdr();
  if (m !== null) {
    // The same alignment as in the buffer, so that the copy goes in words.
    m.data += NET_SKB_PAD + NET_IP_ALIGN;
    copyBytes(memory, buffer.data, memory, m.data, length);
    m.length = length;
    m.packetLength = length;
    m.device = a.device;
    a.stats.rx_copied++;
  } else noBuffer(a);
  recycle(a, index);
  return m;
}

/** A long frame goes up in its own buffer, but only when there is a new one for the descriptor. */
function swap(a: Adapter, index: number, buffer: Mbuf, length: number): Mbuf | null {
  const fresh = a.device.allocReceive();
  if (fresh === null) {
    noBuffer(a);
    recycle(a, index);
    return null;
  }
  a.rxBuffers[index] = fresh;
  recycle(a, index);
  buffer.length = length;
  buffer.packetLength = length;
  buffer.device = a.device;
  return buffer;
}

/** Gives the descriptor, with the buffer that belongs to it, back to the chip. */
function recycle(a: Adapter, index: number): void {
  const { data } = a.rxBuffers[index]!;
  a.pci.dma.syncForDevice(data, RX_BUFFER_BYTES);
  a.rxRing.prepare(index, data, RX_BUFFER_BYTES);
  // From here the controller owns the buffer.
  a.rxRing.give(index);
}

function noBuffer(a: Adapter): void {
  a.stats.rx_no_buffer++;
  a.device.rx.errors++;
}

/** Counts a descriptor that holds no good frame. A frame over several descriptors counts once, at its first. */
function refuse(a: Adapter, status: number): void {
  const { stats, device } = a;
  const starts = (status & STP) !== 0;
  const ends = (status & (ENP | ERR)) !== 0;
  const counted = a.rxInFrame && !starts;
  a.rxInFrame = !ends;
  if (counted) return;
  device.rx.errors++;
  if ((status & ERR) === 0) {
    // Longer than a buffer, or the rest of something that was.
    stats.rx_length_errors++;
    return;
  }
  // FRAM and CRC hold only in the last descriptor, and OFLO only in others ("RMD1").
  if ((status & CRC) !== 0) stats.rx_crc_errors++;
  if ((status & FRAM) !== 0) stats.rx_frame_errors++;
  if ((status & OFLO) !== 0) stats.rx_fifo_errors++;
  if ((status & BUFF) !== 0) stats.rx_buffer_errors++;
}
