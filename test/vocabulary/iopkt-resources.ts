// What a host with an io-pkt driver holds, as a table for people: equal before and after whatever should leave nothing behind.

import type { Mbuf } from '../../src/mbuf/mbuf.ts';
import type { IopktHost } from './iopkt-host.ts';

/** The rings of either driver's softc. */
interface Rings {
  rx_mbuf?: (Mbuf | null)[];
  tx_mbuf?: (Mbuf | null)[];
  sc_rxmbuf?: (Mbuf | null)[];
  sc_txmbuf?: (Mbuf | null)[];
}

/** A line a resource: its name and how much of it is in use. */
export function resources(host: IopktHost): string {
  return Object.entries(counts(host))
    .map(([name, count]) => `${name.padEnd(22)}${String(count).padStart(4)}`)
    .join('\n');
}

function counts(host: IopktHost): Record<string, number> {
  const { machine, io, pcis } = host;
  const rings = io.ifnets.map((ifp) => ifp.if_softc as Rings);
  const filled = (ring: (Mbuf | null)[] = []): number => ring.filter((m) => m !== null).length;
  const sum = (count: (each: Rings) => number): number =>
    rings.reduce((total, each) => total + count(each), 0);
  return {
    interfaces: io.ifnets.length,
    mbufs: machine.mbufs.inUse,
    clusters: machine.mbufs.clustersInUse,
    'receive ring': sum((each) => filled(each.rx_mbuf ?? each.sc_rxmbuf)),
    'transmit ring': sum((each) => filled(each.tx_mbuf ?? each.sc_txmbuf)),
    'physical memory blocks': machine.memory.blocks,
    'DMA blocks': pcis.reduce((total, pci) => total + pci.dma.coherentBlocks, 0),
    'callouts armed': io.callouts.size,
    "machine's callouts": machine.callouts.census().length,
    'interrupt entries': io.interrupts.sources.length,
    'interrupt handlers': io.interrupts.handlers.length,
    'interrupt masks': io.interrupts.handlers.reduce((total, { masks }) => total + masks, 0),
    'shutdown hooks': io.hooks.length,
    threads: io.threads.length,
    'mutexes held': io.held.length,
    'PCI devices taken': io.pciTaken.size,
  };
}
