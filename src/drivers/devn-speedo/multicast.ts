// Group addresses: they come as messages by rx_down, or by devctl; either way as one that joins or goes.

import { _IO_NET_JOIN_MCAST, _IO_NET_REMOVE_MCAST, type io_net_msg_t } from '../../ionet/message.ts';
import { EINVAL, ENOTSUP, EOK, NIC_FLAG_MULTICAST } from '../../ionet/shared.ts';
import { speedo_change_setup } from './setup.ts';
import type { speedo_t } from './state.ts';

/** Acts on the first entry. EINVAL: no range of groups, or none that is known; ENOTSUP: not able, or another message. Mutex held. */
export function speedo_multicast(speedo: speedo_t, msg: io_net_msg_t | null): number {
  const { cfg, groups } = speedo;
  if ((cfg.flags & NIC_FLAG_MULTICAST) === 0) return ENOTSUP;
  if (msg === null || (msg.type !== _IO_NET_JOIN_MCAST && msg.type !== _IO_NET_REMOVE_MCAST)) return ENOTSUP;
  const { mc_min, mc_max } = msg;
  if (mc_min.length !== 6 || mc_max.length !== 6 || (mc_min[0] & mc_max[0] & 1) === 0) return EINVAL;
  if (msg.type === _IO_NET_JOIN_MCAST) groups.push({ low: mc_min.slice(), high: mc_max.slice() });
  else {
    const at = groups.findIndex(({ low, high }) => `${low}-${high}` === `${mc_min}-${mc_max}`);
    if (at < 0) return EINVAL;
    groups.splice(at, 1);
  }
  speedo_change_setup(speedo);
  return EOK;
}
