// A driver's file. On QNX it is a DLL with one well-known symbol; here a module object registered under a file name.
//   devnp-<name>.so   native: exports iopkt_drvr_entry
//   devn-<name>.so    io-net: exports io_net_dll_entry; the shim driver (devnp-shim.so) carries it

import type { IoPkt } from './manager.ts';

/** What the driver's detect function gets, and puts into dv_dll_hdl of what it attached. */
export interface dll_handle {
  /** `devnp-speedo.so`. */
  readonly file: string;
  readonly module: DriverModule;
}

/** struct _iopkt_drvr_entry. */
export interface _iopkt_drvr_entry {
  readonly name: string;
  /** Looks for hardware and attaches it. EOK when there is an instance, ENODEV when none was found, else why not. */
  readonly drvr_init: (dll_hdl: dll_handle, iopkt: IoPkt, options: string | null) => number;
}

export interface DriverModule {
  readonly iopkt_drvr_entry?: _iopkt_drvr_entry;
  readonly io_net_dll_entry?: unknown;
}

/** IOPKT_DRVR_ENTRY_SYM_INIT. */
export function IOPKT_DRVR_ENTRY_SYM_INIT(
  name: string,
  init: _iopkt_drvr_entry['drvr_init'],
): _iopkt_drvr_entry {
  return { name, drvr_init: init };
}

/** File name of the driver that carries io-net drivers. */
export const SHIM_FILE = 'devnp-shim.so';

/** Files that a driver's name stands for, the first to be tried first. A path stands for its file; `devn-xx` is `devn-xx.so`. */
export function candidates(name: string): string[] {
  const file = name.slice(name.lastIndexOf('/') + 1);
  if (name.includes('/') || file.endsWith('.so')) return [file];
  if (/^devnp?-/.test(file)) return [`${file}.so`];
  return [`devnp-${file}.so`, `devn-${file}.so`];
}
