// The way up: a pool of packets of the driver's own, the ring, and what comes back by tx_done. Data sheets AMD 19436 and
// 21510, "Receive Descriptors".

import { RMD1 } from '../../chips/pcnet/ring.ts';
import { CSR } from '../../chips/pcnet/sheet.ts';
import { CACHE_INVAL } from '../../ionet/neutrino.ts';
import {
  _NPKT_BCAST,
  _NPKT_MCAST,
  _NPKT_MSG,
  _NPKT_UP,
  net_buf_t,
  type npkt_t,
  setSingle,
} from '../../ionet/npkt.ts';
import { ETH_FCS_LEN, ETH_FRAME_LEN, ETH_HLEN } from '../../net/ether.ts';
import { GONE } from './registers.ts';
import { type pcnet_t, RX_BYTES, type rx_packet } from './state.ts';

const { ERR, FRAM, OFLO, CRC, STP, ENP } = RMD1;
const WHOLE = (STP | ENP) >>> 0;
const VERDICT = (ERR | STP | ENP) >>> 0;
const LONGEST = RX_BYTES - ETH_FCS_LEN;
const ETH_P_8021Q = 0x8100;
const BUFFER_BYTES = 2048;

/** A packet for each descriptor, and as many that may be on their way. False: no memory; pcnet_rx_free what there is. */
export function pcnet_rx_fill(pcnet: pcnet_t): boolean {
  const { ion, pool, spare, rx } = pcnet;
  const { count } = pcnet.rx_ring;
  const data = { value: 0 };
  for (let i = 0; i < 2 * count; i++) {
    const npkt = ion.alloc_up_npkt(BUFFER_BYTES, data);
    if (npkt === null) return false;
    const packet = { npkt, buf: new net_buf_t(), address: data.value, phys: ion.mphys(data.value) };
    npkt.org_data = packet;
    pool.push(packet);
    if (i < count) rx.push(packet);
    else spare.push(packet);
  }
  return true;
}

/** The whole pool: nobody has a packet of it any more. */
export function pcnet_rx_free(pcnet: pcnet_t): void {
  for (const { npkt } of pcnet.pool) pcnet.ion.free(npkt);
  pcnet.pool.length = pcnet.spare.length = pcnet.rx.length = 0;
}

/** Gives the descriptor, with the buffer that belongs to it, to the chip. */
export function pcnet_rx_give(pcnet: pcnet_t, index: number): void {
  pcnet.rx_ring.prepare(index, pcnet.rx[index].phys, RX_BYTES);
  pcnet.rx_ring.give(index);
}

/** tx_done of the registrant: a packet of the driver's own is back. */
export function pcnet_tx_done(npkt: npkt_t, _done_hdl: unknown, pcnet: pcnet_t): number {
  if ((npkt.flags & _NPKT_MSG) === 0) pcnet.spare.push(npkt.org_data as rx_packet);
  return 0;
}

/** Passes up what the chip has given back, as one list: at most once around the ring. The thread's. */
export function pcnet_receive(pcnet: pcnet_t): void {
  const { rx_ring: ring, ion } = pcnet;
  const { dma } = pcnet.pci;
  const mask = ring.count - 1;
  let list: npkt_t | null = null;
  let last: npkt_t | null = null;
  for (let i = 0; i <= mask; i++) {
    const index = pcnet.rx_next;
    dma.syncForCpu(ring.address, 16);
    if (ring.owned(index)) break;
    let status = ring.status(index);
    const next = (index + 1) & mask;
    // A frame begins here and does not end here: until the chip is done with the next one too it is not whole.
    if ((status & VERDICT) >>> 0 === STP) {
      if (ring.owned(next)) break;
      status = ring.status(index);
    }
    pcnet.rx_next = next;
    const npkt = (status & VERDICT) >>> 0 === WHOLE ? take(pcnet, index) : refuse(pcnet, status);
    pcnet_rx_give(pcnet, index);
    if (npkt === null) continue;
    if (last === null) list = npkt;
    else last.next = npkt;
    last = npkt;
  }
  if (list === null) return;
  let back = ion.tx_up_start(
    pcnet.reg_hdl.value,
    list,
    0,
    0,
    pcnet.cell.value,
    pcnet.endpoint.value,
    0,
    pcnet,
  );
  while (back !== null) {
    const { next }: npkt_t = back;
    back.next = null;
    pcnet_tx_done(back, pcnet, pcnet);
    back = next;
  }
}

