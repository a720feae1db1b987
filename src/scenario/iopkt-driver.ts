// The io-pkt drivers in the scenarios' hands: the same scenarios as for pcnet32, without those that are about its insides.
// Binding is a mount, unbinding the destruction of the interface.

import { pcnModule } from '../drivers/pcn/pcn.ts';
import type { pcn_softc } from '../drivers/pcn/softc.ts';
import type { Pcnet32Options } from '../drivers/pcnet32/pcnet32.ts';
import type { speedo_dev } from '../drivers/speedo/softc.ts';
import { speedoModule } from '../drivers/speedo/speedo.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import { IoPkt } from '../iopkt/manager.ts';
import { DRVCOM_STATS, type ifdrv_com, nic_stats_t, sizeof_nic_stats_t } from '../iopkt/nic.ts';
import { SIOCGDRVCOM } from '../iopkt/sockio.ts';
import type { DeviceLayer } from '../net/layer.ts';
import type { MakeDriver, ScenarioDriver } from './bench.ts';
import type { Need, Scenario } from './scenario.ts';
import type { Subject } from './subject.ts';

interface Kind {
  readonly module: DriverModule;
  readonly can: readonly Need[];
  readonly stats: (softc: unknown) => Record<string, number>;
  readonly settled: (softc: unknown) => boolean;
}

const KINDS = {
  pcn: {
    module: pcnModule,
    can: ['PCnet', 'transmit ring', 'long frames', 'cable'],
    stats: (softc) => ({ ...(softc as pcn_softc).sc_ev }),
    settled: () => true,
  },
  speedo: {
    module: speedoModule,
    can: ['transmit ring', 'long frames', 'cable'],
    stats: (softc) => ({ ...(softc as speedo_dev).events }),
    settled: (softc) => (softc as speedo_dev).setup_slot < 0,
  },
} as const satisfies Record<string, Kind>;

export type IopktDriverName = keyof typeof KINDS;

/** The scenarios that make sense for a driver on a card that has not got what `lacks` says. */
export function scenariosFor(
  driver: IopktDriverName,
  scenarios: readonly Scenario[],
  lacks: readonly Need[] = [],
): readonly Scenario[] {
  const can: readonly Need[] = KINDS[driver].can;
  return scenarios.filter(
    ({ needs }) => needs === undefined || (can.includes(needs) && !lacks.includes(needs)),
  );
}

/** One io-pkt a machine, however often a driver is bound. */
const managers = new WeakMap<DeviceLayer, IoPkt>();

/** Makes a driver of io-pkt's for a scenario. Of the options only ring lengths mean something. */
export function iopktDriver(name: IopktDriverName): MakeDriver {
  return (layer, options, subject) => makeDriver(name, layer, options, subject);
}

function makeDriver(
  name: IopktDriverName,
  layer: DeviceLayer,
  options: Pcnet32Options,
  subject: Subject,
): ScenarioDriver {
  const kind: Kind = KINDS[name];
  const { bus, pci } = subject;
  let io = managers.get(layer);
  if (io === undefined) {
    // Exceptions come out of the run.
    io = new IoPkt(layer, { pci: bus, sigsegv: false, drivers: { [`devnp-${name}.so`]: kind.module } });
    managers.set(layer, io);
  }
  const manager = io;
  let interfaces: string[] = [];
  let restarts = 0;
  const softc = (): unknown => manager.find(interfaces[0])?.if_softc;
  return {
    name,
    ids: [{ vendorId: pci.vendorId, deviceId: pci.deviceId }],
    probe: () => {
      interfaces = manager.mount(name, mountOptions(options));
    },
    remove: () => {
      for (const each of interfaces) manager.destroy(each);
      interfaces = [];
    },
    stats: () => {
      refresh(manager, interfaces[0]);
      const counters = kind.stats(softc());
      return { ...counters, restarts: (counters.restarts ?? 0) + restarts };
    },
    settled: () => kind.settled(softc()),
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

/** What nicinfo does: a driver whose chip counts looks at its counters then. */
function refresh(io: IoPkt, name: string): void {
  const request: ifdrv_com = {
    ifdc_name: name,
    ifdc_cmd: DRVCOM_STATS,
    ifdc_len: sizeof_nic_stats_t,
    ifdc_data: new nic_stats_t(),
  };
  io.ioctl(name, SIOCGDRVCOM, request);
}
