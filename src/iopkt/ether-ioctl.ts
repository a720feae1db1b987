// ether_ioctl: what a driver's if_ioctl passes on. Address, flags and MTU changes end in if_init or if_stop; group addresses
// in ENETRESET, which tells the driver to write its filter. After ether_ioctl of NetBSD; the technote wins where they
// differ: an address means if_init every time, running or not.

import { NETIF_F_IP_CSUM } from '../net/device.ts';
import { EINVAL, ENETRESET, ENOTTY, EOK } from './errno.ts';
import { ETHERMIN, ether_addmulti, ether_delmulti, maxMtu } from './ether.ts';
import { IFCAP_CSUM_TCPv4, IFCAP_CSUM_UDPv4, IFF_RUNNING, IFF_UP } from './flags.ts';
import type { ifnet } from './ifnet.ts';
import { initInterface, stopInterface } from './net-device.ts';
import { bareDrvcom } from './nic-bare.ts';
import { current, IN_STACK } from './self.ts';
import {
  type ifcapreq,
  type ifreq,
  SIOCADDMULTI,
  SIOCDELMULTI,
  SIOCGDRVCOM,
  SIOCGIFCAP,
  SIOCGIFFLAGS,
  SIOCGIFMTU,
  SIOCSIFADDR,
  SIOCSIFCAP,
  SIOCSIFFLAGS,
  SIOCSIFMTU,
} from './sockio.ts';

/** The requests every Ethernet interface answers; ENOTTY: another one. Stack context. */
export function ether_ioctl(ifp: ifnet, cmd: number, data: unknown): number {
  const io = current(IN_STACK, 'ether_ioctl');
  switch (cmd) {
    case SIOCSIFADDR:
      ifp.if_flags |= IFF_UP;
      return initInterface(io, ifp);
    case SIOCSIFFLAGS:
      return changeFlags(ifp);
    case SIOCSIFMTU:
      return changeMtu(ifp, data as ifreq);
    case SIOCSIFCAP:
      return changeCapabilities(ifp, data as ifcapreq);
    case SIOCADDMULTI:
      return ether_addmulti(data as ifreq, ifp.if_ethercom!);
    case SIOCDELMULTI:
      return ether_delmulti(data as ifreq, ifp.if_ethercom!);
    case SIOCGIFFLAGS:
      (data as ifreq).ifr_flags = ifp.if_flags;
      return EOK;
    case SIOCGIFMTU:
      (data as ifreq).ifr_mtu = ifp.if_mtu;
      return EOK;
    case SIOCGIFCAP:
      (data as ifcapreq).ifcr_capenable_tx = ifp.if_capenable_tx;
      (data as ifcapreq).ifcr_capenable_rx = ifp.if_capenable_rx;
      return EOK;
    case SIOCGDRVCOM:
      return bareDrvcom(io, ifp, data);
    default:
      return ENOTTY;
  }
}

/** if_flags hold the new flags already. */
function changeFlags(ifp: ifnet): number {
  const io = current(IN_STACK, 'ether_ioctl');
  const running = (ifp.if_flags & IFF_RUNNING) !== 0;
  if (!ifp.up) {
    if (running || ifp.running) stopInterface(io, ifp, 1);
    return EOK;
  }
  if (!running) return initInterface(io, ifp);
  const ec = ifp.if_ethercom!;
  const error = ec.ec_ifflags_cb === null ? ENETRESET : ec.ec_ifflags_cb(ec);
  return error === ENETRESET ? initInterface(io, ifp) : error;
}

function changeMtu(ifp: ifnet, { ifr_mtu }: ifreq): number {
  const io = current(IN_STACK, 'ether_ioctl');
  if (ifr_mtu === undefined || !Number.isInteger(ifr_mtu) || ifr_mtu < ETHERMIN || ifr_mtu > maxMtu(ifp))
    return EINVAL;
  ifp.if_mtu = ifr_mtu;
  ifp.if_netdev!.mtu = ifr_mtu;
  return ifp.up ? initInterface(io, ifp) : EOK;
}

function changeCapabilities(ifp: ifnet, wanted: ifcapreq): number {
  const io = current(IN_STACK, 'ether_ioctl');
  const { ifcr_capenable_tx: tx, ifcr_capenable_rx: rx } = wanted;
  if ((tx & ~ifp.if_capabilities_tx) !== 0 || (rx & ~ifp.if_capabilities_rx) !== 0) return EINVAL;
  ifp.if_capenable_tx = tx;
  ifp.if_capenable_rx = rx;
  const sums = IFCAP_CSUM_TCPv4 | IFCAP_CSUM_UDPv4;
  const device = ifp.if_netdev!;
  if ((tx & sums) === sums) device.features |= NETIF_F_IP_CSUM;
  else device.features &= ~NETIF_F_IP_CSUM;
  return ifp.up ? initInterface(io, ifp) : EOK;
}
