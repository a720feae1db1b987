// The driver of testing-driver.ts, the way up: a pool of packets of its own, the ring, and what comes back.

import { CACHE_INVAL } from './neutrino.ts';
import { _NPKT_BCAST, _NPKT_MCAST, _NPKT_MSG, _NPKT_UP, net_buf_t, type npkt_t, setSingle } from './npkt.ts';
import type { RxPacket, xx_dev } from './testing-driver-state.ts';

const BUFFER = 2048;

/** Makes the pool and fills the ring. False: no memory. */
export function xx_fill(xx: xx_dev): boolean {
  const { ion, card } = xx;
  for (let i = 0; i < xx.buffers + card.slots; i++) {
    const data = { value: 0 };
    const npkt = ion.alloc_up_npkt(BUFFER, data);
    if (npkt === null) return false;
    const packet: RxPacket = { npkt, buf: new net_buf_t(), address: data.value };
    npkt.org_data = packet;
    xx.pool.push(packet);
    xx.free.push(packet);
  }
  for (let i = 0; i < card.slots; i++) {
    const packet = xx.free.pop()!;
    xx.rx[i] = packet;
    card.rxAddress[i] = ion.mphys(packet.address);
  }
  return true;
}

/** All of it; nothing is with anybody else any more. */
export function xx_free(xx: xx_dev): void {
  xx.rx.fill(null);
  xx.free.length = 0;
  for (const { npkt } of xx.pool) xx.ion.free(npkt);
  xx.pool.length = 0;
}

export function xx_receive(xx: xx_dev): void {
  const { card, ion } = xx;
  let list: npkt_t | null = null;
  let last: npkt_t | null = null;
  while (card.rxLength[xx.rxNext] > 0) {
    const npkt = xx_take(xx);
    if (npkt === null) continue;
    if (last === null) list = npkt;
    else last.next = npkt;
    last = npkt;
  }
  if (list === null) return;
  let back = ion.tx_up_start(xx.reg_hdl.value, list, 0, 0, xx.cell.value, xx.endpoint.value, 0, xx);
  while (back !== null) {
    const { next }: npkt_t = back;
    back.next = null;
    xx.fn.recycle(back, xx, xx);
    back = next;
  }
}

/** The frame of the next slot, which gets a fresh buffer; null: there is none, and the frame is lost. */
export function xx_take(xx: xx_dev): npkt_t | null {
  const { card, ion, machine } = xx;
  const slot = xx.rxNext;
  const length = card.rxLength[slot];
  const packet = xx.rx[slot]!;
  xx.rxNext = (slot + 1) % card.slots;
  const fresh = length > BUFFER ? undefined : xx.free.pop();
  if (fresh === undefined) {
    xx.stats.rx_failed_allocs++;
    card.rxLength[slot] = 0;
    return null;
  }
  xx.rx[slot] = fresh;
  card.rxAddress[slot] = ion.mphys(fresh.address);
  card.rxLength[slot] = 0;
  CACHE_INVAL(null, packet.address, packet.address, length);
  const { npkt, buf } = packet;
  npkt.next = null;
  npkt.flags = _NPKT_UP;
  if ((machine.memory.u8[packet.address] & 1) !== 0)
    npkt.flags |= machine.memory.u8[packet.address] === 0xff ? _NPKT_BCAST : _NPKT_MCAST;
  npkt.ref_cnt = 1;
  setSingle(npkt, buf, packet.address, ion.mphys(packet.address), length);
  xx.stats.rxed_ok++;
  xx.stats.octets_rxed_ok += length;
  return npkt;
}

/** tx_done: a packet of its own is back. */
export function xx_recycle(npkt: npkt_t, _done_hdl: unknown, xx: xx_dev): number {
  if ((npkt.flags & _NPKT_MSG) === 0) xx.free.push(npkt.org_data as RxPacket);
  return 0;
}
