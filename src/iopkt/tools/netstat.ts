// netstat -i and -m: interfaces with their counters, and what packet buffers are used for. Layout as netstat of NetBSD.
//
//   netstat -i [-b] [-n] [-I interface]      -b: bytes in place of packets    -n is how addresses are shown anyway
//   netstat -m

import type { Machine } from '../../kernel/machine.ts';
import { M_FREE } from '../../mbuf/mbuf.ts';
import { type MbufStatistics, mbufStatistics } from '../../mbuf/statistics.ts';
import { EINVAL, ENXIO, ErrnoError } from '../errno.ts';
import { IFF_UP } from '../flags.ts';
import type { IoPkt } from '../manager.ts';
import { MT_NAMES, m_type } from '../mbuf.ts';
import { type AddressBook, maskOfPrefix, parseDotted } from './inet.ts';
import { columns } from './table.ts';
import { type InterfaceView, interfaceView } from './view.ts';

export interface NetstatAnswer {
  /** What it prints. */
  text: string;
  /** Of -i. */
  interfaces?: InterfaceView[];
  /** Of -m. */
  mbufs?: MbufView;
}

/** What netstat is to look at. */
export interface NetstatSource {
  machine: Machine;
  interfaces(): InterfaceView[];
}

/** The interfaces and buffers of io-pkt's machine. */
export function netstatSource(io: IoPkt, book: AddressBook | null): NetstatSource {
  return {
    machine: io.machine,
    interfaces: () => io.ifnets.map((ifp) => interfaceView(io, ifp, book)),
  };
}

const USAGE = 'netstat -i [-b] [-n] [-I interface] and netstat -m are what there is';

/** Runs `netstat args`. Throws ErrnoError with what is wrong. */
export function runNetstat(source: NetstatSource, args: readonly string[]): NetstatAnswer {
  const { letters, name } = parseArguments(args);
  if (letters.has('m') === (letters.has('i') || name !== null))
    throw new ErrnoError(EINVAL, `netstat ${args.join(' ')}: ${USAGE}`.replace('netstat :', 'netstat:'));
  if (letters.has('m')) {
    const mbufs = mbufView(source.machine);
    return { text: formatMbufs(mbufs), mbufs };
  }
  const all = source.interfaces();
  const interfaces = name === null ? all : all.filter((view) => view.name === name);
  if (name !== null && interfaces.length === 0) {
    const there = all.map((view) => view.name).join(', ') || 'none';
    throw new ErrnoError(ENXIO, `netstat: interface ${name} does not exist; there are: ${there}`);
  }
  return { text: formatInterfaces(interfaces, letters.has('b')), interfaces };
}

function parseArguments(args: readonly string[]): { letters: Set<string>; name: string | null } {
  const letters = new Set<string>();
  let name: string | null = null;
  for (let i = 0; i < args.length; i++) {
    // -I alone takes the next word, or the rest of its own; -in is -i -n.
    const match = /^-([bimn]*)(I(.*))?$/.exec(args[i]);
    if (match === null || args[i] === '-') throw new ErrnoError(EINVAL, `netstat: ${args[i]}: ${USAGE}`);
    for (const letter of match[1]) letters.add(letter);
    if (match[2] === undefined) continue;
    name = match[3] === '' ? (args[++i] ?? null) : match[3];
    if (name === null) throw new ErrnoError(EINVAL, 'netstat: -I wants an interface');
  }
  return { letters, name };
}

/** `netstat -i`. Throws when io-pkt is dead. */
export function netstatInterfaces(io: IoPkt, book: AddressBook | null): string {
  return formatInterfaces(netstatSource(io, book).interfaces());
}

/** A `*` behind the name: the interface is down. */
export function formatInterfaces(views: readonly InterfaceView[], bytes = false): string {
  const heads = bytes ? ['Ibytes', 'Obytes'] : ['Ipkts', 'Ierrs', 'Opkts', 'Oerrs', 'Colls'];
  const rows = [['Name', 'Mtu', 'Network', 'Address', ...heads]];
  for (const { name, flags, mtu, station, addresses, data } of views) {
    const counters = bytes
      ? [data.ifi_ibytes, data.ifi_obytes]
      : [data.ifi_ipackets, data.ifi_ierrors, data.ifi_opackets, data.ifi_oerrors, data.ifi_collisions];
    const shown = (flags & IFF_UP) !== 0 ? name : `${name}*`;
    const row = (network: string, address: string): string[] => [
      shown,
      `${mtu}`,
      network,
      address,
      ...counters.map(String),
    ];
    rows.push(row('<Link>', station));
    for (const text of addresses) rows.push(row(network(text), text.split('/')[0]));
  }
  return columns(rows, [false, false, false, false, ...heads.map(() => true)]);
}

/** `10.0.0/24`: the bytes that the mask covers. */
function network(text: string): string {
  const [dotted, length] = text.split('/');
  const prefix = Number(length);
  const address = ((parseDotted(dotted) ?? 0) & maskOfPrefix(prefix)) >>> 0;
  const bytes = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255];
  return `${bytes.slice(0, Math.max(1, Math.ceil(prefix / 8))).join('.')}/${length}`;
}

export interface MbufView extends MbufStatistics {
  /** Buffers in use, by type. */
  byType: Record<string, number>;
}

export function mbufView({ mbufs }: Machine): MbufView {
  const byType: Record<string, number> = {};
  for (const m of mbufs.mbufs) {
    if ((m.flags & M_FREE) !== 0) continue;
    const name = MT_NAMES[m_type(m)];
    byType[name] = (byType[name] ?? 0) + 1;
  }
  return { ...mbufStatistics(mbufs), byType };
}

/** `netstat -m`. */
export function netstatMbufs(io: IoPkt): string {
  return formatMbufs(mbufView(io.machine));
}

/** Bytes of a mbuf with its own storage, and of a cluster. */
const MSIZE = 256;
const MCLBYTES = 2048;
/** What netstat calls a type. */
const TYPE_WORDS: Readonly<Record<string, string>> = {
  header: 'packet headers',
  soname: 'socket names and addresses',
  soopts: 'socket options',
  ftable: 'fragment reassembly queue headers',
  control: 'extra-data protocol messages',
  oobdata: 'out-of-band data',
};

export function formatMbufs(view: MbufView): string {
  const allocated = view.mbufsInUse * MSIZE + view.clustersInUse * MCLBYTES;
  const total = view.mbufs * MSIZE + view.clusters * MCLBYTES;
  const share = Math.round((100 * allocated) / total);
  return [
    `${view.mbufsInUse} mbufs in use (most: ${view.mbufsPeak} of ${view.mbufs}):`,
    ...Object.entries(view.byType).map(
      ([type, count]) => `\t${count} mbufs allocated to ${TYPE_WORDS[type] ?? type}`,
    ),
    `${view.clustersInUse}/${view.clusters} clusters in use (most: ${view.clustersPeak})`,
    `${view.externalsInUse} external storages in use`,
    `${Math.round(total / 1024)} Kbytes allocated to network (${share}% in use)`,
    `${view.mbufFailures + view.clusterFailures} requests for memory denied`,
  ].join('\n');
}
