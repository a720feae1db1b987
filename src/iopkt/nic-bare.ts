// SIOCGDRVCOM for drivers that do not answer it themselves (ported BSD drivers): what io-pkt knows of an interface anyway.

import { EINVAL, EOK, EOPNOTSUPP } from './errno.ts';
import { IFF_MULTICAST, IFF_PROMISC, LINK_STATE_DOWN } from './flags.ts';
import { IFM_FDX, IFM_HDX, ifmedia_baudrate } from './ifmedia-words.ts';
import type { ifnet } from './ifnet.ts';
import type { IoPkt } from './manager.ts';
import { activeMedia } from './media.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  type ifdrv_com,
  NIC_FLAG_BROADCAST,
  NIC_FLAG_LINK_DOWN,
  NIC_FLAG_MULTICAST,
  NIC_FLAG_PROMISCUOUS,
  NIC_STAT_RX_MULTICAST,
  NIC_STAT_TX_MULTICAST,
  nic_config_copy,
  nic_config_t,
  nic_stats_copy,
  nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from './nic.ts';

const ETHER_HEADER = 14;

export function bareDrvcom(io: IoPkt, ifp: ifnet, data: unknown): number {
  const request = data as ifdrv_com;
  switch (request.ifdc_cmd) {
    case DRVCOM_CONFIG:
      if (request.ifdc_len !== sizeof_nic_config_t) return EINVAL;
      nic_config_copy(request.ifdc_data as nic_config_t, configuration(io, ifp));
      return EOK;
    case DRVCOM_STATS:
      if (request.ifdc_len !== sizeof_nic_stats_t) return EINVAL;
      nic_stats_copy(request.ifdc_data as nic_stats_t, statistics(ifp));
      return EOK;
    default:
      return EOPNOTSUPP;
  }
}

function configuration(io: IoPkt, ifp: ifnet): nic_config_t {
  const cfg = new nic_config_t();
  cfg.device_description = ifp.if_xname;
  cfg.lan = ifp.if_dev?.dv_unit ?? -1;
  cfg.mtu = cfg.mru = ifp.if_mtu + ETHER_HEADER;
  cfg.permanent_address.set(ifp.if_sadl);
  cfg.current_address.set(ifp.if_sadl);
  cfg.flags = NIC_FLAG_BROADCAST;
  if ((ifp.if_flags & IFF_MULTICAST) !== 0) cfg.flags |= NIC_FLAG_MULTICAST;
  if ((ifp.if_flags & IFF_PROMISC) !== 0) cfg.flags |= NIC_FLAG_PROMISCUOUS;
  if (ifp.if_link_state === LINK_STATE_DOWN) cfg.flags |= NIC_FLAG_LINK_DOWN;
  const media = activeMedia(io, ifp);
  if (media === null) return cfg;
  const rate = ifmedia_baudrate(media);
  if (rate > 0) cfg.media_rate = rate / 1000;
  if ((media & IFM_FDX) !== 0) cfg.duplex = 1;
  else if ((media & IFM_HDX) !== 0 || rate > 0) cfg.duplex = 0;
  return cfg;
}

function statistics(ifp: ifnet): nic_stats_t {
  const stats = new nic_stats_t();
  stats.txed_ok = ifp.if_opackets;
  stats.rxed_ok = ifp.if_ipackets;
  stats.octets_txed_ok = ifp.if_obytes;
  stats.octets_rxed_ok = ifp.if_ibytes;
  stats.txed_multicast = ifp.if_omcasts;
  stats.rxed_multicast = ifp.if_imcasts;
  stats.valid_stats = NIC_STAT_TX_MULTICAST | NIC_STAT_RX_MULTICAST;
  return stats;
}
