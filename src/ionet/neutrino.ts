// Calls of the Neutrino kernel that io-net drivers make: channels and pulses, interrupts as events, threads, mutexes.
//
//   line ─► InterruptAttachEvent: the kernel masks the line and sends the pulse ─► the driver's thread: MsgReceivePulse,
//   work, InterruptUnmask
//
// Threads are generators, as everywhere here. MsgReceivePulse does not block: -1 means that the thread is to yield BLOCK
// and to ask again.

import type { PciDevice } from '../bus/pci.ts';
import type { ThreadBody } from '../kernel/thread.ts';
import { errno, process, type System } from './process.ts';
import { EAGAIN, EINVAL, EOK } from './shared.ts';

/** Pulses that wait in a channel. */
const PULSES = 256;

export class Channel {
  readonly system: System;
  /** Thread that waits here; 0: nobody. */
  receiver = 0;
  /** Pulses that found it full. */
  lost = 0;
  /** The receiver has taken one since it last was told to wait. */
  served = false;
  count = 0;
  private next = 0;
  private readonly codes = new Int32Array(PULSES);
  private readonly values = new Int32Array(PULSES);

  constructor(system: System) {
    this.system = system;
  }

  send(code: number, value: number): boolean {
    if (this.count === PULSES) {
      this.lost++;
      return false;
    }
    const at = (this.next + this.count++) % PULSES;
    this.codes[at] = code;
    this.values[at] = value;
    if (this.receiver !== 0) this.system.wake(this.receiver);
    return true;
  }

  take(pulse: _pulse): boolean {
    if (this.count === 0) return false;
    pulse.code = this.codes[this.next];
    pulse.value = this.values[this.next];
    this.next = (this.next + 1) % PULSES;
    this.count--;
    return true;
  }
}

/** struct _pulse. */
export interface _pulse {
  code: number;
  value: number;
}

/** struct sigevent of the kind SIGEV_PULSE. */
export class sigevent {
  sigev_coid = -1;
  sigev_priority = 0;
  sigev_code = 0;
  sigev_value = 0;
  channel: Channel | null = null;

  /** The MDI library brings its own code. */
  deliver(code: number = this.sigev_code): void {
    this.channel?.send(code, this.sigev_value);
  }
}

/** Codes from here on are a driver's own. */
export const _PULSE_CODE_MINAVAIL = 0;

/** Makes a channel. Returns its chid. */
export function ChannelCreate(_flags: number): number {
  const system = process('ChannelCreate');
  const free = system.channels.indexOf(null);
  const chid = free < 0 ? system.channels.length : free;
  system.channels[chid] = new Channel(system);
  return chid;
}

export function ChannelDestroy(chid: number): number {
  const system = process('ChannelDestroy');
  if (channelOf(system, chid) === null) return fail(EINVAL);
  system.channels[chid] = null;
  return EOK;
}

/** Connects to a channel of the driver's own process: nd 0, pid 0. Returns the coid. */
export function ConnectAttach(nd: number, pid: number, chid: number, _index: number, _flags: number): number {
  const system = process('ConnectAttach');
  if (nd !== 0 || pid !== 0 || channelOf(system, chid) === null) return fail(EINVAL);
  // Connections have no state of their own here.
  return chid;
}

export function ConnectDetach(coid: number): number {
  return channelOf(process('ConnectDetach'), coid) === null ? fail(EINVAL) : EOK;
}

export function SIGEV_PULSE_INIT(
  event: sigevent,
  coid: number,
  priority: number,
  code: number,
  value: number,
): void {
  event.sigev_coid = coid;
  event.sigev_priority = priority;
  event.sigev_code = code;
  event.sigev_value = value;
  event.channel = channelOf(process('SIGEV_PULSE_INIT'), coid);
}

/** Sends a pulse. EOK; -1 and errno EAGAIN: the channel is full. */
export function MsgSendPulse(coid: number, _priority: number, code: number, value: number): number {
  const system = process('MsgSendPulse');
  const channel = channelOf(system, coid);
  if (channel === null) return fail(EINVAL);
  kernelCall(system);
  return channel.send(code, value) ? EOK : fail(EAGAIN);
}

/**
 * Takes a pulse. 0; -1 and errno EAGAIN: yield BLOCK and ask again. None is there; or one has been taken already, and others
 * of the same priority come first, as with round robin: a card that never stops asking would keep the CPU for ever.
 */
export function MsgReceivePulse(chid: number, pulse: _pulse): number {
  const system = process('MsgReceivePulse');
  const channel = channelOf(system, chid);
  if (channel === null) return fail(EINVAL);
  channel.receiver = system.self();
  const had = channel.served;
  channel.served = !had && channel.take(pulse);
  if (!channel.served) {
    if (had && channel.count > 0) system.wake(channel.receiver);
    errno.value = EAGAIN;
    return -1;
  }
  kernelCall(system);
  return 0;
}

