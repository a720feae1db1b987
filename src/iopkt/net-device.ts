// The two sides of an interface joined: what the device layer wants of a driver (open, stop, receive mode, MTU) becomes the
// calls that an io-pkt driver knows (if_ioctl, if_init, if_stop, if_start), in the context it expects.
//
// if_init comes again and again: at every address, change of flags, MTU or media, and when another protocol starts. So each
// of these is handed to the driver's if_ioctl, which passes it on to ether_ioctl, and that calls if_init.

import { Callout } from '../kernel/callout.ts';
import { NETIF_F_IP_CSUM, NETIF_F_SG, NetDevice, type NetDeviceOps } from '../net/device.ts';
import { EOK, ErrnoError, errnoName } from './errno.ts';
import { type ethercom, sameAddress } from './ether.ts';
import { fault } from './fault.ts';
import {
  IFCAP_CSUM_TCPv4,
  IFCAP_CSUM_UDPv4,
  IFF_ALLMULTI,
  IFF_OACTIVE,
  IFF_PROMISC,
  IFF_RUNNING,
  IFF_UP,
} from './flags.ts';
import type { ifnet } from './ifnet.ts';
import { DropTail } from './ifq.ts';
import { type nw_mutex, release, take } from './locks.ts';
import type { IoPkt } from './manager.ts';
import { CTX_START, ruleError } from './self.ts';
import {
  type ifreq,
  requestName,
  SIOCADDMULTI,
  SIOCDELMULTI,
  SIOCSIFADDR,
  SIOCSIFFLAGS,
  SIOCSIFMTU,
} from './sockio.ts';

/** Group addresses, first and last: what "all multicast" is to a list of ranges. */
const FIRST_GROUP = Uint8Array.of(1, 0, 0, 0, 0, 0);
const LAST_GROUP = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
/** if_timer counts seconds. */
const SECOND_NS = 1_000_000_000;

/** Makes the device of an interface; it is registered by `announce`. */
export function attachNetDevice(io: IoPkt, ifp: ifnet, snd_ex: nw_mutex): void {
  const ops: NetDeviceOps = {
    open: () => open(io, ifp),
    stop: () => close(io, ifp),
    start: () => start(io, ifp),
    setRxMode: () => later(io, ifp, 'receive mode', () => applyRxMode(io, ifp)),
    setMacAddress: () => later(io, ifp, 'station address', () => restart(io, ifp)),
    changeMtu: (mtu) => changeMtu(io, ifp, mtu),
    held: () => ifp.held,
  };
  const device = new NetDevice(io.layer, ifp.if_xname, ops);
  device.txQueueLength = ifp.if_snd.ifq_maxlen;
  ifp.bind(io, device, snd_ex);
}

/** register_netdev: from here the interface can be opened. */
export function announce(io: IoPkt, ifp: ifnet): void {
  const device = ifp.if_netdev!;
  const sums = IFCAP_CSUM_TCPv4 | IFCAP_CSUM_UDPv4;
  device.features = NETIF_F_SG | ((ifp.if_capenable_tx & sums) === sums ? NETIF_F_IP_CSUM : 0);
  device.txQueues[0].qdisc = new DropTail(ifp.if_snd.ifq_maxlen);
  io.byDevice.set(device, ifp);
  io.layer.register(device);
}

export function detachNetDevice(ifp: ifnet): void {
  const io = ifp.io!;
  const device = ifp.if_netdev!;
  watchdogs.get(ifp)?.stop();
  watchdogs.delete(ifp);
  ifp.detaching = true;
  if (io.layer.devices.includes(device)) io.layer.unregister(device);
  // Nobody settles it any more: what the detach function freed, in the ring of its last stop, say.
  ifp.countLost();
  io.byDevice.delete(device);
  io.ifnetByIndex[ifp.if_index] = null;
  if (io.ifnets.includes(ifp)) io.ifnets.splice(io.ifnets.indexOf(ifp), 1);
  const { if_dev } = ifp;
  const at = if_dev?.dv_ifnets.indexOf(ifp) ?? -1;
  if (at >= 0) if_dev?.dv_ifnets.splice(at, 1);
  ifp.if_netdev = null;
}

// ---- requests

/** Hands a request to the driver. Returns its errno. Stack context. */
export function request(io: IoPkt, ifp: ifnet, cmd: number, data: unknown): number {
  const error = io.call(ifp.if_dev, 'if_ioctl', () => ifp.if_ioctl!(ifp, cmd, data));
  ifp.settle();
  return error;
}

/** The same for those that nobody waits for: a failure is logged. */
function tell(io: IoPkt, ifp: ifnet, cmd: number, data: ifreq): number {
  const error = request(io, ifp, cmd, data);
  logFailure(io, ifp, requestName(cmd), error);
  return error;
}

