// What the tools show, as plain data for programs: numbers with their names beside them, addresses as text, and of a driver's
// counters only those that it keeps.

import { formatMac } from '../../net/ether.ts';
import { errnoName } from '../errno.ts';
import { IFF_NAMES } from '../flags.ts';
import { ETHER_STAT_FIELDS, type nic_config_t, type nic_stats_t, STAT_FIELDS } from '../nic.ts';
import { formatMedia, mediaStatus } from './ifconfig-show.ts';
import { keepsEtherStat } from './nicinfo.ts';
import type { InterfaceView, NicView } from './view.ts';

/** InterfaceView with `flagNames` and, under `media`, the words as ifconfig prints them. */
export function interfaceRecord(view: InterfaceView): Record<string, unknown> {
  const { media, flags } = view;
  const flagNames = IFF_NAMES.filter(([, value]) => (flags & value) !== 0).map(([name]) => name);
  const names =
    media === null
      ? null
      : {
          current: formatMedia(media.current),
          active: formatMedia(media.active),
          status: mediaStatus(media),
          supported: media.supported.map((word) => formatMedia(word)),
        };
  return { ...view, flagNames, media: media === null ? null : { ...media, names } };
}

/** NicView; `error` is a name or null. */
export function nicRecord({ name, config, stats, error }: NicView): Record<string, unknown> {
  return {
    name,
    config: config === null ? null : configRecord(config),
    stats: stats === null ? null : statsRecord(stats),
    error: error === 0 ? null : errnoName(error),
  };
}

function configRecord(cfg: nic_config_t): Record<string, unknown> {
  return {
    ...cfg,
    permanent_address: formatMac(cfg.permanent_address.subarray(0, 6)),
    current_address: formatMac(cfg.current_address.subarray(0, 6)),
    mem_window_base: Array.from(cfg.mem_window_base.subarray(0, cfg.num_mem_windows)),
    mem_window_size: Array.from(cfg.mem_window_size.subarray(0, cfg.num_mem_windows)),
    io_window_base: Array.from(cfg.io_window_base.subarray(0, cfg.num_io_windows)),
    io_window_size: Array.from(cfg.io_window_size.subarray(0, cfg.num_io_windows)),
    irq: Array.from(cfg.irq.subarray(0, cfg.num_irqs)),
    dma_channel: Array.from(cfg.dma_channel.subarray(0, cfg.num_dma_channels)),
  };
}

function statsRecord(stats: nic_stats_t): Record<string, number> {
  const { txed_ok, rxed_ok, octets_txed_ok, octets_rxed_ok } = stats;
  const record: Record<string, number> = { txed_ok, rxed_ok, octets_txed_ok, octets_rxed_ok };
  STAT_FIELDS.forEach((field, bit) => {
    if ((stats.valid_stats & (1 << bit)) !== 0) record[field] = stats[field];
  });
  for (const field of ETHER_STAT_FIELDS)
    if (keepsEtherStat(stats, field)) record[field] = stats.un_estats[field];
  return record;
}
