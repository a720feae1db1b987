// ion.reg and what it ends with: a device of io-pkt for each interface that the driver registers, and its removal.
//
// Removal: no transmits any more, flush; the packets come home, those to send from the driver, received ones from the list;
// shutdown1, which may refuse; shutdown2; then the interface goes, and after the last one the driver's file. While the stack
// may have the driver's own buffers (shimrxcopy=0), or a packet does not come home, it is EBUSY.

import { CFATTACH_DECL, DETACH_FORCE, dev_attach, dev_detach, type device } from '../../iopkt/device.ts';
import { EBUSY, EINVAL, ENOTSUP, EOK, errnoName } from '../../iopkt/errno.ts';
import { ether_ifdetach } from '../../iopkt/ether.ts';
import { if_detach } from '../../iopkt/ifnet.ts';
import { IRUPT_PRIO_DEFAULT, interrupt_entry_init, interrupt_entry_remove } from '../../iopkt/interrupt.ts';
import { initInterface, logFailure } from '../../iopkt/net-device.ts';
import { optionValue } from '../../iopkt/nic-options.ts';
import {
  _REG_ENDPOINT,
  _REG_ENDPOINT_ARG,
  _REG_PRODUCER_UP,
  type io_net_registrant_t,
  type Ref,
} from '../interface.ts';
import { errno } from '../process.ts';
import { shim_stop } from './control.ts';
import { ShimDevice } from './device.ts';
import type { ShimDll } from './dll.ts';
import { logMistake } from './findings.ts';
import { giveBack, shimWork } from './receive.ts';
import { exchange } from './table.ts';
import { finishSent } from './transmit.ts';

interface AttachArgs {
  dll: ShimDll;
  registrant: io_net_registrant_t;
}

/** What an io-net driver's interfaces are called when it does not say. */
const PREFIX = 'en';

export function register<F>(
  dll: ShimDll,
  registrant: io_net_registrant_t<F>,
  reg_hdl: Ref<number>,
  cell: Ref<number>,
  endpoint: Ref<number>,
): number {
  const { flags, funcs, top_type } = registrant;
  const forced =
    (flags & _REG_ENDPOINT) !== 0
      ? registrant.endpoint
      : (flags & _REG_ENDPOINT_ARG) !== 0
        ? endpoint.value
        : -1;
  const driver = (flags & _REG_PRODUCER_UP) !== 0 && registrant.bot_type === null && funcs.rx_up === null;
  if (!driver) return fail(ENOTSUP);
  if (funcs.rx_down === null || funcs.tx_done === null || top_type === '') return fail(EINVAL);
  const options = [
    forced < 0 ? '' : `lan=${forced}`,
    `name=${optionValue(dll.options, 'name') ?? top_type ?? PREFIX}`,
  ].filter((option) => option !== '');
  const devp: { value: device | null } = { value: null };
  const args: AttachArgs = { dll, registrant: registrant as io_net_registrant_t };
  made = new ShimDevice(dll, args.registrant, dll.nextHandle++);
  const error = dev_attach(PREFIX, options.join(','), shim_ca, null, { value: 0 }, devp, null);
  if (error !== EOK) return fail(error);
  const dev = devp.value as ShimDevice;
  dll.devices.push(dev);
  reg_hdl.value = dev.reg_hdl;
  cell.value = 0;
  endpoint.value = dev.dv_unit;
  exchange(dll);
  return EOK;
}

/** What dev_attach is to make, for the moment of the call. */
let made: ShimDevice | null = null;

const shim_ca = CFATTACH_DECL<ShimDevice>('shim', () => made!, null, shim_attach, shim_detach, null);

function shim_attach(_parent: device | null, dev: ShimDevice): number {
  dev.inter.func = shimWork;
  dev.inter.enable = () => 1;
  dev.inter.arg = dev;
  return interrupt_entry_init(dev.inter, 0, null, IRUPT_PRIO_DEFAULT);
}

/** ion.dereg: the driver has silenced its hardware by itself. */
export function deregister(dev: ShimDevice): number {
  dev.deregistered = true;
  const error = dev_detach(dev, DETACH_FORCE);
  return error === EOK ? EOK : fail(error);
}

export function shim_detach(dev: ShimDevice, _flags: number): number {
  const { io, dll, registrant, reg_hdl } = dev;
  const ifp = dev.sc_ec.ec_if;
  const { shutdown1, shutdown2, flush } = registrant.funcs;
  if (!dll.rxcopy && ifp.if_netdev !== null) {
    io.machine.log(
      `${dev.dv_xname}: shimrxcopy=0, so the stack may have the driver's buffers, ${dev.lent} now: not removed`,
    );
    return EBUSY;
  }
  const { dying } = dev;
  const running = ifp.running;
  dev.dying = true;
  if (ifp.if_netdev !== null) shim_stop(ifp, 1);
  if (flush !== null && !dev.deregistered) dll.call(dev, 'flush', () => flush(reg_hdl, registrant.func_hdl));
  drain(dev);
  if (!dll.runUntil(() => dev.withDriver === 0)) {
    logMistake(
      io,
      'S02',
      `${dll.file}: ${dev.withDriver} packets to send are without tx_done 1 s after flush`,
    );
    return stay(dev, dying, running, EBUSY);
  }
  if (!dev.deregistered) {
    const refused =
      shutdown1 === null ? EOK : dll.call(dev, 'shutdown1', () => shutdown1(reg_hdl, registrant.func_hdl));
    if (refused !== EOK) {
      io.machine.log(`${dev.dv_xname}: its driver refuses to be removed (${errnoName(refused)})`);
      return stay(dev, dying, running, refused);
    }
    if (shutdown2 !== null) dll.call(dev, 'shutdown2', () => shutdown2(reg_hdl, registrant.func_hdl));
  }
  // What came between: the thread ran until shutdown2 ended it.
  drain(dev);
  interrupt_entry_remove(dev.inter, null);
  if (ifp.if_netdev !== null) {
    ether_ifdetach(ifp);
    if_detach(ifp);
  }
  dll.devices.splice(dll.devices.indexOf(dev), 1);
  if (dll.devices.length === 0 && !dll.loading) dll.unload();
  return EOK;
}

/** It is not removed, and goes on as it was. */
function stay(dev: ShimDevice, dying: boolean, running: boolean, error: number): number {
  dev.dying = dying;
  const ifp = dev.sc_ec.ec_if;
  // Also what waited meanwhile goes on.
  if (running) logFailure(dev.io, ifp, 'if_init', initInterface(dev.io, ifp));
  return error;
}

/** Both lists, in stack context in place of the worker. */
function drain(dev: ShimDevice): void {
  finishSent(dev);
  const device = dev.sc_ec.ec_if.if_netdev;
  for (let frame = dev.listed.shift(); frame !== null; frame = dev.listed.shift()) {
    dev.taken++;
    if (device !== null) dev.sc_ec.ec_if.if_ierrors++;
    giveBack(dev, frame);
  }
}

function fail(error: number): -1 {
  errno.value = error;
  return -1;
}
