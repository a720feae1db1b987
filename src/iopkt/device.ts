// struct device and dev_attach: how a driver's detect function makes an instance for each piece of hardware it finds. In C
// the softc begins with a struct device; here it extends the class. After autoconf(9) and the technote.

import type { dll_handle } from './entry.ts';
import { EEXIST, EINVAL, EOK, EOPNOTSUPP, errnoName } from './errno.ts';
import type { ifnet } from './ifnet.ts';
import type { IoPkt } from './manager.ts';
import { optionValue } from './nic-options.ts';
import { current, IN_STACK, ruleError } from './self.ts';
import { endThread, quiesce_all, unquiesce_all } from './threads.ts';

/** struct device: what every softc begins with. */
export class device {
  /** Name with unit: `fxp0`. */
  dv_xname = '';
  dv_unit = -1;
  dv_cfattach: cfattach | null = null;
  /** Set by the driver, after dev_attach, to what its entry function was given. */
  dv_dll_hdl: dll_handle | null = null;
  /** Interfaces it attached. */
  readonly dv_ifnets: ifnet[] = [];
  /** Its detach function runs. */
  dv_leaving = false;
  /** It has been detached: nothing may call into it any more. */
  dv_detached = false;
}

export interface cfattach<T extends device = device> {
  readonly ca_name: string;
  /** A zeroed softc. */
  readonly ca_new: () => T;
  readonly ca_match: ((parent: device | null, attach_arg: unknown) => number) | null;
  readonly ca_attach: (parent: device | null, self: T, attach_arg: unknown) => number;
  readonly ca_detach: ((self: T, flags: number) => number) | null;
  readonly ca_activate: ((self: T, act: number) => number) | null;
}

/** What dev_attach is to attach: in place of the softc's size C would have. */
export function CFATTACH_DECL<T extends device>(
  name: string,
  makeSoftc: () => T,
  match: cfattach<T>['ca_match'],
  attach: cfattach<T>['ca_attach'],
  detach: cfattach<T>['ca_detach'],
  activate: cfattach<T>['ca_activate'],
): cfattach<T> {
  return {
    ca_name: name,
    ca_new: makeSoftc,
    ca_match: match,
    ca_attach: attach,
    ca_detach: detach,
    ca_activate: activate,
  };
}

export const DETACH_FORCE = 1;
/** @public */
export const DETACH_QUIET = 2;

/** Longest dv_xname, without the terminating zero. */
const MAX_NAME = 15;

/**
 * Makes an instance and calls its attach function at once. `name` is the prefix, unless the options say `name=`; the unit
 * is the lowest free, unless they say `lan=` or `unit=`, which also sets `single`. EOK, and `devp` is set; EEXIST: the name
 * is taken; EINVAL: it is too long; else what the attach function returned. Stack context.
 */
export function dev_attach<T extends device>(
  name: string,
  options: string | null,
  ca: cfattach<T>,
  attach_arg: unknown,
  single: { value: number },
  devp: { value: device | null },
  print: ((arg: unknown, name: string) => void) | null,
): number {
  const io = current(IN_STACK, 'dev_attach');
  const prefix = optionValue(options, 'name') ?? name;
  const forced = optionValue(options, 'lan') ?? optionValue(options, 'unit');
  if (!/^[A-Za-z][A-Za-z0-9_-]*$/.test(prefix)) return EINVAL;
  let unit = forced === null ? 0 : Number(forced);
  if (!Number.isInteger(unit) || unit < 0 || unit > 9999) return EINVAL;
  if (forced === null) while (taken(io, `${prefix}${unit}`)) unit++;
  const xname = `${prefix}${unit}`;
  if (xname.length > MAX_NAME) return EINVAL;
  if (forced !== null) single.value = 1;
  if (taken(io, xname)) return EEXIST;

  const dev = ca.ca_new();
  dev.dv_xname = xname;
  dev.dv_unit = unit;
  dev.dv_cfattach = ca as unknown as cfattach;
  io.devices.push(dev);
  let error: number;
  try {
    error = io.call(dev, 'attach', () =>
      ca.ca_match !== null && ca.ca_match(null, attach_arg) === 0
        ? EINVAL
        : ca.ca_attach(null, dev, attach_arg),
    );
  } catch (thrown) {
    remove(io, dev);
    throw thrown;
  }
  if (error !== EOK) {
    const left = remains(io, dev);
    remove(io, dev);
    if (left !== '')
      throw ruleError(io, 'F01', `attach of ${xname} failed with ${errnoName(error)} and left ${left}`);
    return error;
  }
  print?.(attach_arg, xname);
  io.log(`${xname} attached`);
  devp.value = dev;
  return EOK;
}

function taken(io: IoPkt, xname: string): boolean {
  return io.devices.some((dev) => dev.dv_xname === xname) || io.layer.find(xname) !== undefined;
}

/**
 * Detaches a device: threads are quiesced, the driver's detach function gives everything back. EOPNOTSUPP when it has none;
 * else what that returned. Throws when the driver leaves something behind. Stack context.
 */
export function dev_detach(dev: device, flags: number): number {
  const io = current(IN_STACK, 'dev_detach');
  const detach = dev.dv_cfattach?.ca_detach;
  if (detach === null || detach === undefined) return EOPNOTSUPP;
  quiesce_all();
  try {
    dev.dv_leaving = true;
    const error = io.call(dev, 'detach', () => detach(dev, flags));
    if (error !== EOK) {
      dev.dv_leaving = false;
      return error;
    }
    for (const thread of io.threads) if (thread.dev === dev) endThread(io, thread);
    const left = remains(io, dev);
    remove(io, dev);
    if (left !== '') throw ruleError(io, 'F02', `detach of ${dev.dv_xname} left ${left}`);
  } finally {
    if (!io.dead) unquiesce_all();
  }
  io.log(`${dev.dv_xname} detached`);
  return EOK;
}

/** What of a device's is still registered, in words; empty: nothing. */
function remains(io: IoPkt, dev: device): string {
  const { interrupts } = io;
  const parts: string[] = [];
  if (dev.dv_ifnets.length > 0) parts.push(`interface ${dev.dv_ifnets[0].if_xname}`);
  if (interrupts.sources.some((source) => source.dev === dev)) parts.push('an interrupt entry');
  if (interrupts.handlers.some((handler) => handler.dev === dev)) parts.push('an interrupt attached');
  if ([...io.callouts].some((callout) => callout.dev === dev)) parts.push('a callout armed');
  if (io.hooks.some((hook) => hook.dev === dev)) parts.push('a shutdown hook');
  return parts.join(', ');
}

/** Forgets a device and what it left. */
function remove(io: IoPkt, dev: device): void {
  dev.dv_detached = true;
  io.stack.discard(dev);
  for (const ifp of [...dev.dv_ifnets]) ifp.discard();
  io.interrupts.discard(dev);
  for (const callout of [...io.callouts]) if (callout.dev === dev) callout.discard();
  for (let i = io.hooks.length - 1; i >= 0; i--) if (io.hooks[i].dev === dev) io.hooks.splice(i, 1);
  for (const thread of io.threads) if (thread.dev === dev) thread.end();
  const at = io.devices.indexOf(dev);
  if (at >= 0) io.devices.splice(at, 1);
}
