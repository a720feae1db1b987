// Options of the driver: those that every driver has (nic_parse_options), and the lengths of the rings.

import { maximumRingLength } from '../../chips/pcnet/init-block.ts';
import { IFM_10_T, IFM_100_TX, IFM_ETHER, IFM_FDX } from '../../iopkt/ifmedia-words.ts';
import { NIC_FLAG_MULTICAST, nic_config_t } from '../../iopkt/nic.ts';
import { nic_check_options, nic_parse_options, parseNumber, parseOptions } from '../../iopkt/nic-options.ts';
import { PCN_SWSTYLE } from './softc.ts';

/** Descriptors of a ring when nothing is said: what one run of a queue hands over, and one poll takes. */
const DEFAULT_RING = 64;

export interface pcn_options {
  cfg: nic_config_t;
  receive: number;
  transmit: number;
  /** Media word, or 0: whatever is negotiated. */
  media: number;
}

/** Throws what is wrong, with what would be right. */
export function pcn_parse_options(options: string | null): pcn_options {
  const cfg = new nic_config_t();
  cfg.flags = NIC_FLAG_MULTICAST;
  const parsed = { cfg, receive: DEFAULT_RING, transmit: DEFAULT_RING, media: 0 };
  for (const { key, value } of parseOptions(options)) {
    if (key === 'receive') parsed.receive = ring(key, value, 2);
    else if (key === 'transmit') parsed.transmit = ring(key, value, 4);
    else if (nic_parse_options(cfg, value === null ? key : `${key}=${value}`) !== 0)
      throw new RangeError(`option ${key}${value === null ? '' : `=${value}`} is unknown or wrong`);
  }
  if (nic_check_options(cfg) !== 0) throw new RangeError('option speed= wants duplex= too');
  if (cfg.media_rate > 0) {
    if (cfg.media_rate !== 10_000 && cfg.media_rate !== 100_000)
      throw new RangeError(`option speed=${cfg.media_rate / 1000}: 10 or 100`);
    parsed.media =
      IFM_ETHER | (cfg.media_rate === 100_000 ? IFM_100_TX : IFM_10_T) | (cfg.duplex === 1 ? IFM_FDX : 0);
  }
  return parsed;
}

function ring(key: string, value: string | null, least: number): number {
  const most = maximumRingLength(PCN_SWSTYLE);
  const count = parseNumber(value);
  if (count !== null && count >= least && count <= most && (count & (count - 1)) === 0) return count;
  throw new RangeError(`option ${key}=${value ?? ''}: a power of two from ${least} to ${most}`);
}
