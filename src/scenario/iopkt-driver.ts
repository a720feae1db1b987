// io-pkt's drivers in the scenarios' hands, native ones and those of io-net under the shim: the same scenarios as for pcnet32,
// without those that are about its insides. Binding is a mount, unbinding the destruction of the interface.

import { speedo_t } from '../drivers/devn-speedo/state.ts';
import { IOPKT_DRIVERS, instanceOf, linkRate } from '../drivers/iopkt.ts';
import type { Pcnet32Options } from '../drivers/pcnet32/pcnet32.ts';
import { speedo_dev } from '../drivers/speedo/softc.ts';
import { ShimDevice } from '../ionet/shim/device.ts';
import { shimFindings } from '../ionet/shim/findings.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import { ErrnoError } from '../iopkt/errno.ts';
import { IoPkt } from '../iopkt/manager.ts';
import { DRVCOM_STATS, nic_stats_t, sizeof_nic_stats_t } from '../iopkt/nic.ts';
import { SIOCGDRVCOM } from '../iopkt/sockio.ts';
import type { DeviceLayer } from '../net/layer.ts';
import type { MakeDriver, ScenarioDriver } from './bench.ts';
import type { Need, Scenario } from './scenario.ts';
import type { Subject } from './subject.ts';

/** What each of them can do of what a scenario may need. */
const CAN = {
  pcn: ['native', 'PCnet', 'transmit ring', 'long frames', 'cable'],
  speedo: ['native', 'transmit ring', 'long frames', 'cable'],
  'devn-pcnet': [],
  'devn-speedo': ['long frames'],
} as const satisfies Record<string, readonly Need[]>;

export type IopktDriverName = keyof typeof CAN;

/** The scenarios that make sense for a driver on a card that has not got what `lacks` says. */
export function scenariosFor(
  driver: IopktDriverName,
  scenarios: readonly Scenario[],
  lacks: readonly Need[] = [],
): readonly Scenario[] {
  const can: readonly Need[] = CAN[driver];
  return scenarios.filter(
    ({ needs }) => needs === undefined || (can.includes(needs) && !lacks.includes(needs)),
  );
}

/** One io-pkt a machine, however often a driver is bound. */
const managers = new WeakMap<DeviceLayer, IoPkt>();

/** Makes a driver of io-pkt's for a scenario. Of the options only ring lengths mean something. */
export function iopktDriver(name: IopktDriverName): MakeDriver {
  return (layer, options, subject) =>
    makeDriver(name, mountOptions(options), managerOf(layer, subject), subject);
}

/** A driver that is not of the tree: what its file exports, for io-pkt or for io-net. It is mounted without options. */
export function ownIopktDriver(name: string, module: DriverModule): MakeDriver {
  const mounted = module.io_net_dll_entry === undefined ? 'devnp-own' : 'devn-own';
  return (layer, _options, subject) => {
    const io = managerOf(layer, subject);
    if (!io.modules.has(`${mounted}.so`)) io.register(`${mounted}.so`, module);
    return { ...makeDriver(mounted, null, io, subject), name };
  };
}

function managerOf(layer: DeviceLayer, { bus }: Subject): IoPkt {
  let io = managers.get(layer);
  if (io === undefined) {
    // Exceptions come out of the run.
    io = new IoPkt(layer, { pci: bus, sigsegv: false, drivers: IOPKT_DRIVERS });
    managers.set(layer, io);
  }
  return io;
}

function makeDriver(name: string, options: string | null, manager: IoPkt, { pci }: Subject): ScenarioDriver {
  let interfaces: string[] = [];
  let restarts = 0;
  return {
    name,
    ids: [{ vendorId: pci.vendorId, deviceId: pci.deviceId }],
    probe: () => {
      interfaces = manager.mount(name, options);
    },
    remove: () => {
      for (const each of interfaces) manager.destroy(each);
      interfaces = [];
      const [broken] = shimFindings(manager);
      if (broken !== undefined) throw new Error(`rule ${broken.rule}: ${broken.message}`);
    },
    stats: () => {
      const { un_estats } = nicinfo(manager, interfaces[0]);
      const ifp = manager.find(interfaces[0]);
      // An io-net driver has no counters but nicinfo's.
      const counters: Record<string, number> = {
        rx_missed_frames: un_estats.internal_rx_errors,
        ...(ifp === null ? {} : instanceOf(ifp)?.events),
      };
      return { ...counters, restarts: (counters.restarts ?? 0) + restarts };
    },
    linked: () => {
      const ifp = manager.find(interfaces[0]);
      return ifp !== null && linkRate(manager, ifp) > 0;
    },
    settled: () => {
      const softc = manager.find(interfaces[0])?.if_softc;
      const card = softc instanceof ShimDevice ? softc.registrant.func_hdl : softc;
      return !(card instanceof speedo_dev || card instanceof speedo_t) || card.setup_slot < 0;
    },
    restart: () => {
      manager.protocolStarts('a protocol');
      restarts++;
    },
  };
}

function mountOptions({ rxRing, txRing }: Pcnet32Options): string | null {
  const options: string[] = [];
  if (rxRing !== undefined) options.push(`receive=${rxRing}`);
  if (txRing !== undefined) options.push(`transmit=${txRing}`);
  return options.length === 0 ? null : options.join(',');
}

/** What nicinfo asks for: a driver whose chip counts looks at its counters then. All 0 when it has no answer. */
function nicinfo(io: IoPkt, name: string): nic_stats_t {
  const stats = new nic_stats_t();
  try {
    io.ioctl(name, SIOCGDRVCOM, {
      ifdc_name: name,
      ifdc_cmd: DRVCOM_STATS,
      ifdc_len: sizeof_nic_stats_t,
      ifdc_data: stats,
    });
  } catch (error) {
    if (!(error instanceof ErrnoError)) throw error;
  }
  return stats;
}
