// Driver options: `key=value` and bare keys, joined by commas. nic_parse_options knows those that every driver takes; a
// driver looks for its own (`transmit`, `receive`, `kermask`) first.

import { EINVAL, EOK } from './errno.ts';
import {
  NIC_CONNECTOR_AUI,
  NIC_CONNECTOR_BNC,
  NIC_CONNECTOR_FIBER,
  NIC_CONNECTOR_MII,
  NIC_CONNECTOR_STP,
  NIC_CONNECTOR_UTP,
  NIC_FLAG_MULTICAST,
  NIC_FLAG_PROMISCUOUS,
  type nic_config_t,
} from './nic.ts';

export interface Option {
  key: string;
  /** null: a bare key. */
  value: string | null;
}

/** The options one by one, in order (getsubopt). */
export function parseOptions(options: string | null): Option[] {
  if (options === null) return [];
  return options
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? { key: part, value: null } : { key: part.slice(0, at), value: part.slice(at + 1) };
    });
}

/** Value of an option; null when it is not there or bare. The last one counts. */
export function optionValue(options: string | null, key: string): string | null {
  let value: string | null = null;
  for (const option of parseOptions(options)) if (option.key === key) value = option.value;
  return value;
}

/** Number as C reads it: decimal, 0x hexadecimal, 0 octal. null: it is none. */
export function parseNumber(text: string | null): number | null {
  if (text === null) return null;
  if (/^0x[0-9a-f]+$/i.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^-?\d+$/.test(text) ? Number.parseInt(text, 10) : null;
}

const CONNECTORS: Record<string, number> = {
  utp: NIC_CONNECTOR_UTP,
  bnc: NIC_CONNECTOR_BNC,
  fiber: NIC_CONNECTOR_FIBER,
  aui: NIC_CONNECTOR_AUI,
  mii: NIC_CONNECTOR_MII,
  stp: NIC_CONNECTOR_STP,
};

type NumberField = Exclude<
  { [K in keyof nic_config_t]: nic_config_t[K] extends number ? K : never }[keyof nic_config_t],
  undefined
>;

/** Options that are one number, what they set, and between which values. */
const NUMBERS: Record<string, { field: NumberField; min: number; max: number }> = {
  vid: { field: 'vendor_id', min: 0, max: 0xffff },
  did: { field: 'device_id', min: 0, max: 0xffff },
  pci: { field: 'device_index', min: 0, max: 255 },
  deviceindex: { field: 'device_index', min: 0, max: 255 },
  lan: { field: 'lan', min: 0, max: 9999 },
  unit: { field: 'lan', min: 0, max: 9999 },
  mtu: { field: 'mtu', min: 60, max: 65535 },
  mru: { field: 'mru', min: 60, max: 65535 },
  duplex: { field: 'duplex', min: 0, max: 1 },
  media: { field: 'media', min: 0, max: 255 },
  phy: { field: 'phy_addr', min: 0, max: 31 },
  iftype: { field: 'iftype', min: 0, max: 255 },
  priority: { field: 'priority', min: 1, max: 255 },
};

/**
 * Takes one option (`key` or `key=value`) into the configuration. EOK; EINVAL: the key is unknown, its value is missing or
 * impossible. speed= needs duplex=, which nic_check_options looks at after the last.
 */
export function nic_parse_options(cfg: nic_config_t, option: string): number {
  const [parsed] = parseOptions(option);
  if (parsed === undefined) return EINVAL;
  const { key, value } = parsed;
  const known = NUMBERS[key];
  if (known !== undefined) {
    const number = parseNumber(value);
    if (number === null || number < known.min || number > known.max) return EINVAL;
    cfg[known.field] = number;
    return EOK;
  }
  return parseSpecial(cfg, key, value);
}

function parseSpecial(cfg: nic_config_t, key: string, value: string | null): number {
  switch (key) {
    case 'mac':
      return parseAddress(cfg, value);
    case 'speed': {
      const mbits = parseNumber(value);
      if (mbits === null || mbits <= 0) return EINVAL;
      cfg.media_rate = mbits * 1000;
      return EOK;
    }
    case 'irq':
      return addTo(cfg.irq, cfg.num_irqs, value, () => cfg.num_irqs++);
    case 'dma':
      return addTo(cfg.dma_channel, cfg.num_dma_channels, value, () => cfg.num_dma_channels++);
    case 'ioport':
      return addTo(cfg.io_window_base, cfg.num_io_windows, value, () => cfg.num_io_windows++);
    case 'smem':
      return addTo(cfg.mem_window_base, cfg.num_mem_windows, value, () => cfg.num_mem_windows++);
    case 'smemsz':
      return addTo(cfg.mem_window_size, Math.max(0, cfg.num_mem_windows - 1), value, () => {});
    case 'memrange':
      return parseRange(cfg.mem_window_base, cfg.mem_window_size, cfg.num_mem_windows, value, () => {
        cfg.num_mem_windows++;
      });
    case 'iorange':
      return parseRange(cfg.io_window_base, cfg.io_window_size, cfg.num_io_windows, value, () => {
        cfg.num_io_windows++;
      });
    case 'nomulticast':
      cfg.flags &= ~NIC_FLAG_MULTICAST;
      return value === null ? EOK : EINVAL;
    case 'promiscuous':
      cfg.flags |= NIC_FLAG_PROMISCUOUS;
      return value === null ? EOK : EINVAL;
    case 'verbose': {
      const level = value === null ? 1 : parseNumber(value);
      if (level === null || level < 0) return EINVAL;
      cfg.verbose = level;
      return EOK;
    }
    case 'connector': {
      const connector = CONNECTORS[value ?? ''] ?? parseNumber(value);
      if (connector === null || connector < 0 || connector > NIC_CONNECTOR_STP) return EINVAL;
      cfg.connector = connector;
      return EOK;
    }
    case 'uptype':
      if (value === null || !/^[a-z][a-z0-9]{0,14}$/i.test(value)) return EINVAL;
      cfg.uptype = value;
      return EOK;
    // io-pkt's own: dev_attach has read it.
    case 'name':
      return value === null ? EINVAL : EOK;
    default:
      return EINVAL;
  }
}

/** After the last option: EINVAL for a speed without duplex. */
export function nic_check_options(cfg: nic_config_t): number {
  return cfg.media_rate > 0 && cfg.duplex < 0 ? EINVAL : EOK;
}

function parseAddress(cfg: nic_config_t, value: string | null): number {
  if (value === null || !/^[0-9a-f]{12}$/i.test(value)) return EINVAL;
  const bytes = Uint8Array.from({ length: 6 }, (_, i) => Number.parseInt(value.slice(2 * i, 2 * i + 2), 16));
  if ((bytes[0] & 1) !== 0 || bytes.every((byte) => byte === 0)) return EINVAL;
  cfg.current_address.set(bytes);
  return EOK;
}

function addTo(to: Int32Array | Float64Array, at: number, value: string | null, next: () => void): number {
  const number = parseNumber(value);
  if (number === null || number < 0 || at >= to.length) return EINVAL;
  to[at] = number;
  next();
  return EOK;
}

/** `base:size`. */
function parseRange(
  bases: Float64Array,
  sizes: Float64Array,
  at: number,
  value: string | null,
  next: () => void,
): number {
  const [base, size, more] = (value ?? '').split(':').map((part) => parseNumber(part));
  if (base === null || base === undefined || size === null || size === undefined || more !== undefined)
    return EINVAL;
  if (at >= bases.length || base < 0 || size < 0) return EINVAL;
  bases[at] = base;
  sizes[at] = size;
  next();
  return EOK;
}
