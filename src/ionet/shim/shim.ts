// devnp-shim.so: to io-pkt one more wired Ethernet driver, which carries drivers of io-net that know nothing of it. io-pkt
// loads it by itself when what is mounted exports io_net_dll_entry; by hand it is
//
//   io-pkt -d shim "devn-xx.so options"        shimrxcopy=0 among its own options, in front or behind: the loan
//
// Where io-net was patient with a driver the shim is not: findings.ts, and the rules S01 to S13.

import { DETACH_FORCE, dev_detach } from '../../iopkt/device.ts';
import { type DriverModule, IOPKT_DRVR_ENTRY_SYM_INIT } from '../../iopkt/entry.ts';
import { EINVAL, ENODEV, ENOENT, ENOEXEC, EOK, errnoName } from '../../iopkt/errno.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import { parseOptions } from '../../iopkt/nic-options.ts';
import type { io_net_dll_entry_t } from '../interface.ts';
import { errno } from '../process.ts';
import { askAdvert } from './advert.ts';
import { ShimDevice } from './device.ts';
import { ShimDll } from './dll.ts';

/** The shim, to be registered as `devnp-shim.so`. */
export const shimModule: DriverModule = {
  iopkt_drvr_entry: IOPKT_DRVR_ENTRY_SYM_INIT('shim', (_dll_hdl, iopkt, options) =>
    shim_entry(iopkt, options),
  ),
};

interface Wanted {
  file: string;
  /** Of the driver. */
  options: string | null;
  rxcopy: boolean;
}

/** `shimrxcopy=0 "devn-xx.so transmit=64"` or what a mount makes of it; null: it is wrong. */
function parse(text: string | null): Wanted | null {
  const words = (text ?? '').replaceAll('"', ' ').trim().split(/\s+/);
  const at = words.findIndex((word) => word.endsWith('.so') && !word.includes('='));
  if (at < 0) return null;
  const own = parseOptions([...words.slice(0, at), ...words.slice(at + 1)].join(','));
  let rxcopy = true;
  const rest: string[] = [];
  for (const { key, value } of own) {
    if (key !== 'shimrxcopy') rest.push(value === null ? key : `${key}=${value}`);
    else if (value === '0' || value === '1') rxcopy = value === '1';
    else return null;
  }
  const file = words[at].slice(words[at].lastIndexOf('/') + 1);
  return { file, options: rest.length === 0 ? null : rest.join(','), rxcopy };
}

function shim_entry(io: IoPkt, options: string | null): number {
  const wanted = parse(options);
  if (wanted === null) {
    io.machine.log(
      `shim: options "${options ?? ''}": wanted is [shimrxcopy=0|1] devn-xx.so [options of the driver]`,
    );
    return EINVAL;
  }
  const module = io.modules.get(wanted.file);
  if (module === undefined) return ENOENT;
  const entry = module.io_net_dll_entry as io_net_dll_entry_t | undefined;
  if (entry === undefined || typeof entry.init !== 'function') return ENOEXEC;
  const dll = new ShimDll(io, wanted.file, entry, wanted.options, wanted.rxcopy);
  errno.value = EOK;
  const result = dll.call(null, 'init', () =>
    entry.init(dll.handle, { machine: io.machine }, dll.ion, wanted.options),
  );
  dll.loading = false;
  if (result !== 0 || dll.devices.length === 0)
    return giveUp(io, dll, result === 0 ? ENODEV : errno.value || ENODEV);
  for (const dev of [...dll.devices]) {
    if (dev.sc_ec.ec_if.if_netdev === null) askAdvert(dev);
    // A second one is to be had at any time.
    askAdvert(dev);
  }
  return EOK;
}

/** Init has failed: what it has registered goes, and its shutdown is not called. */
function giveUp(io: IoPkt, dll: ShimDll, error: number): number {
  dll.failed = true;
  if (dll.devices.length === 0) dll.unload();
  for (const dev of [...dll.devices]) {
    dev.deregistered = true;
    const left = dev_detach(dev, DETACH_FORCE);
    if (left !== EOK) io.machine.log(`shim: ${dev.dv_xname} of ${dll.file}: ${errnoName(left)}`);
  }
  return error;
}

/** What the shim knows of an interface. */
export interface ShimView {
  /** The driver's file. */
  file: string;
  rxcopy: boolean;
  /** Frames on the list to the worker. */
  listed: number;
  /** Packets to send that the driver has. */
  withDriver: number;
  /** Buffers of the driver that the stack has. */
  lent: number;
  /** Changes from the driver's thread to a worker. */
  switches: number;
  copies: number;
  loans: number;
  /** The driver's memory: packets, and blocks of ion.alloc. */
  packets: number;
  blocks: number;
}

/** Null: the interface is a native driver's. */
export function shimView(ifp: ifnet): ShimView | null {
  const dev = ifp.if_softc;
  if (!(dev instanceof ShimDevice)) return null;
  const { dll, listed, withDriver, lent, switches, copies, loans } = dev;
  return {
    file: dll.file,
    rxcopy: dll.rxcopy,
    listed: listed.count,
    withDriver: withDriver,
    lent,
    switches,
    copies,
    loans,
    packets: dll.npkts.size,
    blocks: dll.blocks.size,
  };
}
