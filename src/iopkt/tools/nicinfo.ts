// nicinfo: what a driver says about its hardware, and what it has counted. Only counters whose valid bit is set are shown.
// The labels are those people know from nicinfo; scripts read structures, not labels.
//
//   nicinfo [-s] [-v] [interface ...]      -s: the counters only    -v: with identifiers of the device

import { EINVAL, ENXIO, ErrnoError, errnoName } from '../errno.ts';
import type { ifnet } from '../ifnet.ts';
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
import { noInterface } from './ifconfig.ts';
import { type NicView, nicView } from './view.ts';

export interface NicinfoAnswer {
  /** What it prints. */
  text: string;
  nics: NicView[];
}

const USAGE = 'usage: nicinfo [-s] [-v] [interface ...]';

/** Runs `nicinfo args`; returns what it prints. Throws ErrnoError with what is wrong. */
export function nicinfo(io: IoPkt, args: readonly string[]): string {
  return runNicinfo(io, args).text;
}

/** The same with what programs want. */
export function runNicinfo(io: IoPkt, args: readonly string[]): NicinfoAnswer {
  io.refuseDead();
  const options = args.filter((word) => word.startsWith('-'));
  const wrong = options.find((word) => !/^-[sv]+$/.test(word));
  if (wrong !== undefined) throw new ErrnoError(EINVAL, `nicinfo: ${wrong}: ${USAGE}`);
  const letters = options.join('');
  const names = args.filter((word) => !word.startsWith('-'));
  const ifnets = names.length === 0 ? [...io.ifnets] : names.map((name) => found(io, name));
  const nics = ifnets.map((ifp) => nicView(io, ifp));
  const text = nics.map((nic) => formatNic(nic, letters.includes('s'), letters.includes('v'))).join('\n\n');
  return { text, nics };
}

/** `en0`, or its path as it was under io-net: `/dev/io-net/en0`. */
function found(io: IoPkt, name: string): ifnet {
  const ifp = io.find(name.replace(/^\/dev\/(io-net|io-pkt)\//, ''));
  if (ifp === null) throw new ErrnoError(ENXIO, `nicinfo: ${noInterface(io, name)}`);
  return ifp;
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
  if (stats !== null) parts.push(...(parts.length > 1 ? [''] : []), ...statsLines(stats));
  return parts.join('\n');
}

const CONNECTORS = ['Unknown', 'UTP', 'BNC', 'Fiber', 'AUI', 'MII', 'STP'];

function configLines(cfg: nic_config_t, verbose: boolean): string[] {
  const lines = [
    `  ${cfg.device_description}`,
    '',
    ...((cfg.flags & NIC_FLAG_LINK_DOWN) !== 0 ? ['  Link is DOWN', ''] : []),
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
  // Neither asked for nor known.
  if (!verbose || cfg.vendor_id === 0) return lines;
  return [
    ...lines,
    line('Vendor ID', `0x${cfg.vendor_id.toString(16)}`),
    line('Device ID', `0x${cfg.device_id.toString(16)}`),
    line('Device Revision', `0x${cfg.device_revision.toString(16)}`),
    line('Device Index', cfg.device_index),
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

/** In the order they are shown: sending first. */
const ETHER_LABELS: Record<(typeof ETHER_STAT_FIELDS)[number], string> = {
  single_collisions: 'Single Collisions on Transmit',
  multi_collisions: 'Multiple Collisions on Transmit',
  total_collision_frames: 'Total Frames experiencing Collision(s)',
  tx_deferred: 'Deferred Transmits',
  late_collisions: 'Late Collision on Transmit errors',
  xcoll_aborted: 'Transmits aborted (excessive collisions)',
  excessive_deferrals: 'Transmits aborted (excessive deferrals)',
  internal_tx_errors: 'Transmits aborted (internal errors)',
  no_carrier: 'No Carrier on Transmit',
  sqe_errors: 'SQE errors',
  jabber_detected: 'Jabber detected',
  align_errors: 'Receive Alignment errors',
  fcs_errors: 'Received packets with CRC errors',
  internal_rx_errors: 'Packets Dropped on receive',
  length_field_mismatch: 'Length field mismatches on Receive',
  length_field_outrange: 'Ethernet Headers out of range',
  oversized_packets: 'Oversized Packets received',
  short_packets: 'Short packets received',
  symbol_errors: 'Symbol Errors',
  dribble_bits: 'Frames with Dribble Bits',
};
const SHOWN_FIELDS = Object.keys(ETHER_LABELS) as (typeof ETHER_STAT_FIELDS)[number][];

/** Whether a driver keeps a counter. */
export function keepsEtherStat(stats: nic_stats_t, field: (typeof ETHER_STAT_FIELDS)[number]): boolean {
  return (stats.un_estats.valid_stats & (1 << ETHER_STAT_FIELDS.indexOf(field))) !== 0;
}

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
  const valid = SHOWN_FIELDS.filter((field) => keepsEtherStat(stats, field));
  if (valid.length > 0) lines.push('', ...valid.map((field) => line(ETHER_LABELS[field], un_estats[field])));
  return lines;
}
