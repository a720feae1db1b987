// The driver of testing-driver.ts, the part that is asked: link, devctl, group addresses.

import {
  DCMD_IO_NET_CHANGE_MCAST,
  DCMD_IO_NET_GET_CONFIG,
  DCMD_IO_NET_GET_STATS,
  DCMD_IO_NET_PROMISCUOUS,
  DCMD_IO_NET_TX_FLUSH,
  type Ref,
} from './interface.ts';
import { _IO_NET_JOIN_MCAST, _IO_NET_REMOVE_MCAST, type io_net_msg_t } from './message.ts';
import {
  EINVAL,
  ENOTSUP,
  EOK,
  MDI_GetActiveMedia,
  MDI_LINK_UP,
  mediaDuplex,
  mediaRate,
  NIC_FLAG_LINK_DOWN,
  NIC_STAT_RX_FAILED_ALLOCS,
  nic_config_copy,
  type nic_config_t,
  nic_stats_copy,
  type nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from './shared.ts';
import type { xx_dev } from './testing-driver-state.ts';

/** The MDI library has found the link changed. */
export function xx_link(xx: xx_dev, phy: number, state: number): void {
  const { cfg } = xx;
  const media = { value: 0 };
  xx.linkUp = state === MDI_LINK_UP;
  const known = xx.linkUp && MDI_GetActiveMedia(xx.mdi.value!, phy, media) === 0;
  cfg.media_rate = known ? mediaRate(media.value) : -1;
  cfg.duplex = known ? mediaDuplex(media.value) : -1;
  cfg.flags = xx.linkUp ? cfg.flags & ~NIC_FLAG_LINK_DOWN : cfg.flags | NIC_FLAG_LINK_DOWN;
}

export function xx_devctl(
  xx: xx_dev,
  dcmd: number,
  data: unknown,
  size: number,
  ret: Ref<number> | null,
): number {
  switch (dcmd) {
    case DCMD_IO_NET_GET_CONFIG:
      if (size < sizeof_nic_config_t) return EINVAL;
      nic_config_copy(data as nic_config_t, xx.cfg);
      if (ret !== null) ret.value = sizeof_nic_config_t;
      return EOK;
    case DCMD_IO_NET_GET_STATS:
      if (size < sizeof_nic_stats_t) return EINVAL;
      xx.stats.valid_stats = NIC_STAT_RX_FAILED_ALLOCS;
      nic_stats_copy(data as nic_stats_t, xx.stats);
      if (ret !== null) ret.value = sizeof_nic_stats_t;
      return EOK;
    case DCMD_IO_NET_PROMISCUOUS:
      xx.card.promiscuous = (data as Ref<number>).value !== 0;
      return EOK;
    case DCMD_IO_NET_CHANGE_MCAST:
      return xx_groups(xx, data as io_net_msg_t);
    case DCMD_IO_NET_TX_FLUSH:
      xx.fn.reap(xx);
      return EOK;
    default:
      return ENOTSUP;
  }
}

export function xx_groups(xx: xx_dev, msg: io_net_msg_t): number {
  if (msg.type !== _IO_NET_JOIN_MCAST && msg.type !== _IO_NET_REMOVE_MCAST) return ENOTSUP;
  if ((msg.mc_min[0] & msg.mc_max[0] & 1) === 0) return EINVAL;
  const range = `${msg.mc_min}-${msg.mc_max}`;
  if (msg.type === _IO_NET_JOIN_MCAST) xx.groups.push(range);
  else {
    const at = xx.groups.indexOf(range);
    if (at < 0) return EINVAL;
    xx.groups.splice(at, 1);
  }
  return EOK;
}
