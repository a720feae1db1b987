// One loaded io-net driver: the System that its code runs on, and the books of what it has taken: memory, packets, threads,
// channels, interrupts, cards. What is left of them when it has been unloaded is a mistake of the driver's, and is given
// back for it.

import type { PciDevice } from '../../bus/pci.ts';
import { EOK, errnoName } from '../../iopkt/errno.ts';
import { faultInCall } from '../../iopkt/fault.ts';
import { InterruptAttach, InterruptDetach, InterruptMask, InterruptUnmask } from '../../iopkt/interrupt.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import { nic_delay, spend } from '../../iopkt/nic-delay.ts';
import { pci_attach_device, pci_detach_device } from '../../iopkt/pci.ts';
import { type DriverThread, nw_pthread_reap, pthread_create } from '../../iopkt/threads.ts';
import type { Machine } from '../../kernel/machine.ts';
import type { ThreadBody } from '../../kernel/thread.ts';
import type { io_net_dll_entry_t, io_net_self_t } from '../interface.ts';
import type { Channel, pthread_mutex_t } from '../neutrino.ts';
import { enterProcess, leaveProcess, type System } from '../process.ts';
import type { ShimDevice } from './device.ts';
import { logMistake, mistake } from './findings.ts';
import { RETURNED, type UpNpkt } from './packets.ts';
import { makeSelf } from './table.ts';

/** Virtual time that a thread has to end, and a driver to give packets back. */
export const WAIT_LIMIT_NS = 1_000_000_000;
const LOOK_NS = 1_000_000;

export class ShimDll implements System {
  readonly io: IoPkt;
  readonly machine: Machine;
  /** `devn-xx.so`. */
  readonly file: string;
  readonly entry: io_net_dll_entry_t;
  readonly options: string | null;
  /** shimrxcopy. */
  readonly rxcopy: boolean;
  /** dll_hdl of the driver. */
  readonly handle: object = {};
  readonly ion: io_net_self_t;
  /** The table of `ion` that holds; 0: nothing is registered yet. */
  generation = 0;
  readonly devices: ShimDevice[] = [];
  nextHandle = 1;
  /** Calls of tx_up_start. */
  passes = 0;
  /** Its init runs: the last interface may go without it. */
  loading = true;
  /** Its init has failed. */
  failed = false;
  readonly channels: (Channel | null)[] = [];
  readonly held: pthread_mutex_t[] = [];
  /** What ion.alloc gave, by address; packets of ion.alloc_up_npkt. */
  readonly blocks = new Map<number, number>();
  readonly npkts = new Set<UpNpkt>();
  readonly workerName: number;
  private readonly threads: DriverThread[] = [];
  private readonly iids = new Set<number>();
  private readonly cards = new Set<PciDevice>();

  constructor(io: IoPkt, file: string, entry: io_net_dll_entry_t, options: string | null, rxcopy: boolean) {
    this.io = io;
    this.machine = io.machine;
    this.file = file;
    this.entry = entry;
    this.options = options;
    this.rxcopy = rxcopy;
    this.workerName = io.machine.trace.addName('io-pkt worker');
    this.ion = makeSelf(this);
  }

  // ---- into driver code

  /** Framework code turns into the driver's, in the present context. Returns what `end` wants. */
  begin(dev: ShimDevice | null, what: string): System | null {
    const { contexts } = this.io;
    contexts.enter(contexts.context, dev, what);
    return enterProcess(this);
  }

  end(before: System | null): void {
    leaveProcess(before);
    this.io.contexts.leave();
  }

  /** The same for calls that are no packet's. */
  call<T>(dev: ShimDevice | null, what: string, work: () => T): T {
    const locks = this.held.length;
    const before = this.begin(dev, what);
    try {
      const result = work();
      this.checkHeld(locks, what);
      return result;
    } catch (error) {
      this.fault(locks, error);
    } finally {
      this.end(before);
    }
  }

  checkHeld(locks: number, what: string): void {
    const { held } = this;
    if (held.length === locks) return;
    mistake(this.io, 'L04', `${this.file}: ${what} returns with mutex ${held[held.length - 1]?.name} held`);
  }

  /** Driver code that `begin` has entered has thrown. */
  fault(locks: number, error: unknown): never {
    this.dropLocks(locks);
    faultInCall(this.io, error);
  }

  /** After an exception: mutexes taken since. */
  private dropLocks(locks: number): void {
    while (this.held.length > locks) {
      this.held.pop()!.held = false;
      this.machine.cpu.bhEnable();
    }
  }

  mistake(rule: string, message: string): never {
    mistake(this.io, rule, `${this.file}: ${message}`);
  }

  // ---- threads

  spawn(name: string, body: ThreadBody): number {
    const tid = { value: 0 };
    if (pthread_create(tid, { name }, (own: ThreadBody) => inProcess(this, own), body) !== EOK) return -1;
    const thread = this.io.threads.find((made) => made.tid === tid.value)!;
    this.threads.push(thread);
    return thread.tid;
  }

  wake(tid: number): void {
    const { threads } = this;
    for (let i = 0; i < threads.length; i++) if (threads[i].tid === tid) threads[i].thread?.wake();
  }

