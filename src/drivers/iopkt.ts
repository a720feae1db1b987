// The native io-pkt drivers of the tree, and what can be asked of an instance besides what the interface has: which card it
// has, what it counts.

import type { PciDevice } from '../bus/pci.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import type { ifnet } from '../iopkt/ifnet.ts';
import { pcnModule } from './pcn/pcn.ts';
import { pcn_softc } from './pcn/softc.ts';
import { speedo_dev } from './speedo/softc.ts';
import { speedoModule } from './speedo/speedo.ts';

/** By the file name that io-pkt loads them under. */
export const IOPKT_DRIVERS: Readonly<Record<string, DriverModule>> = {
  'devnp-pcn.so': pcnModule,
  'devnp-speedo.so': speedoModule,
};

export interface Instance {
  readonly pci: PciDevice;
  /** Receive descriptors. */
  readonly rxRing: number;
  /** Of if_ierrors: frames that the card kept to itself, and only counted. */
  readonly kept: number;
  /** What nicinfo has no field for. */
  readonly events: Readonly<Record<string, number>>;
}

/** What is behind an interface; null when its driver is none of these. */
export function instanceOf(ifp: ifnet): Instance | null {
  const softc = ifp.if_softc;
  if (softc instanceof speedo_dev) {
    const { fcs_errors, align_errors, internal_rx_errors } = softc.stats.un_estats;
    const kept = fcs_errors + align_errors + internal_rx_errors;
    return { pci: softc.pci, rxRing: softc.rx_count, kept, events: { ...softc.events } };
  }
  if (softc instanceof pcn_softc) {
    const { sc_pci: pci, sc_rxmbuf, sc_ev } = softc;
    return { pci, rxRing: sc_rxmbuf.length, kept: sc_ev.rx_missed_frames, events: { ...sc_ev } };
  }
  return null;
}
