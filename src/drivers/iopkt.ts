// The drivers that io-pkt loads, native ones and those of io-net under the shim, and what can be asked of an instance besides
// what the interface has: which card it has, what it counts.

import type { PciDevice } from '../bus/pci.ts';
import { ShimDevice } from '../ionet/shim/device.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import { ErrnoError } from '../iopkt/errno.ts';
import { IFF_SHIM } from '../iopkt/flags.ts';
import type { ifnet } from '../iopkt/ifnet.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import { DRVCOM_CONFIG, NIC_FLAG_LINK_DOWN, nic_config_t, sizeof_nic_config_t } from '../iopkt/nic.ts';
import { FaultError } from '../iopkt/self.ts';
import { SIOCGDRVCOM } from '../iopkt/sockio.ts';
import { IONET_DRIVERS } from './ionet.ts';
import { pcnModule } from './pcn/pcn.ts';
import { pcn_softc } from './pcn/softc.ts';
import { speedo_dev } from './speedo/softc.ts';
import { speedoModule } from './speedo/speedo.ts';

/** By the file name that io-pkt loads them under. */
export const IOPKT_DRIVERS: Readonly<Record<string, DriverModule>> = {
  'devnp-pcn.so': pcnModule,
  'devnp-speedo.so': speedoModule,
  ...IONET_DRIVERS,
};

export interface Instance {
  readonly pci: PciDevice;
  /** Receive descriptors. */
  readonly rxRing: number;
  /** Of if_ierrors: frames that the card kept to itself, and only counted. */
  readonly kept: number;
  /**
   * What nicinfo has no field for. rx_flushed: frames that the card delivered and that reached neither the device's packets
   * nor its errors; rx_listed: those on the shim's list.
   */
  readonly events: Readonly<Record<string, number>>;
}

/** What an io-net driver keeps of a card, as far as this file looks at it. */
interface IoNetCard {
  readonly pci: PciDevice;
  readonly rxRing: number;
  /** rx_dropped: frames that the card delivered and the driver did not pass up. */
  readonly events: Readonly<Record<string, number> & { rx_dropped: number }>;
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
  if (softc instanceof ShimDevice) return shimmed(softc);
  return null;
}

function shimmed({ registrant, listed, returned }: ShimDevice): Instance | null {
  const card = registrant.func_hdl as Partial<IoNetCard> | null;
  if (card?.pci === undefined || card.rxRing === undefined || card.events === undefined) return null;
  const { pci, rxRing, events } = card;
  return {
    pci,
    rxRing,
    kept: 0,
    events: { ...events, rx_flushed: events.rx_dropped + returned, rx_listed: listed.count },
  };
}

/** Bits a second of the interface's link, as its driver knows it; 0: it has none. A system call. */
export function linkRate(io: IoPkt, ifp: ifnet): number {
  const device = ifp.if_netdev;
  if (device === null || !device.carrier) return 0;
  if ((ifp.if_flags & IFF_SHIM) === 0) return device.link.bitsPerSecond;
  // io-net has no word for a link that comes or goes: its drivers are asked.
  const config = new nic_config_t();
  try {
    io.ioctl(ifp.if_xname, SIOCGDRVCOM, {
      ifdc_name: ifp.if_xname,
      ifdc_cmd: DRVCOM_CONFIG,
      ifdc_len: sizeof_nic_config_t,
      ifdc_data: config,
    });
  } catch (error) {
    // io-pkt has reported the fault; with an errno the driver does not tell.
    if (!(error instanceof FaultError || error instanceof ErrnoError)) throw error;
  }
  const down = config.media_rate <= 0 || (config.flags & NIC_FLAG_LINK_DOWN) !== 0;
  return down ? 0 : config.media_rate * 1000;
}
