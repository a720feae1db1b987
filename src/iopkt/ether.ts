// Ethernet: struct ethercom, ether_ifattach, the way in (ether_input), and the list of group addresses. After
// if_ethersubr of NetBSD and ethersubr(9).

import { SOFTIRQ } from '../kernel/cpu.ts';
import { M_BCAST, M_HASFCS, M_MCAST, M_PKTHDR, type Mbuf } from '../mbuf/mbuf.ts';
import { DROP_IF_DOWN, DROP_IF_OWN_FRAME, DROP_IF_TOO_BIG } from '../net/drop-reason.ts';
import {
  BROADCAST_ADDRESS,
  ETH_ALEN,
  ETH_DATA_LEN,
  ETH_FCS_LEN,
  ETH_HLEN,
  isValidStation,
} from '../net/ether.ts';
import { EINVAL, ENETDOWN, ENETRESET, ENXIO, EOK } from './errno.ts';
import { DLT_EN10MB, ETHERCAP_JUMBO_MTU, IFF_SIMPLEX, IFF_UP, IFT_ETHER } from './flags.ts';
import { ifnet } from './ifnet.ts';
import { announce } from './net-device.ts';
import { current, IN_STACK, ruleError, WITH_INPUT, WITH_MBUFS } from './self.ts';
import type { ifreq } from './sockio.ts';
import { letGo } from './tx-ledger.ts';

/** @public */
export const ETHER_ADDR_LEN = ETH_ALEN;
/** @public */
export const ETHER_HDR_LEN = ETH_HLEN;
/** @public */
export const ETHER_CRC_LEN = ETH_FCS_LEN;
export const ETHERMTU = ETH_DATA_LEN;
export const ETHERMTU_JUMBO = 9000;
/** Shortest if_mtu: what is left of the shortest frame. */
export const ETHERMIN = 46;
export const ETHER_VLAN_ENCAP_LEN = 4;
const DEFAULT_BAUDRATE = 10_000_000;

/** A range of group addresses, nearly always one. Not a single one: the driver receives all groups. */
export interface ether_multi {
  readonly enm_addrlo: Uint8Array;
  readonly enm_addrhi: Uint8Array;
  enm_refcount: number;
}

/** struct ethercom: the first member of an Ethernet driver's softc after its device. */
export class ethercom {
  readonly ec_if: ifnet = new ifnet();
  readonly ec_multiaddrs: ether_multi[] = [];
  ec_capabilities = 0;
  ec_capenable = 0;
  /** Flags changed while UP and RUNNING: EOK, or ENETRESET for if_init. */
  ec_ifflags_cb: ((ec: ethercom) => number) | null = null;

  constructor() {
    this.ec_if.if_ethercom = this;
  }
}

/** Makes it an Ethernet interface with this station address, and announces it. After if_attach. Stack context. */
export function ether_ifattach(ifp: ifnet, lla: Uint8Array): void {
  const io = current(IN_STACK, 'ether_ifattach');
  if (ifp.if_netdev === null)
    throw ruleError(io, 'manual', `ether_ifattach of ${ifp.if_xname} before if_attach`);
  if (ifp.if_ethercom === null)
    throw ruleError(
      io,
      'manual',
      `ether_ifattach of ${ifp.if_xname}: it is not the ec_if of a struct ethercom`,
    );
  if (!isValidStation(lla))
    throw ruleError(
      io,
      'N16',
      `ether_ifattach of ${ifp.if_xname}: ${[...lla].join(',')} is not a station's address`,
    );
  ifp.if_type = IFT_ETHER;
  ifp.if_addrlen = ETH_ALEN;
  ifp.if_hdrlen = ETH_HLEN;
  ifp.if_dlt = DLT_EN10MB;
  ifp.if_mtu = ETH_DATA_LEN;
  ifp.if_output = ether_output;
  ifp.if_input = ether_input;
  if (ifp.if_baudrate === 0) ifp.if_baudrate = DEFAULT_BAUDRATE;
  ifp.if_sadl.set(lla);
  ifp.if_broadcastaddr = BROADCAST_ADDRESS.slice();
  const device = ifp.if_netdev;
  device.mtu = ETH_DATA_LEN;
  device.maxMtu = maxMtu(ifp);
  device.link = { bitsPerSecond: ifp.if_baudrate, fullDuplex: device.link.fullDuplex };
  announce(io, ifp);
}

/** Undoes it: group addresses are forgotten. Before if_detach. Stack context. */
export function ether_ifdetach(ifp: ifnet): void {
  current(IN_STACK, 'ether_ifdetach');
  if (ifp.if_ethercom !== null) ifp.if_ethercom.ec_multiaddrs.length = 0;
}

export function maxMtu(ifp: ifnet): number {
  const { ec_capabilities } = ifp.if_ethercom!;
  return (ec_capabilities & ETHERCAP_JUMBO_MTU) !== 0 ? ETHERMTU_JUMBO : ETHERMTU;
}

// ---- packets

