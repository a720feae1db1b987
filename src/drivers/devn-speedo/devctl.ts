// devctl of the registrant: what nicinfo shows, promiscuous mode, group addresses.

import {
  DCMD_IO_NET_CHANGE_MCAST,
  DCMD_IO_NET_GET_CONFIG,
  DCMD_IO_NET_GET_STATS,
  DCMD_IO_NET_PROMISCUOUS,
  DCMD_IO_NET_TX_FLUSH,
  type Ref,
} from '../../ionet/interface.ts';
import type { io_net_msg_mcast_t } from '../../ionet/message.ts';
import {
  EINVAL,
  ENOTSUP,
  EOK,
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
  NIC_STAT_RX_BROADCAST,
  NIC_STAT_RX_FAILED_ALLOCS,
  NIC_STAT_RX_MULTICAST,
  NIC_STAT_TX_BROADCAST,
  NIC_STAT_TX_FAILED_ALLOCS,
  NIC_STAT_TX_MULTICAST,
  nic_config_copy,
  type nic_config_t,
  nic_stats_copy,
  type nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../../ionet/shared.ts';
import { speedo_multicast } from './multicast.ts';
import { speedo_change_setup, speedo_tell } from './setup.ts';
import type { speedo_t } from './state.ts';
import { speedo_update_stats } from './statistics.ts';
import { speedo_lock, speedo_reap, speedo_unlock } from './transmit.ts';

const VALID =
  NIC_STAT_TX_MULTICAST |
  NIC_STAT_RX_MULTICAST |
  NIC_STAT_TX_BROADCAST |
  NIC_STAT_RX_BROADCAST |
  NIC_STAT_TX_FAILED_ALLOCS |
  NIC_STAT_RX_FAILED_ALLOCS;
const VALID_ETHER =
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

export function speedo_devctl(
  speedo: speedo_t,
  dcmd: number,
  data: unknown,
  size: number,
  ret: Ref<number> | null,
): number {
  switch (dcmd) {
    case DCMD_IO_NET_GET_CONFIG:
      if (size < sizeof_nic_config_t) return EINVAL;
      nic_config_copy(data as nic_config_t, speedo.cfg);
      if (ret !== null) ret.value = sizeof_nic_config_t;
      return EOK;
    case DCMD_IO_NET_GET_STATS:
      if (size < sizeof_nic_stats_t) return EINVAL;
      nic_stats_copy(data as nic_stats_t, statistics(speedo));
      if (ret !== null) ret.value = sizeof_nic_stats_t;
      return EOK;
    case DCMD_IO_NET_PROMISCUOUS:
      return locked(speedo, () => setPromiscuous(speedo, (data as Ref<number>).value !== 0));
    case DCMD_IO_NET_CHANGE_MCAST:
      return locked(speedo, () => speedo_multicast(speedo, data as io_net_msg_mcast_t));
    case DCMD_IO_NET_TX_FLUSH:
      return locked(speedo, () => EOK);
    default:
      return ENOTSUP;
  }
}

/** With the mutex, and what has been sent taken back. */
function locked(speedo: speedo_t, work: () => number): number {
  speedo_lock(speedo);
  speedo_reap(speedo);
  const result = work();
  speedo_tell(speedo);
  speedo_unlock(speedo);
  return result;
}

function setPromiscuous(speedo: speedo_t, on: boolean): number {
  speedo.promiscuous = on;
  if (on || speedo.always_promiscuous) speedo.cfg.flags |= NIC_FLAG_PROMISCUOUS;
  else speedo.cfg.flags &= ~NIC_FLAG_PROMISCUOUS;
  speedo_change_setup(speedo);
  return EOK;
}

function statistics(speedo: speedo_t): nic_stats_t {
  const { stats } = speedo;
  if (speedo.running) locked(speedo, () => (speedo_update_stats(speedo) ? EOK : ENOTSUP));
  stats.valid_stats = VALID;
  stats.un_estats.valid_stats = VALID_ETHER;
  return stats;
}
