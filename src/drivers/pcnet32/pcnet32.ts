// Driver for the AMD PCnet family of PCI Ethernet controllers: Am79C970A PCnet-PCI II (10 Mb/s) and Am79C973 PCnet-FAST
// III (10/100 Mb/s). Written from their data sheets, AMD publications 19436 rev. E and 21510 rev. E.
// This file: which devices, probe and remove, open and stop. Where the rest is:
//   adapter.ts    the state          transmit.ts   sending and transmit completion     media.ts     link and health
//   registers.ts  CSR and BCR        interrupt.ts  interrupt and poll                  filter.ts    receive mode
//   chip.ts       start and restart  receive.ts    receiving                           ethtool.ts, selftest.ts
// Left out: external PHYs, Magic Packet, pad stripping, look-ahead packet processing, VLAN offload.

import type { PciDevice, PciDriver } from '../../bus/pci.ts';
import { PCI_DEVICE_ID, PCI_VENDOR_ID } from '../../chips/pcnet/sheet.ts';
import { Callout } from '../../kernel/callout.ts';
import { NETIF_F_SG, NetDevice, type NetDeviceOps } from '../../net/device.ts';
import { DROP_TX_ERROR, DROP_TX_TIMEOUT } from '../../net/drop-reason.ts';
import { formatMac, isValidStation } from '../../net/ether.ts';
import type { DeviceLayer } from '../../net/layer.ts';
import { Napi } from '../../net/napi.ts';
import { Adapter } from './adapter.ts';
import {
  CSR3_INTERRUPTS,
  clearTransmitRing,
  fillReceiveRing,
  freeBuffers,
  restart,
  startChip,
  stopChip,
} from './chip.ts';
import { describeState, driverStats, registerDump } from './ethtool.ts';
import { retryUpdate, updateFilter } from './filter.ts';
import { handleInterrupt, poll } from './interrupt.ts';
import { checkLink, watchLink } from './media.ts';
import { checkRing, type Pcnet32Options, type Pcnet32Settings, settle } from './options.ts';
import { selfTest } from './selftest.ts';
import { startXmit } from './transmit.ts';

export type { Pcnet32Options } from './options.ts';

/** The PCnet-Home, whose Ethernet half is a PCnet too; probe looks at the chip id. */
const PCI_DEVICE_ID_HOME = 0x2001;

/** The driver, for a machine's device layer. Throws on options that make no sense. */
export function pcnet32Driver(layer: DeviceLayer, options: Pcnet32Options = {}): PciDriver {
  const settings = settle(options);
  return {
    name: 'pcnet32',
    ids: [
      { vendorId: PCI_VENDOR_ID, deviceId: PCI_DEVICE_ID },
      { vendorId: PCI_VENDOR_ID, deviceId: PCI_DEVICE_ID_HOME },
    ],
    probe: (pci) => probe(layer, pci, settings),
    remove,
  };
}

// ---- probe and remove

function probe(layer: DeviceLayer, pci: PciDevice, settings: Pcnet32Settings): void {
  pci.enable();
  pci.setMaster();
  try {
    const a = new Adapter(layer, pci, settings);
    const address = examine(a);
    a.allocShared();
    try {
      makeDevice(a, address);
      // Last of all: from here it can be opened.
      layer.register(a.device);
    } catch (error) {
      a.freeShared();
      throw error;
    }
    pci.driverData = a;
    layer.machine.log(`${a.device.name}: ${a.chipName} at ${pci.name}, ${formatMac(address)}`);
  } catch (error) {
    pci.disable();
    throw error;
  }
}

/** Resets the chip and finds out what it is; returns its station address. Throws when it is not fit for use. */
function examine(a: Adapter): Uint8Array {
  const { lock, regs, machine } = a;
  const { cpu } = machine;
  lock.lockIrq(cpu);
  try {
    if (!regs.reset()) throw new Error(`the chip does not come out of reset in ${regs.mode} mode`);
    a.identify();
    const address = regs.readStationAddress();
    if (!isValidStation(address))
      throw new Error(`address PROM holds ${formatMac(address)}, which no station may have`);
    return address;
  } finally {
    lock.unlockIrq(cpu);
  }
}

function makeDevice(a: Adapter, address: Uint8Array): void {
  const { layer, machine } = a;
  const name = layer.allocName('eth');
  const device = new NetDevice(layer, name, operations(a));
  device.address.set(address);
  device.features = NETIF_F_SG;
  a.device = device;
  a.napi = new Napi(layer.softnet, name, (budget) => poll(a, budget));
  a.linkWatch = new Callout(machine, `${name} link watch`, () => watchLink(a));
  a.recovery = new Callout(machine, `${name} recovery`, () => restart(a, DROP_TX_ERROR));
  a.filterRetry = new Callout(machine, `${name} receive mode`, () => retryUpdate(a));
}

