// Finding PCI devices for a driver's detect function: those that no other driver has, in order of their slots.

import type { PciDevice } from '../bus/pci.ts';
import type { IoPkt } from './manager.ts';

/** The `index`-th free device with these numbers, taken for the caller until pci_detach_device; null: there is none. */
export function pci_attach_device(
  io: IoPkt,
  vendor: number,
  deviceId: number,
  index: number,
): PciDevice | null {
  const { pci } = io;
  if (pci === null) return null;
  let left = index;
  for (const found of pci.devices) {
    if (found.vendorId !== vendor || found.deviceId !== deviceId) continue;
    if (io.pciTaken.has(found) || pci.driverOf(found) !== null) continue;
    if (left-- > 0) continue;
    io.pciTaken.add(found);
    found.enable();
    found.setMaster();
    return found;
  }
  return null;
}

/** Gives it back: decoding and bus mastering are off. */
export function pci_detach_device(io: IoPkt, found: PciDevice): void {
  if (!io.pciTaken.delete(found))
    throw new Error(`${found.name}: pci_detach_device of a device that is not attached`);
  found.disable();
}