/** if_input: takes a received packet that starts with its Ethernet header. */
export function ether_input(ifp: ifnet, m: Mbuf): void {
  const io = current(WITH_INPUT, 'if_input');
  const { machine } = io;
  const device = ifp.if_netdev;
  io.inputs++;
  if (device === null || m.device !== device || (m.flags & M_PKTHDR) === 0 || m.length < 1 || !wholeLength(m))
    throw ruleError(io, 'P08', `if_input of ${ifp.if_xname}: ${inputProblem(ifp, m)}`);
  if (ifp.if_snd_ex!.owner !== null)
    throw ruleError(io, 'P10', `if_input of ${ifp.if_xname} with if_snd_ex held: start() may be next`);
  if (io.holders[m.index] !== 0) letGo(io, m);
  const fcs = (m.flags & M_HASFCS) !== 0 ? ETH_FCS_LEN : 0;
  let reason = -1;
  if ((ifp.if_flags & IFF_UP) === 0) reason = DROP_IF_DOWN;
  else if (m.packetLength > ifp.if_mtu + ETH_HLEN + ETHER_VLAN_ENCAP_LEN + fcs) reason = DROP_IF_TOO_BIG;
  else {
    const { u8 } = machine.memory;
    if ((u8[m.data] & 1) !== 0) {
      m.flags |= isBroadcast(u8, m.data) ? M_BCAST : M_MCAST;
      if ((ifp.if_flags & IFF_SIMPLEX) === 0 && isFrom(u8, m.data + ETH_ALEN, ifp.if_sadl))
        reason = DROP_IF_OWN_FRAME;
    }
  }
  if (reason >= 0) {
    device.rx.packets++;
    device.rx.bytes += m.packetLength;
    device.drop(m, reason);
    return;
  }
  if (fcs > 0) {
    machine.mbufs.adj(m, -fcs);
    m.flags &= ~M_HASFCS;
  }
  // A thread of a driver wakes a worker; the others have the stack at hand.
  if (machine.cpu.context === SOFTIRQ) device.receive(m);
  else device.receiveBacklog(m);
}

function wholeLength(m: Mbuf): boolean {
  let left = m.packetLength;
  for (let part: Mbuf | null = m; part !== null; part = part.next) left -= part.length;
  return left === 0;
}

function inputProblem(ifp: ifnet, m: Mbuf): string {
  if (ifp.if_netdev === null) return 'it is detached';
  if (m.device !== ifp.if_netdev) return 'rcvif is not this interface (m_set_rcvif)';
  if ((m.flags & M_PKTHDR) === 0) return 'the mbuf has no packet header';
  if (m.length < 1) return 'the first mbuf is empty';
  return `m_pkthdr.len is ${m.packetLength}, which is not the sum of m_len`;
}

function isBroadcast(u8: Uint8Array, at: number): boolean {
  return (u8[at] & u8[at + 1] & u8[at + 2] & u8[at + 3] & u8[at + 4] & u8[at + 5]) === 0xff;
}

function isFrom(u8: Uint8Array, at: number, address: Uint8Array): boolean {
  for (let i = 0; i < ETH_ALEN; i++) if (u8[at + i] !== address[i]) return false;
  return true;
}

/** if_output: takes a packet with its Ethernet header. ENETDOWN: the interface is not up; counted and dropped like others. */
export function ether_output(ifp: ifnet, m: Mbuf): number {
  const io = current(WITH_MBUFS, 'if_output');
  if (ifp.if_netdev === null) {
    io.machine.mbufs.freem(m);
    return ENXIO;
  }
  const { up } = ifp;
  ifp.if_netdev.transmit(m);
  return up ? EOK : ENETDOWN;
}

// ---- group addresses

/** Adds a range; ENETRESET when the driver's filter must change, EINVAL when it is not of group addresses. */
export function ether_addmulti(request: ifreq, ec: ethercom): number {
  const range = rangeOf(request);
  if (range === null) return EINVAL;
  const known = find(ec, range.low, range.high);
  if (known !== undefined) {
    known.enm_refcount++;
    return EOK;
  }
  ec.ec_multiaddrs.push({ enm_addrlo: range.low, enm_addrhi: range.high, enm_refcount: 1 });
  return ENETRESET;
}

/** Takes it away; ENETRESET when the filter must change, ENXIO when it is not there. */
export function ether_delmulti(request: ifreq, ec: ethercom): number {
  const range = rangeOf(request);
  if (range === null) return EINVAL;
  const known = find(ec, range.low, range.high);
  if (known === undefined) return ENXIO;
  if (--known.enm_refcount > 0) return EOK;
  ec.ec_multiaddrs.splice(ec.ec_multiaddrs.indexOf(known), 1);
  return ENETRESET;
}

function rangeOf(request: ifreq): { low: Uint8Array; high: Uint8Array } | null {
  const low = request.ifr_addr;
  const high = request.ifr_addrhi ?? low;
  if (low?.length !== ETH_ALEN || high?.length !== ETH_ALEN || (low[0] & high[0] & 1) === 0) return null;
  return { low: low.slice(), high: high.slice() };
}

function find(ec: ethercom, low: Uint8Array, high: Uint8Array): ether_multi | undefined {
  return ec.ec_multiaddrs.find(
    (enm) => sameAddress(enm.enm_addrlo, low) && sameAddress(enm.enm_addrhi, high),
  );
}

export function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** struct ether_multistep. */
export interface ether_multistep {
  list: readonly ether_multi[];
  next: number;
}

/** The first range of an interface, or null; goes on with ETHER_NEXT_MULTI. */
export function ETHER_FIRST_MULTI(step: ether_multistep, ec: ethercom): ether_multi | null {
  step.list = ec.ec_multiaddrs;
  step.next = 0;
  return ETHER_NEXT_MULTI(step);
}

export function ETHER_NEXT_MULTI(step: ether_multistep): ether_multi | null {
  return step.list[step.next++] ?? null;
}
