// What ifconfig prints of an interface, in the order NetBSD's and therefore io-pkt's prints it: flags, capabilities, station
// address, media and status, supported media (-m), counters (-v), network addresses.

import {
  IFCAP_CSUM_IPv4,
  IFCAP_CSUM_TCPv4,
  IFCAP_CSUM_TCPv6,
  IFCAP_CSUM_UDPv4,
  IFCAP_CSUM_UDPv6,
  IFCAP_TSOv4,
  IFCAP_TSOv6,
  IFF_NAMES,
} from '../flags.ts';
import { IFM_ACTIVE, IFM_AVALID, IFM_INST, mediaOptionNames, mediaSubtypeName } from '../ifmedia-words.ts';
import { formatDotted, maskOfPrefix, parseDotted } from './inet.ts';
import type { InterfaceView, MediaView } from './view.ts';

export interface ShowOptions {
  /** -m */
  media: boolean;
  /** -v */
  verbose: boolean;
}

const IFCAP_NAMES: readonly (readonly [string, number])[] = [
  ['IP4CSUM', IFCAP_CSUM_IPv4],
  ['TCP4CSUM', IFCAP_CSUM_TCPv4],
  ['UDP4CSUM', IFCAP_CSUM_UDPv4],
  ['TCP6CSUM', IFCAP_CSUM_TCPv6],
  ['UDP6CSUM', IFCAP_CSUM_UDPv6],
  ['TSO4', IFCAP_TSOv4],
  ['TSO6', IFCAP_TSOv6],
];

/** `8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST>`. */
export function formatFlags(flags: number): string {
  return formatBits(flags, IFF_NAMES);
}

function formatBits(bits: number, names: readonly (readonly [string, number])[]): string {
  const set = names.filter(([, value]) => (bits & value) !== 0).map(([name]) => name);
  return `${bits.toString(16)}<${set.join(',')}>`;
}

/** `100baseTX full-duplex,flowcontrol`; with an instance other than 0, `100baseTX full-duplex instance 1`. */
export function formatMedia(word: number, beforeOptions = ' '): string {
  const options = mediaOptionNames(word).join(',');
  const instance = IFM_INST(word) === 0 ? '' : ` instance ${IFM_INST(word)}`;
  return `${mediaSubtypeName(word)}${options === '' ? '' : `${beforeOptions}${options}`}${instance}`;
}

/** `active`, `no carrier`; null: the driver does not say. */
export function mediaStatus(media: MediaView): string | null {
  if ((media.status & IFM_AVALID) === 0) return null;
  return (media.status & IFM_ACTIVE) !== 0 ? 'active' : 'no carrier';
}

export function formatInterface(view: InterfaceView, show: ShowOptions): string {
  const { media } = view;
  const lines = [`${view.name}: flags=${formatFlags(view.flags)} mtu ${view.mtu}`];
  lines.push(...capabilityLines(view), `\taddress: ${view.station}`);
  if (media !== null) lines.push(...mediaLines(media, show.media));
  if (show.verbose) lines.push(...counterLines(view));
  for (const text of view.addresses) lines.push(`\t${formatAddress(text)}`);
  return lines.join('\n');
}

/** Nothing for an interface that can do nothing of the kind. */
function capabilityLines({ capabilities: { rx, tx, enabledRx, enabledTx } }: InterfaceView): string[] {
  const some = (what: string, bits: number): string[] =>
    bits === 0 ? [] : [`\t${what}=${formatBits(bits, IFCAP_NAMES)}`];
  const able = [...some('capabilities rx', rx), ...some('capabilities tx', tx)];
  if (able.length === 0) return [];
  const enabled = [...some('enabled rx', enabledRx), ...some('enabled tx', enabledTx)];
  return [...able, ...(enabled.length === 0 ? ['\tenabled=0'] : enabled)];
}

function mediaLines(media: MediaView, withSupported: boolean): string[] {
  const active = media.active === media.current ? '' : ` (${formatMedia(media.active)})`;
  const lines = [`\tmedia: Ethernet ${formatMedia(media.current)}${active}`];
  const status = mediaStatus(media);
  if (status !== null) lines.push(`\tstatus: ${status}`);
  if (!withSupported) return lines;
  return [
    ...lines,
    '\tsupported Ethernet media:',
    ...media.supported.map((word) => `\t\tmedia ${formatMedia(word, ' mediaopt ')}`),
  ];
}

/** Packets and bytes always, the rest when there is something of it. */
function counterLines({ data }: InterfaceView): string[] {
  const counted = (count: number, one: string, always = false): string[] =>
    count === 0 && !always ? [] : [`${count} ${one}${count === 1 ? '' : 's'}`];
  const input = [
    ...counted(data.ifi_ipackets, 'packet', true),
    ...counted(data.ifi_ibytes, 'byte', true),
    ...counted(data.ifi_imcasts, 'multicast'),
    ...counted(data.ifi_ierrors, 'error'),
    ...counted(data.ifi_iqdrops, 'queue drop'),
    ...(data.ifi_noproto === 0 ? [] : [`${data.ifi_noproto} unknown protocol`]),
  ];
  const output = [
    ...counted(data.ifi_opackets, 'packet', true),
    ...counted(data.ifi_obytes, 'byte', true),
    ...counted(data.ifi_omcasts, 'multicast'),
    ...counted(data.ifi_oerrors, 'error'),
    ...counted(data.ifi_collisions, 'collision'),
  ];
  return [`\tinput: ${input.join(', ')}`, `\toutput: ${output.join(', ')}`];
}

function formatAddress(text: string): string {
  const [dotted, length] = text.split('/');
  const address = parseDotted(dotted) ?? 0;
  const mask = maskOfPrefix(Number(length));
  const broadcast = Number(length) < 31 ? ` broadcast ${formatDotted((address | ~mask) >>> 0)}` : '';
  return `inet ${dotted} netmask 0x${mask.toString(16).padStart(8, '0')}${broadcast}`;
}
