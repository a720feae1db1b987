// devctl of the registrant: what nicinfo shows, promiscuous mode, group addresses.

import {
  DCMD_IO_NET_CHANGE_MCAST,
  DCMD_IO_NET_GET_CONFIG,
  DCMD_IO_NET_GET_STATS,
  DCMD_IO_NET_PROMISCUOUS,
  DCMD_IO_NET_TX_FLUSH,
  type Ref,
} from '../../ionet/interface.ts';
import { _IO_NET_JOIN_MCAST, _IO_NET_REMOVE_MCAST, type io_net_msg_mcast_t } from '../../ionet/message.ts';
import { MsgSendPulse } from '../../ionet/neutrino.ts';
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
  NIC_FLAG_MULTICAST,
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
import { pcnet_set_filter } from './hardware.ts';
import { pcnet_count_missed } from './receive.ts';
import { PRIORITY, PULSE_RESTART, type pcnet_t } from './state.ts';
import { pcnet_reap } from './transmit.ts';

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

export function pcnet_devctl(
  pcnet: pcnet_t,
  dcmd: number,
  data: unknown,
  size: number,
  ret: Ref<number> | null,
): number {
  const { cfg, stats } = pcnet;
  switch (dcmd) {
    case DCMD_IO_NET_GET_CONFIG:
      if (size < sizeof_nic_config_t) return EINVAL;
      nic_config_copy(data as nic_config_t, cfg);
      if (ret !== null) ret.value = sizeof_nic_config_t;
      return EOK;
    case DCMD_IO_NET_GET_STATS:
      if (size < sizeof_nic_stats_t) return EINVAL;
      if (pcnet.running) pcnet_count_missed(pcnet);
      stats.valid_stats = VALID;
      stats.un_estats.valid_stats = VALID_ETHER;
      nic_stats_copy(data as nic_stats_t, stats);
      if (ret !== null) ret.value = sizeof_nic_stats_t;
      return EOK;
    case DCMD_IO_NET_PROMISCUOUS:
      pcnet.promiscuous = (data as Ref<number>).value !== 0;
      if (pcnet.promiscuous) cfg.flags |= NIC_FLAG_PROMISCUOUS;
      else cfg.flags &= ~NIC_FLAG_PROMISCUOUS;
      return applyFilter(pcnet);
    case DCMD_IO_NET_CHANGE_MCAST:
      return changeGroups(pcnet, data as io_net_msg_mcast_t);
    case DCMD_IO_NET_TX_FLUSH:
      pcnet_reap(pcnet);
      return EOK;
    default:
      return ENOTSUP;
  }
}

/** Acts on the first entry. */
function changeGroups(pcnet: pcnet_t, { type, mc_min, mc_max }: io_net_msg_mcast_t): number {
  if ((pcnet.cfg.flags & NIC_FLAG_MULTICAST) === 0) return ENOTSUP;
  if (type !== _IO_NET_JOIN_MCAST && type !== _IO_NET_REMOVE_MCAST) return ENOTSUP;
  if (mc_min.length !== 6 || mc_max.length !== 6 || (mc_min[0] & mc_max[0] & 1) === 0) return EINVAL;
  if (type === _IO_NET_JOIN_MCAST) pcnet.groups.push({ low: mc_min.slice(), high: mc_max.slice() });
  else {
    const at = pcnet.groups.findIndex(({ low, high }) => `${low}-${high}` === `${mc_min}-${mc_max}`);
    if (at < 0) return EINVAL;
    pcnet.groups.splice(at, 1);
  }
  return applyFilter(pcnet);
}

/** A chip that is too busy to be suspended is started afresh, by the thread: the ring is its own. */
function applyFilter(pcnet: pcnet_t): number {
  if (!pcnet_set_filter(pcnet)) MsgSendPulse(pcnet.coid, PRIORITY, PULSE_RESTART, 0);
  return EOK;
}
