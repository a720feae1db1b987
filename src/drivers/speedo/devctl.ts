// if_ioctl: what nicinfo asks (SIOCGDRVCOM), media, group addresses. Everything else is ether_ioctl's.

import { EINVAL, ENETRESET, EOK, EOPNOTSUPP } from '../../iopkt/errno.ts';
import type { ethercom } from '../../iopkt/ether.ts';
import { ether_ioctl } from '../../iopkt/ether-ioctl.ts';
import { IFF_DEBUG, IFF_PROMISC } from '../../iopkt/flags.ts';
import { ifmedia_ioctl } from '../../iopkt/ifmedia.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  type ifdrv_com,
  NIC_ETHER_STAT_ALIGN_ERRORS,
  NIC_ETHER_STAT_FCS_ERRORS,
  NIC_ETHER_STAT_INTERNAL_RX_ERRORS,
  NIC_ETHER_STAT_INTERNAL_TX_ERRORS,
  NIC_ETHER_STAT_LATE_COLLISIONS,
  NIC_ETHER_STAT_MULTI_COLLISIONS,
  NIC_ETHER_STAT_NO_CARRIER,
  NIC_ETHER_STAT_OVERSIZED_PACKETS,
  NIC_ETHER_STAT_SHORT_PACKETS,
  NIC_ETHER_STAT_SINGLE_COLLISIONS,
  NIC_ETHER_STAT_TX_DEFERRED,
  NIC_ETHER_STAT_XCOLL_ABORTED,
  NIC_FLAG_PROMISCUOUS,
  NIC_STAT_RX_FAILED_ALLOCS,
  NIC_STAT_RX_MULTICAST,
  NIC_STAT_TX_FAILED_ALLOCS,
  NIC_STAT_TX_MULTICAST,
  nic_config_copy,
  type nic_config_t,
  nic_stats_copy,
  type nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../../iopkt/nic.ts';
import { SIOCADDMULTI, SIOCDELMULTI, SIOCGDRVCOM, SIOCGIFMEDIA, SIOCSIFMEDIA } from '../../iopkt/sockio.ts';
import { speedo_change_setup } from './setup.ts';
import { type speedo_dev, speedoOf } from './softc.ts';
import { speedo_update_stats } from './statistics.ts';
import { speedo_transmit_complete } from './transmit.ts';

/** Counters that the chip keeps. */
const VALID_STATS =
  NIC_STAT_TX_MULTICAST | NIC_STAT_RX_MULTICAST | NIC_STAT_TX_FAILED_ALLOCS | NIC_STAT_RX_FAILED_ALLOCS;
const VALID_ETHER_STATS =
  NIC_ETHER_STAT_ALIGN_ERRORS |
  NIC_ETHER_STAT_SINGLE_COLLISIONS |
  NIC_ETHER_STAT_MULTI_COLLISIONS |
  NIC_ETHER_STAT_FCS_ERRORS |
  NIC_ETHER_STAT_TX_DEFERRED |
  NIC_ETHER_STAT_LATE_COLLISIONS |
  NIC_ETHER_STAT_XCOLL_ABORTED |
  NIC_ETHER_STAT_INTERNAL_TX_ERRORS |
  NIC_ETHER_STAT_NO_CARRIER |
  NIC_ETHER_STAT_INTERNAL_RX_ERRORS |
  NIC_ETHER_STAT_OVERSIZED_PACKETS |
  NIC_ETHER_STAT_SHORT_PACKETS;

export function speedo_ioctl(ifp: ifnet, cmd: number, data: unknown): number {
  const sc = speedoOf(ifp);
  switch (cmd) {
    case SIOCGDRVCOM:
      return drvcom(sc, data as ifdrv_com);
    case SIOCSIFMEDIA:
    case SIOCGIFMEDIA:
      return ifmedia_ioctl(ifp, data, sc.bsd_media, cmd);
    case SIOCADDMULTI:
    case SIOCDELMULTI: {
      const error = ether_ioctl(ifp, cmd, data);
      if (error !== ENETRESET) return error;
      speedo_filter(sc);
      return EOK;
    }
    default:
      return ether_ioctl(ifp, cmd, data);
  }
}

/** ec_ifflags_cb: flags changed while it runs. The promiscuous one is a matter of the filter. */
export function speedo_ifflags_cb(ec: ethercom): number {
  const sc = speedoOf(ec.ec_if);
  const changed = ec.ec_if.if_flags ^ sc.filter_flags;
  if ((changed & ~(IFF_PROMISC | IFF_DEBUG)) !== 0) return ENETRESET;
  if ((changed & IFF_PROMISC) !== 0) speedo_filter(sc);
  return EOK;
}

/** Tells a chip that runs whom to hear; one that does not learns it from if_init. */
export function speedo_filter(sc: speedo_dev): void {
  if (!sc.running) return;
  const mutex = sc.ecom.ec_if.if_snd_ex!;
  NW_SIGLOCK(mutex, sc.iopkt);
  speedo_transmit_complete(sc);
  speedo_change_setup(sc);
  NW_SIGUNLOCK(mutex, sc.iopkt);
}

function drvcom(sc: speedo_dev, request: ifdrv_com): number {
  switch (request.ifdc_cmd) {
    case DRVCOM_CONFIG:
      if (request.ifdc_len !== sizeof_nic_config_t) return EINVAL;
      nic_config_copy(request.ifdc_data as nic_config_t, configuration(sc));
      return EOK;
    case DRVCOM_STATS:
      if (request.ifdc_len !== sizeof_nic_stats_t) return EINVAL;
      nic_stats_copy(request.ifdc_data as nic_stats_t, statistics(sc));
      return EOK;
    default:
      return EOPNOTSUPP;
  }
}

/** What changes without the driver: the address and the promiscuous flag. */
function configuration(sc: speedo_dev): nic_config_t {
  const { cfg } = sc;
  const ifp = sc.ecom.ec_if;
  cfg.current_address.set(ifp.if_sadl);
  cfg.mtu = cfg.mru = ifp.if_mtu + ETHER_HEADER;
  if ((ifp.if_flags & IFF_PROMISC) !== 0) cfg.flags |= NIC_FLAG_PROMISCUOUS;
  else if (!sc.always_promiscuous) cfg.flags &= ~NIC_FLAG_PROMISCUOUS;
  return cfg;
}

const ETHER_HEADER = 14;

function statistics(sc: speedo_dev): nic_stats_t {
  const { stats } = sc;
  const ifp = sc.ecom.ec_if;
  if (sc.running) {
    NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
    speedo_transmit_complete(sc);
    speedo_update_stats(sc);
    NW_SIGUNLOCK(ifp.if_snd_ex!, sc.iopkt);
  }
  stats.txed_ok = ifp.if_opackets;
  stats.rxed_ok = ifp.if_ipackets;
  stats.octets_txed_ok = ifp.if_obytes;
  stats.octets_rxed_ok = ifp.if_ibytes;
  stats.txed_multicast = ifp.if_omcasts;
  stats.rxed_multicast = ifp.if_imcasts;
  stats.valid_stats = VALID_STATS;
  stats.un_estats.valid_stats = VALID_ETHER_STATS;
  return stats;
}
