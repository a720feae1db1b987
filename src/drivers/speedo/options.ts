// Options of the driver: those that every driver has (nic_parse_options), and `transmit`, `receive`, `kermask`.

import { NIC_FLAG_PROMISCUOUS, nic_config_t } from '../../iopkt/nic.ts';
import { nic_check_options, nic_parse_options, parseNumber, parseOptions } from '../../iopkt/nic-options.ts';
import type { speedo_dev } from './softc.ts';

/** Blocks and buffers: a few of each are wanted, and more than these nobody takes in one go. */
const RING = { least: 16, most: 1024 } as const;

/** Takes the options into the configuration. Throws what is wrong, with what would be right. */
export function speedo_parse_options(sc: speedo_dev, options: string | null): void {
  const { cfg } = sc;
  for (const { key, value } of parseOptions(options)) {
    if (key === 'transmit') sc.tx_count = ring(key, value);
    else if (key === 'receive') sc.rx_count = ring(key, value);
    else if (key === 'kermask' && value === null) sc.kermask = true;
    else if (nic_parse_options(cfg, value === null ? key : `${key}=${value}`) !== 0)
      throw new RangeError(`option ${key}${value === null ? '' : `=${value}`} is unknown or wrong`);
  }
  if (nic_check_options(cfg) !== 0) throw new RangeError('option speed= wants duplex= too');
  sc.always_promiscuous = (cfg.flags & NIC_FLAG_PROMISCUOUS) !== 0;
  sc.force_media = cfg.media_rate > 0;
  if (sc.force_media && cfg.media_rate !== 10_000 && cfg.media_rate !== 100_000)
    throw new RangeError(`option speed=${cfg.media_rate / 1000}: 10 or 100`);
  if (!sc.force_media) sc.only_duplex = cfg.duplex;
}

function ring(key: string, value: string | null): number {
  const count = parseNumber(value);
  if (count !== null && count >= RING.least && count <= RING.most) return count;
  throw new RangeError(`option ${key}=${value ?? ''}: ${RING.least} to ${RING.most}`);
}

/** Which cards are looked for, before there is an instance. */
export interface speedo_choice {
  /** 0: any that the driver knows. */
  vendor: number;
  device: number;
  index: number;
  /** One card by its number: no other. */
  single: boolean;
}

/** EINVAL of an option that is wrong is attach's: here it is passed over. */
export function speedo_choose(options: string | null): speedo_choice {
  const cfg = new nic_config_t();
  let single = false;
  for (const { key, value } of parseOptions(options)) {
    if (!['vid', 'did', 'pci', 'deviceindex'].includes(key)) continue;
    nic_parse_options(cfg, `${key}=${value ?? ''}`);
    if (key === 'pci' || key === 'deviceindex') single = true;
  }
  return { vendor: cfg.vendor_id, device: cfg.device_id, index: cfg.device_index, single };
}
