// Loading drivers and taking interfaces away. Native drivers have no name-space entry, so there is no umount: it is
// `ifconfig <if> destroy`, and after the last interface the driver's file is unloaded.

import { DETACH_FORCE, dev_detach, type device } from './device.ts';
import { candidates, type DriverModule, type dll_handle, SHIM_FILE } from './entry.ts';
import { ENODEV, ENOENT, ENOEXEC, ENXIO, EOK, EOPNOTSUPP, ErrnoError } from './errno.ts';
import type { IoPkt } from './manager.ts';

/** Stack context. Returns the names of the interfaces that came. */
export function mount(io: IoPkt, name: string, options: string | null): string[] {
  const files = candidates(name);
  const file = files.find((candidate) => io.modules.has(candidate));
  if (file === undefined) {
    const there = [...io.modules.keys()].join(', ') || 'none';
    throw new ErrnoError(ENOENT, `no driver ${files.join(' or ')} is registered; there are: ${there}`);
  }
  const module = io.modules.get(file)!;
  if (module.iopkt_drvr_entry !== undefined) return load(io, file, module, options);
  if (module.io_net_dll_entry === undefined)
    throw new ErrnoError(ENOEXEC, `${file} exports neither iopkt_drvr_entry nor io_net_dll_entry`);
  const shim = io.modules.get(SHIM_FILE);
  if (shim?.iopkt_drvr_entry === undefined)
    throw new ErrnoError(ENOENT, `${file} is an io-net driver, and ${SHIM_FILE} is not registered`);
  return load(io, SHIM_FILE, shim, options === null ? file : `${file} ${options}`);
}

function load(io: IoPkt, file: string, module: DriverModule, options: string | null): string[] {
  const dll_hdl: dll_handle = io.loaded.get(file) ?? { file, module };
  const before = new Set(io.devices);
  io.loaded.set(file, dll_hdl);
  const said: string[] = [];
  let error: number;
  try {
    error = io.machine.overhear(said, () =>
      io.call(null, `entry of ${file}`, () => module.iopkt_drvr_entry!.drvr_init(dll_hdl, io, options)),
    );
  } finally {
    const mine = io.devices.filter((dev) => !before.has(dev));
    for (const dev of mine) dev.dv_dll_hdl ??= dll_hdl;
    unloadIfUnused(io, dll_hdl);
  }
  const came = io.devices.filter((dev) => !before.has(dev));
  if (error !== EOK && came.length === 0) {
    const why = error === ENODEV ? `found no hardware${freeCards(io)}` : 'failed';
    throw new ErrnoError(error, [`${file} ${why}`, ...said].join('; '));
  }
  return came.flatMap((dev) => dev.dv_ifnets.map((ifp) => ifp.if_xname));
}

/** What a driver could have found. */
function freeCards({ pci, pciTaken }: IoPkt): string {
  if (pci === null) return '';
  const free = pci.devices.filter((card) => !pciTaken.has(card) && pci.driverOf(card) === null);
  const hex = (id: number): string => id.toString(16).padStart(4, '0');
  const ids = free.map(({ vendorId, deviceId }) => `${hex(vendorId)}:${hex(deviceId)}`);
  return ids.length === 0 ? '; no card is free' : `; cards that are free: ${ids.join(', ')}`;
}

function unloadIfUnused(io: IoPkt, dll_hdl: dll_handle): void {
  if (io.devices.some((dev) => dev.dv_dll_hdl === dll_hdl)) return;
  io.loaded.delete(dll_hdl.file);
}

/** Stack context. */
export function destroy(io: IoPkt, name: string): void {
  const ifp = io.find(name);
  const dev: device | null = ifp?.if_dev ?? null;
  if (dev === null) throw new ErrnoError(ENXIO, `no interface ${name}`);
  const error = dev_detach(dev, DETACH_FORCE);
  if (error === EOPNOTSUPP) throw new ErrnoError(error, `the driver of ${name} has no detach function`);
  if (error !== EOK) throw new ErrnoError(error, `${name} cannot be destroyed`);
  if (dev.dv_dll_hdl !== null) unloadIfUnused(io, dev.dv_dll_hdl);
}

/** `umount`: says which command it is here. */
export function umount(name: string): never {
  throw new ErrnoError(EOPNOTSUPP, `drivers are not unmounted: use "ifconfig ${name} destroy"`);
}
