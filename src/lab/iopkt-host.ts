// A host with `stack: io-pkt`: io-pkt starts its drivers, and what they make of the cards are the host's NICs. Interfaces come
// and go while a lab runs (mount, ifconfig destroy): a NIC keeps the books of all it has had.

import type { PciBus } from '../bus/pci.ts';
import { IOPKT_DRIVERS, instanceOf, linkRate } from '../drivers/iopkt.ts';
import { ErrnoError } from '../iopkt/errno.ts';
import type { ifnet } from '../iopkt/ifnet.ts';
import { IoPkt } from '../iopkt/manager.ts';
import { DRVCOM_STATS, type ifdrv_com, nic_stats_t, sizeof_nic_stats_t } from '../iopkt/nic.ts';
import { FaultError } from '../iopkt/self.ts';
import { SIOCGDRVCOM } from '../iopkt/sockio.ts';
import type { NetDevice } from '../net/device.ts';
import type { DeviceLayer } from '../net/layer.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { driverFor } from './chips.ts';
import type { LabNic, PluggedCard } from './hosts.ts';
import { Faults } from './inject-faults.ts';
import { LabRunError } from './problem.ts';
import type { HostSpec } from './spec.ts';

export function startIoPkt(
  spec: HostSpec,
  layer: DeviceLayer,
  pci: PciBus,
  cards: readonly PluggedCard[],
): { io: IoPkt; nics: LabNic[] } {
  // Without a discipline of the layer's an interface has if_snd, as io-pkt's own.
  layer.defaultQdisc = null;
  const io = new IoPkt(layer, { pci, drivers: IOPKT_DRIVERS });
  const nics = cards.map((card) => new IoPktNic(io, card));
  let faults: Faults | null = null;
  layer.listen((device, event) => {
    const nic = event === 'registered' ? adopt(io, nics, device) : null;
    if (nic !== null) faults?.adopted(nic);
  });
  for (const i of spec.drivers.keys()) mount(io, spec, i);
  if (spec.drivers.length > 0) for (const nic of nics) demandInterface(spec, nic);
  faults = new Faults(io, spec, nics);
  return { io, nics };
}

/** Finds the card that an interface has come for. */
function adopt(io: IoPkt, nics: readonly IoPktNic[], device: NetDevice): IoPktNic | null {
  const ifp = io.byDevice.get(device);
  const instance = ifp === undefined ? null : instanceOf(ifp);
  const nic = nics.find(({ plugged }) => plugged.pci === instance?.pci);
  if (nic === undefined || ifp === undefined || instance === null) return null;
  nic.ringSize += instance.rxRing;
  nic.ifnets.push(ifp);
  nic.devices.push(device);
  if (nic.spec.qdisc === 'pfifo_fast') device.txQueues[0].qdisc = new PfifoFast(device.txQueueLength);
  return nic;
}

/** Starts the driver at `index` of the host's. */
function mount(io: IoPkt, spec: HostSpec, index: number): void {
  const { name, options } = spec.drivers[index];
  try {
    io.mount(name, options ?? null);
  } catch (error) {
    if (!(error instanceof ErrnoError)) throw error;
    throw new LabRunError(`host "${spec.name}": -d ${name}: ${error.message}`, [
      'hosts',
      spec.name,
      'drivers',
      index,
    ]);
  }
}

function demandInterface(spec: HostSpec, { spec: nic, device }: LabNic): void {
  if (device !== null) return;
  const right = `drivers: [${driverFor(nic.chip, 'io-pkt')}] would be right`;
  throw new LabRunError(`host "${spec.name}": no driver took the ${nic.chip} of ${nic.name}: ${right}`, [
    'hosts',
    spec.name,
    'drivers',
  ]);
}

/** A card of such a host. */
export class IoPktNic implements LabNic {
  readonly plugged: PluggedCard;
  readonly devices: NetDevice[] = [];
  readonly ifnets: ifnet[] = [];
  ringSize = 0;
  private readonly io: IoPkt;

  constructor(io: IoPkt, plugged: PluggedCard) {
    this.io = io;
    this.plugged = plugged;
  }

  get spec(): LabNic['spec'] {
    return this.plugged.spec;
  }

  get card(): LabNic['card'] {
    return this.plugged.card;
  }

  get connected(): boolean {
    return this.plugged.connected;
  }

  get ifp(): ifnet | null {
    return this.ifnets.find((ifp) => ifp.if_netdev !== null) ?? null;
  }

  get device(): NetDevice | null {
    return this.ifp?.if_netdev ?? null;
  }

  linkRate(): number {
    const { ifp, io } = this;
    return ifp === null || io.dead ? 0 : linkRate(io, ifp);
  }

  polled(): { polls: number; work: number } {
    const sources = this.io.interrupts.sources.filter(({ dev }) => dev !== null && dev === this.ifp?.if_dev);
    return {
      polls: sources.reduce((sum, { napi }) => sum + napi.polls, 0),
      work: sources.reduce((sum, { napi }) => sum + napi.work, 0),
    };
  }

  heldByDriver(): number {
    return this.ifnets.reduce((sum, ifp) => sum + ifp.held, 0);
  }

  /** A driver whose chip counts looks at its counters now, and takes back what was sent: what nicinfo asks for. */
  driverStats(): Record<string, number> {
    const { ifp, io } = this;
    if (ifp !== null && !io.dead) {
      const request: ifdrv_com = {
        ifdc_name: ifp.if_xname,
        ifdc_cmd: DRVCOM_STATS,
        ifdc_len: sizeof_nic_stats_t,
        ifdc_data: new nic_stats_t(),
      };
      try {
        io.ioctl(ifp.if_xname, SIOCGDRVCOM, request);
      } catch (error) {
        // The fault is in the report.
        if (!(error instanceof FaultError)) throw error;
      }
    }
    const sums: Record<string, number> = {};
    for (const each of this.ifnets) {
      for (const [name, count] of Object.entries(instanceOf(each)?.events ?? {}))
        sums[name] = (sums[name] ?? 0) + count;
    }
    return sums;
  }

  keptByCard(): number {
    return this.ifnets.reduce((sum, ifp) => sum + (instanceOf(ifp)?.kept ?? 0), 0);
  }
}