export function logFailure(io: IoPkt, ifp: ifnet, what: string, error: number): void {
  if (error !== EOK) io.machine.log(`${ifp.if_xname}: ${what} failed (${errnoName(error)})`);
}

/** The same for those whose failure is an exception. */
function demand(io: IoPkt, ifp: ifnet, cmd: number, data: ifreq): void {
  const error = request(io, ifp, cmd, data);
  if (error !== EOK) throw new ErrnoError(error, `${ifp.if_xname}: ${requestName(cmd)} failed`);
}

/** Calls if_init and looks at what it left. Stack context. */
export function initInterface(io: IoPkt, ifp: ifnet): number {
  const before = io.interrupts.countOf(ifp.if_dev);
  const error = io.call(ifp.if_dev, 'if_init', () => ifp.if_init!(ifp));
  if (before > 0 && io.interrupts.countOf(ifp.if_dev) > before)
    throw ruleError(
      io,
      'P01',
      `if_init of ${ifp.if_xname} attached its interrupt again: only when iid is invalid`,
    );
  const inGeneral = (ifp.if_flags & IFF_RUNNING) !== 0;
  if (inGeneral !== ifp.running) throw halfRunning(io, ifp, 'if_init');
  if (error === EOK && !inGeneral && !ifp.detaching && ifp.if_dev?.dv_leaving !== true)
    throw ruleError(
      io,
      'P04',
      `if_init of ${ifp.if_xname} returned EOK without RUNNING in if_flags and if_flags_tx`,
    );
  ifp.settle();
  // What waited for a ring that was full has nobody else to wake it: that ring is gone.
  if (ifp.running) ifp.sendQueue.schedule();
  return error;
}

/** Calls if_stop and looks at what it left. Stack context. */
export function stopInterface(io: IoPkt, ifp: ifnet, disable: number): void {
  io.call(ifp.if_dev, 'if_stop', () => ifp.if_stop!(ifp, disable));
  if ((ifp.if_flags & IFF_RUNNING) !== 0 || ifp.running) throw halfRunning(io, ifp, 'if_stop');
  ifp.settle();
}

function halfRunning(io: IoPkt, ifp: ifnet, what: string): Error {
  const words = [
    (ifp.if_flags & IFF_RUNNING) !== 0 ? 'if_flags' : '',
    ifp.running ? 'if_flags_tx' : '',
  ].filter((word) => word !== '');
  return ruleError(
    io,
    'P04',
    `${what} of ${ifp.if_xname} left RUNNING in ${words.join(' and ')}: it is in both or in none`,
  );
}

// ---- NetDeviceOps

/** Up: by an address or by SIOCSIFFLAGS. Process context. */
function open(io: IoPkt, ifp: ifnet): void {
  io.refuseDead();
  io.stack.run('open', () => {
    ifp.if_flags |= IFF_UP;
    try {
      demand(io, ifp, ifp.addressed ? SIOCSIFADDR : SIOCSIFFLAGS, {
        ifr_name: ifp.if_xname,
        ifr_flags: ifp.if_flags,
      });
      if (!ifp.running)
        throw ruleError(
          io,
          'P16',
          `if_ioctl of ${ifp.if_xname} did not pass ${requestName(SIOCSIFFLAGS)} to ether_ioctl`,
        );
    } catch (error) {
      ifp.if_flags &= ~IFF_UP;
      throw error;
    }
    watch(io, ifp);
  });
}

/** An address was given to the interface: it is up from now on, and the driver starts afresh, every time. */
export function assignAddress(io: IoPkt, ifp: ifnet): void {
  const device = ifp.if_netdev!;
  if (device.up) {
    later(io, ifp, 'address', () =>
      demand(io, ifp, SIOCSIFADDR, { ifr_name: ifp.if_xname, ifr_flags: ifp.if_flags }),
    );
    return;
  }
  ifp.addressed = true;
  try {
    device.open();
  } finally {
    ifp.addressed = false;
  }
}

/** Down. Process context. */
function close(io: IoPkt, ifp: ifnet): void {
  watchdogs.get(ifp)?.stop();
  ifp.if_flags &= ~IFF_UP;
  if (io.dead || ifp.detaching) return;
  io.stack.run('stop', () => {
    request(io, ifp, SIOCSIFFLAGS, { ifr_name: ifp.if_xname, ifr_flags: ifp.if_flags });
    if (ifp.running)
      throw ruleError(
        io,
        'P16',
        `if_ioctl of ${ifp.if_xname} did not pass ${requestName(SIOCSIFFLAGS)} to ether_ioctl`,
      );
  });
}

