// nic_config_t and nic_stats_t: what drivers tell nicinfo about themselves, through SIOCGDRVCOM. Fields and flags as in the
// nicinfo header of QNX (hw/nicinfo.h, Apache licence). Rates are kbit/s; -1 is "unknown".

export const NIC_FLAG_POWER_MANAGEMENT = 0x100;
export const NIC_FLAG_MULTICAST = 0x200;
export const NIC_FLAG_PROMISCUOUS = 0x400;
export const NIC_FLAG_BROADCAST = 0x800;
export const NIC_FLAG_WIRELESS = 0x1000;
export const NIC_FLAG_LINK_DOWN = 0x2000;

export const NIC_MEDIA_802_3 = 0;
export const NIC_MEDIA_802_11 = 7;

export const NIC_CONNECTOR_UNKNOWN = 0;
export const NIC_CONNECTOR_UTP = 1;
export const NIC_CONNECTOR_BNC = 2;
export const NIC_CONNECTOR_FIBER = 3;
export const NIC_CONNECTOR_AUI = 4;
export const NIC_CONNECTOR_MII = 5;
export const NIC_CONNECTOR_STP = 6;

export const NIC_CONFIG_REVISION = 1;
export const NIC_STATS_REVISION = 1;

/** ifdc_cmd of SIOCGDRVCOM. */
export const DRVCOM_CONFIG = 0x100;
export const DRVCOM_STATS = 0x101;

export class nic_config_t {
  revision = NIC_CONFIG_REVISION;
  flags = 0;
  power_mode = 0;
  tx_csum_active = 0;
  rx_csum_active = 0;
  mtu = 0;
  mru = 0;
  verbose = 0;
  lan = -1;
  readonly permanent_address = new Uint8Array(8);
  readonly current_address = new Uint8Array(8);
  mac_length = 6;
  connector = NIC_CONNECTOR_UNKNOWN;
  /** -1: none. */
  phy_addr = -1;
  media = NIC_MEDIA_802_3;
  /** kbit/s; -1: unknown. */
  media_rate = -1;
  /** 1: full, 0: half, -1: unknown. */
  duplex = -1;
  bus_type = 0;
  vendor_id = 0;
  device_id = 0;
  device_index = 0;
  device_revision = 0;
  serial_number = 0;
  num_mem_windows = 0;
  num_io_windows = 0;
  num_irqs = 0;
  num_dma_channels = 0;
  readonly mem_window_base = new Float64Array(8);
  readonly mem_window_size = new Float64Array(8);
  readonly io_window_base = new Float64Array(8);
  readonly io_window_size = new Float64Array(8);
  rom_base = 0;
  rom_size = 0;
  readonly irq = new Int32Array(8);
  readonly dma_channel = new Int32Array(8);
  device_description = '';
  uptype = 'en';
  iftype = 0;
  priority = -1;
}

export class nic_ethernet_stats_t {
  /** Bits of the counters below that the driver keeps: NIC_ETHER_STAT_*. */
  valid_stats = 0;
  align_errors = 0;
  single_collisions = 0;
  multi_collisions = 0;
  fcs_errors = 0;
  tx_deferred = 0;
  late_collisions = 0;
  xcoll_aborted = 0;
  internal_tx_errors = 0;
  no_carrier = 0;
  internal_rx_errors = 0;
  excessive_deferrals = 0;
  length_field_mismatch = 0;
  length_field_outrange = 0;
  oversized_packets = 0;
  sqe_errors = 0;
  symbol_errors = 0;
  jabber_detected = 0;
  short_packets = 0;
  total_collision_frames = 0;
  dribble_bits = 0;
}

export class nic_stats_t {
  revision = NIC_STATS_REVISION;
  media = NIC_MEDIA_802_3;
  readonly un_estats = new nic_ethernet_stats_t();
  /** Bits of the counters after octets_rxed_ok that the driver keeps: NIC_STAT_*. */
  valid_stats = 0;
  txed_ok = 0;
  rxed_ok = 0;
  octets_txed_ok = 0;
  octets_rxed_ok = 0;
  txed_multicast = 0;
  rxed_multicast = 0;
  txed_broadcast = 0;
  rxed_broadcast = 0;
  tx_failed_allocs = 0;
  rx_failed_allocs = 0;
}

// 1 << n for the n-th counter of each structure.
export const NIC_STAT_TX_MULTICAST = 1 << 0;
export const NIC_STAT_RX_MULTICAST = 1 << 1;
export const NIC_STAT_TX_BROADCAST = 1 << 2;
export const NIC_STAT_RX_BROADCAST = 1 << 3;
export const NIC_STAT_TX_FAILED_ALLOCS = 1 << 4;
export const NIC_STAT_RX_FAILED_ALLOCS = 1 << 5;