/** The frame of a descriptor, which gets another buffer; null: it is refused, and the buffer stays. */
function take(pcnet: pcnet_t, index: number): npkt_t | null {
  const { stats, spare } = pcnet;
  const { u8 } = pcnet.dispatch.machine.memory;
  const packet = pcnet.rx[index];
  const { npkt, buf, address, phys } = packet;
  const length = pcnet.rx_ring.messageBytes(index) - ETH_FCS_LEN;
  pcnet.rx_in_frame = false;
  CACHE_INVAL(null, address, phys, length);
  const tagged = length <= LONGEST && ((u8[address + 12] << 8) | u8[address + 13]) === ETH_P_8021Q;
  if (length < ETH_HLEN || (length > ETH_FRAME_LEN && !tagged)) {
    if (length < ETH_HLEN) stats.un_estats.short_packets++;
    else stats.un_estats.oversized_packets++;
    pcnet.events.rx_dropped++;
    return null;
  }
  const fresh = spare.pop();
  if (fresh === undefined) {
    stats.rx_failed_allocs++;
    pcnet.events.rx_dropped++;
    return null;
  }
  pcnet.rx[index] = fresh;
  npkt.next = null;
  npkt.flags = _NPKT_UP;
  npkt.ref_cnt = 1;
  setSingle(npkt, buf, address, phys, length);
  if ((u8[address] & 1) !== 0) countGroup(pcnet, npkt, u8, address);
  stats.rxed_ok++;
  stats.octets_rxed_ok += length;
  return npkt;
}

function countGroup({ stats }: pcnet_t, npkt: npkt_t, u8: Uint8Array, at: number): void {
  let every = 0xff;
  for (let i = 0; i < 6; i++) every &= u8[at + i];
  if (every === 0xff) {
    npkt.flags |= _NPKT_BCAST;
    stats.rxed_broadcast++;
  } else {
    npkt.flags |= _NPKT_MCAST;
    stats.rxed_multicast++;
  }
}

/** Counts a descriptor that holds no good frame. A frame over several descriptors counts once, at its first. */
function refuse(pcnet: pcnet_t, status: number): null {
  const { un_estats } = pcnet.stats;
  const starts = (status & STP) !== 0;
  const counted = pcnet.rx_in_frame && !starts;
  pcnet.rx_in_frame = (status & (ENP | ERR)) === 0;
  if (counted) return null;
  pcnet.events.rx_dropped++;
  if ((status & ERR) === 0) un_estats.oversized_packets++;
  if ((status & FRAM) !== 0) un_estats.align_errors++;
  else if ((status & CRC) !== 0) un_estats.fcs_errors++;
  if ((status & OFLO) !== 0) un_estats.internal_rx_errors++;
  return null;
}

/** Frames in the ring of a chip that was halted: nobody takes them any more. */
export function pcnet_rx_left(pcnet: pcnet_t): number {
  const { rx_ring: ring } = pcnet;
  let frames = 0;
  for (let i = 0; i < ring.count; i++) {
    const index = (pcnet.rx_next + i) & (ring.count - 1);
    if (ring.owned(index)) break;
    if ((ring.status(index) & STP) !== 0) frames++;
  }
  return frames;
}

/** Adds what the chip counted as missed since the last time (CSR112). */
export function pcnet_count_missed(pcnet: pcnet_t): void {
  const count = pcnet.regs.readCsr(CSR.MFC);
  // All ones: gone, or a coincidence that the next reading makes good.
  if (count === GONE) return;
  pcnet.stats.un_estats.internal_rx_errors += (count - pcnet.missed) & 0xffff;
  pcnet.missed = count;
}
