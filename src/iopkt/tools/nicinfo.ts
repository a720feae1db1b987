// nicinfo: what a driver says about its hardware, and what it has counted. Only counters whose valid bit is set are shown.
// The labels are those people know from nicinfo; scripts read structures, not labels.
//
//   nicinfo [-s] [-v] [interface]      -s: the counters only    -v: with identifiers of the device

import { ENXIO, ErrnoError, errnoName } from '../errno.ts';
import type { IoPkt } from '../manager.ts';
import {
  ETHER_STAT_FIELDS,
  NIC_CONNECTOR_MII,
  NIC_CONNECTOR_UNKNOWN,
  NIC_FLAG_LINK_DOWN,
  NIC_FLAG_MULTICAST,
  NIC_FLAG_PROMISCUOUS,
  type nic_config_t,
  type nic_stats_t,
  STAT_FIELDS,
} from '../nic.ts';
import { type NicView, nicView } from './view.ts';

/** Runs `nicinfo args`; returns what it prints. Throws ErrnoError with what is wrong. */
export function nicinfo(io: IoPkt, args: readonly string[]): string {
  const words = args.filter((word) => !/^-[sv]+$/.test(word));
  const letters = args.filter((word) => /^-[sv]+$/.test(word)).join('');
  const [name] = words;
  const ifnets = name === undefined ? io.ifnets : [io.find(name)];
  return ifnets
    .map((ifp) => {
      if (ifp === null) throw new ErrnoError(ENXIO, `nicinfo: interface ${name} does not exist`);
      return formatNic(nicView(io, ifp), letters.includes('s'), letters.includes('v'));
    })
    .join('\n\n');
}

/** Width of a label with its dots. */
const LABEL_WIDTH = 44;

function line(label: string, value: string | number, indent = 2): string {
  const text = `${' '.repeat(indent)}${label} `;
  return `${text}${'.'.repeat(Math.max(2, LABEL_WIDTH + 2 - text.length))} ${value}`;
}

export function formatNic(view: NicView, statsOnly = false, verbose = false): string {
  const { config, stats, name, error } = view;
  const parts = [`${name}:`];
  if (config === null) parts.push(`  no configuration: ${errnoName(error)}`);
  else if (!statsOnly) parts.push(...configLines(config, verbose));
  if (stats !== null) parts.push('', ...statsLines(stats));
  return parts.join('\n');
}

const CONNECTORS = ['Unknown', 'UTP', 'BNC', 'Fiber', 'AUI', 'MII', 'STP'];

function configLines(cfg: nic_config_t, verbose: boolean): string[] {
  const lines = [
    `  ${cfg.device_description}`,
    '',
    line('Physical Node ID', formatNode(cfg.permanent_address)),
    line('Current Physical Node ID', formatNode(cfg.current_address)),
    line('Current Operation Rate', formatRate(cfg)),
  ];
  if (cfg.connector !== NIC_CONNECTOR_UNKNOWN) {
    lines.push(line('Active Interface Type', CONNECTORS[cfg.connector] ?? 'Unknown'));
    if (cfg.connector === NIC_CONNECTOR_MII && cfg.phy_addr >= 0)
      lines.push(line('Active PHY address', cfg.phy_addr, 4));
  }
  lines.push(line('Maximum Transmittable data Unit', cfg.mtu), line('Maximum Receivable data Unit', cfg.mru));
  for (let i = 0; i < cfg.num_irqs; i++)
    lines.push(line('Hardware Interrupt', `0x${cfg.irq[i].toString(16)}`));
  for (let i = 0; i < cfg.num_io_windows; i++)
    lines.push(line('I/O Aperture', formatRange(cfg.io_window_base[i], cfg.io_window_size[i])));
  for (let i = 0; i < cfg.num_mem_windows; i++)
    lines.push(line('Memory Aperture', formatRange(cfg.mem_window_base[i], cfg.mem_window_size[i])));
  lines.push(
    line('Promiscuous Mode', (cfg.flags & NIC_FLAG_PROMISCUOUS) !== 0 ? 'On' : 'Off'),
    line('Multicast Support', (cfg.flags & NIC_FLAG_MULTICAST) !== 0 ? 'Enabled' : 'Disabled'),
  );
  if (!verbose) return lines;
  return [
    ...lines,
    line('Vendor ID', `0x${cfg.vendor_id.toString(16)}`),
    line('Device ID', `0x${cfg.device_id.toString(16)}`),
    line('Device Revision', `0x${cfg.device_revision.toString(16)}`),
    line('Device Index', cfg.device_index),
    line('Link', (cfg.flags & NIC_FLAG_LINK_DOWN) !== 0 ? 'Down' : 'Up'),
  ];
}

