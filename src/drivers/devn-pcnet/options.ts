// Options of the driver: those that every driver has, and the lengths of the rings.

import { maximumRingLength } from '../../chips/pcnet/init-block.ts';
import {
  EINVAL,
  EOK,
  NIC_CONNECTOR_UTP,
  NIC_FLAG_LINK_DOWN,
  NIC_FLAG_MULTICAST,
  nic_check_options,
  nic_config_t,
  nic_parse_options,
  parseNumber,
  parseOptions,
} from '../../ionet/shared.ts';
import { SWSTYLE } from './state.ts';

const DEFAULT_RING = 64;

export interface pcnet_options {
  cfg: nic_config_t;
  receive: number;
  transmit: number;
  /** One card by its number, and no other. */
  single: boolean;
}

/** Null: one of them is unknown or wrong. */
export function pcnet_parse_options(options: string | null): pcnet_options | null {
  const cfg = new nic_config_t();
  cfg.flags = NIC_FLAG_MULTICAST | NIC_FLAG_LINK_DOWN;
  cfg.mtu = cfg.mru = 1514;
  cfg.connector = NIC_CONNECTOR_UTP;
  cfg.device_description = 'AMD PCnet';
  const parsed = { cfg, receive: DEFAULT_RING, transmit: DEFAULT_RING, single: false };
  for (const { key, value } of parseOptions(options)) {
    if (key === 'receive' || key === 'transmit') {
      const count = ring(value, key === 'receive' ? 2 : 4);
      if (count === 0) return null;
      parsed[key] = count;
    } else {
      if (nic_parse_options(cfg, value === null ? key : `${key}=${value}`) !== EOK) return null;
      if (key === 'pci' || key === 'deviceindex' || key === 'lan' || key === 'unit') parsed.single = true;
    }
  }
  return nic_check_options(cfg) === EINVAL || cfg.mtu > 1514 ? null : parsed;
}

/** A power of two; 0: it is none, or there is no ring of that length. */
function ring(value: string | null, least: number): number {
  const count = parseNumber(value) ?? 0;
  return count >= least && count <= maximumRingLength(SWSTYLE) && (count & (count - 1)) === 0 ? count : 0;
}