export const NIC_ETHER_STAT_ALIGN_ERRORS = 1 << 0;
export const NIC_ETHER_STAT_SINGLE_COLLISIONS = 1 << 1;
export const NIC_ETHER_STAT_MULTI_COLLISIONS = 1 << 2;
export const NIC_ETHER_STAT_FCS_ERRORS = 1 << 3;
export const NIC_ETHER_STAT_TX_DEFERRED = 1 << 4;
export const NIC_ETHER_STAT_LATE_COLLISIONS = 1 << 5;
export const NIC_ETHER_STAT_XCOLL_ABORTED = 1 << 6;
export const NIC_ETHER_STAT_INTERNAL_TX_ERRORS = 1 << 7;
export const NIC_ETHER_STAT_NO_CARRIER = 1 << 8;
export const NIC_ETHER_STAT_INTERNAL_RX_ERRORS = 1 << 9;
export const NIC_ETHER_STAT_EXCESSIVE_DEFERRALS = 1 << 10;
export const NIC_ETHER_STAT_LENGTH_FIELD_MISMATCH = 1 << 11;
export const NIC_ETHER_STAT_LENGTH_FIELD_OUTRANGE = 1 << 12;
export const NIC_ETHER_STAT_OVERSIZED_PACKETS = 1 << 13;
export const NIC_ETHER_STAT_SQE_ERRORS = 1 << 14;
export const NIC_ETHER_STAT_SYMBOL_ERRORS = 1 << 15;
export const NIC_ETHER_STAT_JABBER_DETECTED = 1 << 16;
export const NIC_ETHER_STAT_SHORT_PACKETS = 1 << 17;
export const NIC_ETHER_STAT_TOTAL_COLLISION_FRAMES = 1 << 18;
export const NIC_ETHER_STAT_DRIBBLE_BITS = 1 << 19;

/** Counters of nic_stats_t by the bit that makes them valid. */
export const STAT_FIELDS = [
  'txed_multicast',
  'rxed_multicast',
  'txed_broadcast',
  'rxed_broadcast',
  'tx_failed_allocs',
  'rx_failed_allocs',
] as const satisfies readonly (keyof nic_stats_t)[];

/** Counters of nic_ethernet_stats_t by the bit that makes them valid. */
export const ETHER_STAT_FIELDS = [
  'align_errors',
  'single_collisions',
  'multi_collisions',
  'fcs_errors',
  'tx_deferred',
  'late_collisions',
  'xcoll_aborted',
  'internal_tx_errors',
  'no_carrier',
  'internal_rx_errors',
  'excessive_deferrals',
  'length_field_mismatch',
  'length_field_outrange',
  'oversized_packets',
  'sqe_errors',
  'symbol_errors',
  'jabber_detected',
  'short_packets',
  'total_collision_frames',
  'dribble_bits',
] as const satisfies readonly (keyof nic_ethernet_stats_t)[];

/** Argument of SIOCGDRVCOM: `ifdc_data` is filled in when ifdc_cmd and ifdc_len are right. */
export interface ifdrv_com {
  ifdc_name: string;
  ifdc_cmd: number;
  /** sizeof_nic_config_t or sizeof_nic_stats_t. */
  ifdc_len: number;
  ifdc_data: nic_config_t | nic_stats_t;
}

/**
 * Sizes of the structures in bytes, as C would lay them out here: 32-bit numbers, addresses and octet counts of 64, texts
 * of 64 and 16.
 */
export const sizeof_nic_config_t = 4 * 30 + 2 * 8 + 8 * (4 * 8 + 2) + 2 * 4 * 8 + 64 + 16;
export const sizeof_nic_stats_t = 4 * (5 + 6) + 2 * 8 + 4 * 21;

/** What a driver answers to DRVCOM_CONFIG: a copy, so that nobody writes into its own. */
export function nic_config_copy(to: nic_config_t, from: nic_config_t): void {
  copyStructure(to, from);
}

export function nic_stats_copy(to: nic_stats_t, from: nic_stats_t): void {
  copyStructure(to, from);
}

function copyStructure(to: object, from: object): void {
  const target = to as Record<string, unknown>;
  for (const [field, value] of Object.entries(from)) {
    if (ArrayBuffer.isView(value)) (target[field] as Float64Array).set(value as Float64Array);
    else if (typeof value === 'object' && value !== null) copyStructure(target[field] as object, value);
    else target[field] = value;
  }
}