/** `000C29 DD3528`. */
function formatNode(address: Uint8Array): string {
  const hex = Array.from(address.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0').toUpperCase());
  return `${hex.slice(0, 3).join('')} ${hex.slice(3).join('')}`;
}

function formatRate(cfg: nic_config_t): string {
  if (cfg.media_rate <= 0) return 'Unknown';
  const duplex = cfg.duplex === 1 ? ' full-duplex' : cfg.duplex === 0 ? ' half-duplex' : '';
  return `${(cfg.media_rate / 1000).toFixed(2)} Mb/s${duplex}`;
}

function formatRange(base: number, size: number): string {
  const first = `0x${base.toString(16)}`;
  return size > 0 ? `${first} - 0x${(base + size - 1).toString(16)}` : first;
}

const STAT_LABELS: Record<(typeof STAT_FIELDS)[number], string> = {
  txed_broadcast: 'Broadcast Packets Transmitted OK',
  txed_multicast: 'Multicast Packets Transmitted OK',
  tx_failed_allocs: 'Memory Allocation Failures on Transmit',
  rxed_broadcast: 'Broadcast Packets Received OK',
  rxed_multicast: 'Multicast Packets Received OK',
  rx_failed_allocs: 'Memory Allocation Failures on Receive',
};

const ETHER_LABELS: Record<(typeof ETHER_STAT_FIELDS)[number], string> = {
  align_errors: 'Received packets with Alignment errors',
  single_collisions: 'Single Collisions on Transmit',
  multi_collisions: 'Multiple Collisions on Transmit',
  fcs_errors: 'Received packets with CRC errors',
  tx_deferred: 'Transmits Deferred',
  late_collisions: 'Late Collisions on Transmit',
  xcoll_aborted: 'Transmits aborted (excessive collisions)',
  internal_tx_errors: 'Transmits aborted (internal errors)',
  no_carrier: 'No Carrier on Transmit',
  internal_rx_errors: 'Receive internal errors',
  excessive_deferrals: 'Excessive Deferrals on Transmit',
  length_field_mismatch: 'Length field mismatches on Receive',
  length_field_outrange: 'Length field out of range on Receive',
  oversized_packets: 'Oversized Packets received',
  sqe_errors: 'SQE errors',
  symbol_errors: 'Symbol Errors',
  jabber_detected: 'Jabber detected',
  short_packets: 'Short packets received',
  total_collision_frames: 'Total Frames experiencing Collision(s)',
  dribble_bits: 'Dribble bits on Receive',
};

function statsLines(stats: nic_stats_t): string[] {
  const some = (wanted: readonly (keyof typeof STAT_LABELS)[]): string[] =>
    wanted
      .filter((field) => (stats.valid_stats & (1 << STAT_FIELDS.indexOf(field))) !== 0)
      .map((field) => line(STAT_LABELS[field], stats[field]));
  const lines = [
    line('Packets Transmitted OK', stats.txed_ok),
    line('Bytes Transmitted OK', stats.octets_txed_ok),
    ...some(['txed_broadcast', 'txed_multicast', 'tx_failed_allocs']),
    '',
    line('Packets Received OK', stats.rxed_ok),
    line('Bytes Received OK', stats.octets_rxed_ok),
    ...some(['rxed_broadcast', 'rxed_multicast', 'rx_failed_allocs']),
  ];
  const { un_estats } = stats;
  const valid = ETHER_STAT_FIELDS.filter((_, bit) => (un_estats.valid_stats & (1 << bit)) !== 0);
  if (valid.length > 0) lines.push('', ...valid.map((field) => line(ETHER_LABELS[field], un_estats[field])));
  return lines;
}