  cancel(tid: number): boolean {
    const thread = this.threads.find((made) => made.tid === tid);
    if (thread === undefined) return false;
    thread.end();
    this.collect(thread);
    return true;
  }

  join(tid: number): boolean {
    const thread = this.threads.find((made) => made.tid === tid);
    if (thread === undefined || this.io.driverThread === thread) return false;
    if (!this.runUntil(() => thread.finished)) return false;
    this.collect(thread);
    return true;
  }

  self(): number {
    const { driverThread } = this.io;
    return driverThread !== null && this.threads.includes(driverThread) ? driverThread.tid : 0;
  }

  private collect(thread: DriverThread): void {
    thread.end();
    this.threads.splice(this.threads.indexOf(thread), 1);
    nw_pthread_reap(thread.tid);
  }

  /**
   * Lets the driver's threads run, and virtual time, until `holds`; false: not within 1 s. Stack context, which the machine
   * does not leave meanwhile, so threads are run from here.
   */
  runUntil(holds: () => boolean): boolean {
    for (let waited = 0; !holds() && !this.io.dead; waited += LOOK_NS) {
      if (waited >= WAIT_LIMIT_NS) return false;
      for (const thread of [...this.threads]) if (!thread.finished) thread.slice();
      if (!holds()) spend(this.io, LOOK_NS);
    }
    return holds();
  }

  // ---- interrupts, cards, time

  attachInterrupt(irq: number, deliver: () => void): number {
    const isr = (_area: null, iid: number): null => {
      InterruptMask(irq, iid);
      const device = this.devices[0]?.sc_ec.ec_if.if_netdev;
      if (device !== undefined && device !== null) device.interrupts++;
      deliver();
      return null;
    };
    const iid = InterruptAttach(irq, isr, null, 0, 0);
    if (iid !== -1) this.iids.add(iid);
    return iid;
  }

  detachInterrupt(iid: number): number {
    return this.iids.delete(iid) ? InterruptDetach(iid) : -1;
  }

  maskInterrupt(irq: number, iid: number): number {
    return InterruptMask(irq, iid);
  }

  unmaskInterrupt(irq: number, iid: number): number {
    return InterruptUnmask(irq, iid);
  }

  delay(msec: number): void {
    nic_delay(msec);
  }

  attachPci(vendor: number, device: number, index: number): PciDevice | null {
    const found = pci_attach_device(this.io, vendor, device, index);
    if (found !== null) this.cards.add(found);
    return found;
  }

  detachPci(pci: PciDevice): void {
    this.cards.delete(pci);
    pci_detach_device(this.io, pci);
  }

  // ---- the end

  /** After its last interface: the driver's shutdown, then whatever it has left. Stack context. */
  unload(): void {
    const { shutdown } = this.entry;
    if (shutdown !== null && !this.failed && !this.io.dead) {
      const result = this.call(null, 'shutdown', () => shutdown(this.handle));
      if (result !== EOK) this.io.machine.log(`shim: shutdown of ${this.file}: ${errnoName(result)}`);
    }
    this.reportRest();
    for (const thread of [...this.threads]) this.collect(thread);
    for (const iid of [...this.iids]) this.detachInterrupt(iid);
    for (const pci of [...this.cards]) this.detachPci(pci);
    for (const address of this.blocks.keys()) this.machine.memory.free(address);
    this.blocks.clear();
    this.npkts.clear();
    this.channels.length = 0;
  }

  private reportRest(): void {
    const { io, file, npkts } = this;
    let returned = 0;
    for (const npkt of npkts) if (npkt.state === RETURNED) returned++;
    const lost = npkts.size - returned;
    // A packet that came back from tx_up_start says so until it goes up again: with others lost it tells nothing. The buffers of
    // packets that are lost are lost with them.
    if (lost === 0 && returned > 0)
      logMistake(io, 'S06', `${file}: ${returned} packets that tx_up_start returned were never recycled`);
    else if (lost > 0 || this.blocks.size > 0)
      logMistake(
        io,
        this.failed ? 'F01' : 'S11',
        `${file}: unloaded with ${npkts.size} packets and ${this.blocks.size} blocks not freed`,
      );
    const parts = [
      this.threads.length > 0 ? `thread ${this.threads[0].wtp.name}` : '',
      this.iids.size > 0 ? 'an interrupt attached' : '',
      this.cards.size > 0 ? 'a PCI device' : '',
      this.channels.some((channel) => channel !== null) ? 'a channel' : '',
    ].filter((part) => part !== '');
    if (parts.length > 0) logMistake(io, 'F02', `${file}: unloaded with ${parts.join(', ')} left`);
  }
}

/** A thread's body runs in its driver's process, and waits without a mutex. */
function* inProcess(dll: ShimDll, body: ThreadBody): ThreadBody {
  for (;;) {
    const before = enterProcess(dll);
    let wait: number;
    try {
      const result = body.next();
      if (result.done === true) return;
      wait = result.value;
      dll.checkHeld(0, 'a thread');
    } catch (error) {
      dll.fault(0, error);
    } finally {
      leaveProcess(before);
    }
    yield wait;
  }
}
