// Options of the driver: those that every driver has (nic_parse_options), and `transmit` and `receive`.

import {
  NIC_CONNECTOR_MII,
  NIC_FLAG_LINK_DOWN,
  NIC_FLAG_MULTICAST,
  nic_check_options,
  nic_config_t,
  nic_parse_options,
  parseNumber,
  parseOptions,
} from '../../ionet/shared.ts';

/** Blocks and buffers: a few of each are wanted, and more than these nobody takes in one go. */
const RING = { least: 16, most: 1024 } as const;
const DEFAULT_RING = 64;
/** The longest frame, without its FCS. */
const MTU = 1514;

export interface speedo_options {
  readonly cfg: nic_config_t;
  readonly receive: number;
  readonly transmit: number;
  /** One card by its number, or one interface by its: no other. */
  readonly single: boolean;
  /** kbit/s that is forced, with cfg.duplex; 0: negotiated. */
  readonly rate: number;
  /** 1 full, 0 half: forced with `rate`, else all that is offered; -1: either. */
  readonly duplex: number;
}

/** Throws what is wrong, with what would be right. */
export function speedo_parse_options(options: string | null): speedo_options {
  const cfg = new nic_config_t();
  cfg.flags = NIC_FLAG_MULTICAST | NIC_FLAG_LINK_DOWN;
  cfg.mtu = cfg.mru = MTU;
  cfg.connector = NIC_CONNECTOR_MII;
  let receive = DEFAULT_RING;
  let transmit = DEFAULT_RING;
  let single = false;
  for (const { key, value } of parseOptions(options)) {
    if (key === 'receive') receive = ring(key, value);
    else if (key === 'transmit') transmit = ring(key, value);
    else if (nic_parse_options(cfg, value === null ? key : `${key}=${value}`) !== 0)
      throw new RangeError(`option ${key}${value === null ? '' : `=${value}`} is unknown or wrong`);
    else if (['pci', 'deviceindex', 'lan', 'unit'].includes(key)) single = true;
  }
  if (nic_check_options(cfg) !== 0) throw new RangeError('option speed= wants duplex= too');
  if (cfg.mtu > MTU || cfg.mru > MTU) throw new RangeError(`option mtu= or mru=: ${MTU} at most`);
  const rate = Math.max(0, cfg.media_rate);
  if (rate !== 0 && rate !== 10_000 && rate !== 100_000)
    throw new RangeError(`option speed=${rate / 1000}: 10 or 100`);
  const { duplex } = cfg;
  // From here they say how the link is, and it is not known.
  cfg.media_rate = cfg.duplex = -1;
  return { cfg, receive, transmit, single, rate, duplex };
}

function ring(key: string, value: string | null): number {
  const count = parseNumber(value);
  if (count !== null && count >= RING.least && count <= RING.most) return count;
  throw new RangeError(`option ${key}=${value ?? ''}: ${RING.least} to ${RING.most}`);
}