// ---- interrupts

/** From now on each interrupt masks the line and sends the pulse. Returns the iid, or -1 and errno EINVAL. */
export function InterruptAttachEvent(irq: number, event: sigevent, _flags: number): number {
  if (event.channel === null) return fail(EINVAL);
  const iid = process('InterruptAttachEvent').attachInterrupt(irq, () => event.deliver());
  return iid === -1 ? fail(EINVAL) : iid;
}

export function InterruptDetach(iid: number): number {
  const result = process('InterruptDetach').detachInterrupt(iid);
  return result === -1 ? fail(EINVAL) : result;
}

export function InterruptMask(irq: number, iid: number): number {
  const system = process('InterruptMask');
  return system.maskInterrupt(irq, iid);
}

/** Takes a mask back: one for each pulse. */
export function InterruptUnmask(irq: number, iid: number): number {
  const system = process('InterruptUnmask');
  return system.unmaskInterrupt(irq, iid);
}

// ---- threads

/** EOK and `tid`, or EAGAIN: too many. */
export function pthread_create<T>(
  tid: { value: number } | null,
  attr: { name?: string } | null,
  func: (arg: T) => ThreadBody,
  arg: T,
): number {
  const made = process('pthread_create').spawn(attr?.name ?? func.name, func(arg));
  if (made < 0) return EAGAIN;
  if (tid !== null) tid.value = made;
  return EOK;
}

/** Ends a thread where it waits. EINVAL: there is none. */
export function pthread_cancel(tid: number): number {
  return process('pthread_cancel').cancel(tid) ? EOK : EINVAL;
}

/** Waits for the end of a thread. Not from a thread. EINVAL: there is none, or it does not end. */
export function pthread_join(tid: number): number {
  return process('pthread_join').join(tid) ? EOK : EINVAL;
}

/** Waits. From init and what is called like it; a thread yields the ns instead. */
export function delay(msec: number): void {
  process('delay').delay(msec);
}

// ---- mutexes

/**
 * Nobody waits here: code runs to its end, and what could want a mutex from its holder is held off while it is held. So a
 * mutex that is taken already is a dead-lock.
 */
export class pthread_mutex_t {
  readonly name: string;
  held = false;

  constructor(name: string) {
    this.name = name;
  }
}

export function pthread_mutex_lock(mutex: pthread_mutex_t): number {
  const system = process('pthread_mutex_lock');
  if (mutex.held) system.mistake('L03', `mutex ${mutex.name} is taken again by its holder: dead-lock`);
  const { cpu } = system.machine;
  cpu.bhDisable();
  cpu.charge(cpu.profile.lock);
  mutex.held = true;
  system.held.push(mutex);
  return EOK;
}

export function pthread_mutex_unlock(mutex: pthread_mutex_t): number {
  const system = process('pthread_mutex_unlock');
  const { held } = system;
  const at = held.lastIndexOf(mutex);
  if (at < 0) system.mistake('L04', `mutex ${mutex.name} is given back, and nobody holds it`);
  for (let i = at; i < held.length - 1; i++) held[i] = held[i + 1];
  held.pop();
  mutex.held = false;
  system.machine.cpu.bhEnable();
  return EOK;
}

// ---- PCI

/** The `index`-th free device with these numbers, enabled and taken; null: there is none. */
export function pci_attach_device(vendor: number, device: number, index: number): PciDevice | null {
  return process('pci_attach_device').attachPci(vendor, device, index);
}

export function pci_detach_device(pci: PciDevice): void {
  process('pci_detach_device').detachPci(pci);
}

// ---- cache

/** Before a device is told of bytes the CPU wrote. The bus is coherent: nothing to do. */
export function CACHE_FLUSH(_ctl: unknown, _va: number, _pa: number, _length: number): void {}

/** Before the CPU looks at bytes a device wrote. Moves nothing on a coherent bus; the first touch is charged. */
export function CACHE_INVAL(_ctl: unknown, _va: number, _pa: number, _length: number): void {
  const { cpu } = process('CACHE_INVAL').machine;
  cpu.charge(cpu.profile.descriptor);
}

/** What packets pass is charged; setting up and taking down is not. */
function kernelCall(system: System): void {
  const { cpu } = system.machine;
  cpu.charge(cpu.profile.systemCall);
}

function channelOf(system: System, chid: number): Channel | null {
  return system.channels[chid] ?? null;
}

function fail(error: number): -1 {
  errno.value = error;
  return -1;
}