function operations(a: Adapter): NetDeviceOps {
  return {
    open: () => open(a),
    stop: () => stop(a),
    startXmit: (m) => startXmit(a, m),
    setRxMode: () => updateFilter(a),
    setMacAddress: () => updateFilter(a),
    txTimeout: () => txTimeout(a),
    held: () => a.txBuffers.reduce((count, m) => (m === null ? count : count + 1), 0),
    registerDump: () => registerDump(a),
    selfTest: () => offlineTest(a),
    driverStats: () => driverStats(a),
  };
}

function remove(pci: PciDevice): void {
  const a = pci.driverData as Adapter;
  a.layer.unregister(a.device);
  a.freeShared();
  pci.disable();
  pci.driverData = null;
}

// ---- open and stop

function open(a: Adapter): void {
  const { device, pci, machine, lock } = a;
  takeReceiveBuffers(a);
  fillReceiveRing(a);
  clearTransmitRing(a);
  a.csr3 = CSR3_INTERRUPTS;
  a.lastTxDone = -1;
  if (a.settings.napi) a.napi.enable();
  a.opened = true;
  try {
    a.irqAction = pci.requestIrq(device.name, (cpu) => handleInterrupt(a, cpu));
    const { cpu } = machine;
    lock.lockIrq(cpu);
    try {
      startChip(a);
    } finally {
      lock.unlockIrq(cpu);
    }
  } catch (error) {
    stop(a);
    throw new Error(`${device.name}: ${(error as Error).message}`);
  }
  device.txQueues[0].wake();
  watchLink(a);
}

/** A buffer for every receive descriptor; throws, with none taken, when there are too few. */
function takeReceiveBuffers(a: Adapter): void {
  const { rxBuffers, device, machine } = a;
  for (let i = 0; i < rxBuffers.length; i++) {
    const m = device.allocReceive();
    if (m === null) {
      for (let j = 0; j < i; j++) {
        machine.mbufs.freem(rxBuffers[j]);
        rxBuffers[j] = null;
      }
      throw new Error(
        `${device.name}: out of buffers: the receive ring wants ${rxBuffers.length}, ${i} were left`,
      );
    }
    rxBuffers[i] = m;
  }
}

/** Harmless when it is not open. */
function stop(a: Adapter): void {
  if (!a.opened) return;
  const { device, pci, machine, lock } = a;
  const { cpu } = machine;
  a.opened = false;
  a.linkWatch.stop();
  a.recovery.stop();
  a.filterRetry.stop();
  device.txQueues[0].stop();
  lock.lockIrq(cpu);
  stopChip(a);
  lock.unlockIrq(cpu);
  if (a.settings.napi) a.napi.disable();
  if (a.irqAction !== null) pci.freeIrq(a.irqAction);
  a.irqAction = null;
  // No DMA, interrupt or poll can come any more: what is in the rings is ours.
  lock.lockIrq(cpu);
  freeBuffers(a);
  lock.unlockIrq(cpu);
}

/** The device layer's watchdog: the queue has been stopped for too long. */
function txTimeout(a: Adapter): void {
  a.stats.tx_timeouts++;
  a.machine.log(`${a.device.name}: transmit hangs: ${describeState(a)}`);
  restart(a, DROP_TX_TIMEOUT);
  checkLink(a);
}

// ---- ioctl

/** ethtool -t offline: the device is out of service meanwhile; its link state and its packets in the queue stay. */
function offlineTest(a: Adapter): string[] {
  const { device } = a;
  device.layer.machine.cpu.mightSleep(`self test of ${device.name}`);
  const wasOpen = a.opened;
  if (wasOpen) stop(a);
  const failures = selfTest(a);
  if (!wasOpen) return failures;
  try {
    open(a);
  } catch (error) {
    failures.push((error as Error).message);
    device.setCarrier(false);
  }
  return failures;
}

/** ethtool -G: other ring lengths. The device must be down. Throws, with the old rings in place, on lengths it cannot do. */
export function setRingLengths(pci: PciDevice, rxRing: number, txRing: number): void {
  const a = pci.driverData as Adapter;
  const { settings, device } = a;
  if (a.opened) throw new Error(`${device.name}: ring lengths change only while it is down`);
  checkRing('receive', rxRing, 2, settings.softwareStyle);
  checkRing('transmit', txRing, 4, settings.softwareStyle);
  const before = { rxRing: settings.rxRing, txRing: settings.txRing };
  const old = [a.initBlock, a.rxRing.address, a.txRing.address];
  Object.assign(settings, { rxRing, txRing });
  try {
    a.allocShared();
  } catch (error) {
    Object.assign(settings, before);
    throw error;
  }
  for (const address of old) pci.dma.freeCoherent(address);
}
