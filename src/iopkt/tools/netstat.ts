// netstat -i and -m: interfaces with their counters, and what packet buffers are used for. Layout as netstat of NetBSD.

import { M_FREE } from '../../mbuf/mbuf.ts';
import { type MbufStatistics, mbufStatistics } from '../../mbuf/statistics.ts';
import type { IoPkt } from '../manager.ts';
import { MT_NAMES, m_type } from '../mbuf.ts';
import { type AddressBook, formatDotted, maskOfPrefix, parseDotted } from './inet.ts';
import { columns } from './table.ts';
import { type InterfaceView, interfaceView } from './view.ts';

/** `netstat -i`. Throws when io-pkt is dead. */
export function netstatInterfaces(io: IoPkt, book: AddressBook | null): string {
  return formatInterfaces(io.ifnets.map((ifp) => interfaceView(io, ifp, book)));
}

export function formatInterfaces(views: readonly InterfaceView[]): string {
  const rows = [['Name', 'Mtu', 'Network', 'Address', 'Ipkts', 'Ierrs', 'Opkts', 'Oerrs', 'Colls']];
  for (const { name, mtu, station, addresses, data } of views) {
    const counters = [
      data.ifi_ipackets,
      data.ifi_ierrors,
      data.ifi_opackets,
      data.ifi_oerrors,
      data.ifi_collisions,
    ];
    const numbers = counters.map(String);
    rows.push([name, `${mtu}`, '<Link>', station, ...numbers]);
    for (const text of addresses) rows.push([name, `${mtu}`, network(text), text.split('/')[0], ...numbers]);
  }
  return columns(rows, [false, false, false, false, true, true, true, true, true]);
}

function network(text: string): string {
  const [dotted, length] = text.split('/');
  const address = parseDotted(dotted) ?? 0;
  return `${formatDotted((address & maskOfPrefix(Number(length))) >>> 0)}/${length}`;
}

export interface MbufView extends MbufStatistics {
  /** Buffers in use, by type. */
  byType: Record<string, number>;
}

export function mbufView(io: IoPkt): MbufView {
  const byType: Record<string, number> = {};
  for (const m of io.machine.mbufs.mbufs) {
    if ((m.flags & M_FREE) !== 0) continue;
    const name = MT_NAMES[m_type(m)];
    byType[name] = (byType[name] ?? 0) + 1;
  }
  return { ...mbufStatistics(io.machine.mbufs), byType };
}

/** `netstat -m`. */
export function netstatMbufs(io: IoPkt): string {
  return formatMbufs(mbufView(io));
}

/** Bytes of a mbuf with its own storage, and of a cluster. */
const MSIZE = 256;
const MCLBYTES = 2048;

export function formatMbufs(view: MbufView): string {
  const allocated = view.mbufsInUse * MSIZE + view.clustersInUse * MCLBYTES;
  const total = view.mbufs * MSIZE + view.clusters * MCLBYTES;
  return [
    `${view.mbufsInUse} mbufs in use (most: ${view.mbufsPeak} of ${view.mbufs}):`,
    ...Object.entries(view.byType).map(([type, count]) => `\t${count} mbufs allocated to ${type}`),
    `${view.clustersInUse} clusters in use (most: ${view.clustersPeak} of ${view.clusters})`,
    `${view.externalsInUse} external storages in use`,
    `${Math.round(allocated / 1024)} Kbytes of ${Math.round(total / 1024)} in use`,
    `${view.mbufFailures + view.clusterFailures} requests for memory denied`,
  ].join('\n');
}