/** The device layer has packets: if_start, with if_snd_ex held, which it gives back. Any context but hard interrupt. */
function start(io: IoPkt, ifp: ifnet): void {
  if (io.dead) return;
  const { contexts } = io;
  const lock = ifp.if_snd_ex!;
  contexts.enter(CTX_START, ifp.if_dev, 'if_start');
  try {
    take(io, lock, true);
    if ((ifp.if_flags_tx & IFF_OACTIVE) !== 0) release(io, lock);
    else {
      ifp.if_start!(ifp);
      if (lock.owner !== null)
        throw ruleError(
          io,
          'P05',
          `if_start of ${ifp.if_xname} returns with if_snd_ex locked (NW_SIGUNLOCK_P)`,
        );
      contexts.checkLocks();
    }
  } catch (error) {
    fault(io, error);
  } finally {
    contexts.leave();
  }
}

/** In stack context, at once if it is free. */
function later(io: IoPkt, ifp: ifnet, what: string, work: () => void): void {
  if (io.dead || ifp.detaching) return;
  io.stack.runOrDefer(ifp.if_dev, what, work);
}

function restart(io: IoPkt, ifp: ifnet): void {
  if (ifp.up) logFailure(io, ifp, 'if_init', initInterface(io, ifp));
}

function changeMtu(io: IoPkt, ifp: ifnet, mtu: number): void {
  const device = ifp.if_netdev!;
  const before = ifp.if_mtu;
  try {
    io.stack.run('mtu', () => demand(io, ifp, SIOCSIFMTU, { ifr_name: ifp.if_xname, ifr_mtu: mtu }));
  } catch (error) {
    device.mtu = before;
    throw error;
  }
}

interface Range {
  readonly low: Uint8Array;
  readonly high: Uint8Array;
}

/** Group addresses that the device layer has joined: those that programs joined by an ioctl are not its to leave. */
const layerRanges = new WeakMap<ethercom, Range[]>();

function joinedByLayer(ec: ethercom): Range[] {
  let ranges = layerRanges.get(ec);
  if (ranges === undefined) {
    ranges = [];
    layerRanges.set(ec, ranges);
  }
  return ranges;
}

function sameRange(a: Range, b: Range): boolean {
  return sameAddress(a.low, b.low) && sameAddress(a.high, b.high);
}

/** Tells the driver what has changed among group addresses and in promiscuous mode. */
function applyRxMode(io: IoPkt, ifp: ifnet): void {
  const device = ifp.if_netdev;
  if (device === null) return;
  const ec = ifp.if_ethercom!;
  const wanted = [...device.multicast.values()].map(({ address }) => ({ low: address, high: address }));
  if ((device.flags & IFF_ALLMULTI) !== 0) wanted.push({ low: FIRST_GROUP, high: LAST_GROUP });
  const joined = joinedByLayer(ec);
  for (const range of [...joined]) {
    if (wanted.some((other) => sameRange(range, other))) continue;
    joined.splice(joined.indexOf(range), 1);
    change(io, ifp, SIOCDELMULTI, range.low, range.high);
  }
  for (const range of wanted) {
    if (joined.some((other) => sameRange(range, other))) continue;
    // What fails is tried again at the next change.
    if (change(io, ifp, SIOCADDMULTI, range.low, range.high) !== EOK) continue;
    joined.push({ low: range.low.slice(), high: range.high.slice() });
  }
  const promiscuous = device.flags & IFF_PROMISC;
  if ((ifp.if_flags & IFF_PROMISC) === promiscuous) return;
  ifp.if_flags = (ifp.if_flags & ~IFF_PROMISC) | promiscuous;
  ifp.if_pcount = promiscuous === 0 ? 0 : 1;
  if (ifp.up) tell(io, ifp, SIOCSIFFLAGS, { ifr_name: ifp.if_xname, ifr_flags: ifp.if_flags });
}

function change(io: IoPkt, ifp: ifnet, cmd: number, low: Uint8Array, high: Uint8Array): number {
  return tell(io, ifp, cmd, { ifr_name: ifp.if_xname, ifr_addr: low.slice(), ifr_addrhi: high.slice() });
}

// ---- if_watchdog

const watchdogs = new WeakMap<ifnet, Callout>();

/** if_slowtimo: counts if_timer down once a second while the interface is up. */
function watch(io: IoPkt, ifp: ifnet): void {
  if (ifp.if_watchdog === null) return;
  let callout = watchdogs.get(ifp);
  if (callout === undefined) {
    callout = new Callout(io.machine, `${ifp.if_xname} if_timer`, () => {
      if (!ifp.up || io.dead) return;
      callout?.reset(SECOND_NS);
      if (ifp.if_timer === 0 || --ifp.if_timer > 0) return;
      io.stack.runOrDefer(ifp.if_dev, 'if_watchdog', () => {
        io.call(ifp.if_dev, 'if_watchdog', () => ifp.if_watchdog!(ifp));
        ifp.settle();
      });
    });
    watchdogs.set(ifp, callout);
  }
  callout.reset(SECOND_NS);
}
