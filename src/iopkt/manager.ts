// io-pkt: the manager of one machine's network drivers. It loads them, gives each what its interface promises (a file of
// this folder an area), and answers the requests people make: start, mount, ioctl, destroy, stop.
//
//   const io = new IoPkt(layer, { pci: bus });
//   io.register('devnp-xx.so', module);
//   io.mount('xx', 'irq=5');
//
// Requests are made from process context or from outside of a run.

import type { PciBus, PciDevice } from '../bus/pci.ts';
import { PROCESS } from '../kernel/cpu.ts';
import type { Machine } from '../kernel/machine.ts';
import type { NetDevice } from '../net/device.ts';
import type { DeviceEvent, DeviceLayer } from '../net/layer.ts';
import type { callout } from './callout.ts';
import type { device } from './device.ts';
import type { DriverModule, dll_handle } from './entry.ts';
import { type FaultReport, faultInCall } from './fault.ts';
import { IFF_OACTIVE, IFF_RUNNING, IFF_UP, LINK_STATE_DOWN, LINK_STATE_UP } from './flags.ts';
import { type HookResult, runHooks, type shutdownhook } from './hooks.ts';
import { IFM_FDX, ifmedia_baudrate } from './ifmedia-words.ts';
import type { ifnet } from './ifnet.ts';
import { Interrupts } from './interrupt.ts';
import type { nw_mutex } from './locks.ts';
import { activeMedia } from './media.ts';
import { destroy, mount } from './mount.ts';
import { assignAddress, initInterface, logFailure } from './net-device.ts';
import { defaultSettings, parseCommandLine, type Settings } from './options.ts';
import { ifioctl } from './requests.ts';
import { Contexts, FaultError } from './self.ts';
import { StackContext } from './stack.ts';
import { type DriverThread, nw_work_thread } from './threads.ts';

export interface IoPktOptions {
  /** Where native drivers look for PCI devices. */
  pci?: PciBus;
  /** False is -S: exceptions of drivers go on to whoever runs the machine. */
  sigsegv?: boolean;
  /** Drivers by file name, as `register` takes them. */
  drivers?: Readonly<Record<string, DriverModule>>;
}

export class IoPkt {
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly pci: PciBus | null;
  readonly pciTaken = new Set<PciDevice>();
  settings: Settings;

  readonly contexts: Contexts;
  readonly stack: StackContext;
  readonly interrupts: Interrupts;
  /** Worker threads, one a CPU. */
  readonly workers: nw_work_thread[];
  /** Of a machine with one CPU. */
  private readonly onlyWorker: nw_work_thread | null;
  /** The driver's own thread that runs now. */
  driverThread: DriverThread | null = null;
  readonly threads: DriverThread[] = [];
  nextTid = 2;
  /** quiesce_all calls not undone. */
  quiesced = 0;
  /** Mutexes held, in the order they were taken; those of them that hold interrupt work off. */
  readonly held: nw_mutex[] = [];
  signalLocks = 0;

  readonly devices: device[] = [];
  /** In the order they were attached. */
  readonly ifnets: ifnet[] = [];
  /** Index 0 is no interface's. */
  readonly ifnetByIndex: (ifnet | null)[] = [null];
  readonly byDevice = new Map<NetDevice, ifnet>();
  readonly hooks: shutdownhook[] = [];
  /** Those that are armed. */
  readonly callouts = new Set<callout>();
  /** By mbuf: if_index of the interface whose driver holds it as a packet to send. */
  readonly holders: Uint8Array;
  /** Packets passed to if_input. */
  inputs = 0;
  /** Link state changes that were news. */
  linkMessages = 0;

  readonly modules = new Map<string, DriverModule>();
  readonly loaded = new Map<string, dll_handle>();
  /** What faulted; null while all is well. */
  fault: FaultReport | null = null;
  /** After a fault, or stopped. */
  dead = false;

  constructor(layer: DeviceLayer, options: IoPktOptions = {}) {
    const { machine } = layer;
    this.layer = layer;
    this.machine = machine;
    this.pci = options.pci ?? null;
    this.settings = { ...defaultSettings(machine.cpus.length), sigsegv: options.sigsegv ?? true };
    this.contexts = new Contexts(this);
    this.stack = new StackContext(this);
    this.interrupts = new Interrupts(this);
    this.workers = machine.cpus.map((cpu) => new nw_work_thread(`io-pkt#${cpu.index}`));
    this.onlyWorker = this.workers.length === 1 ? this.workers[0] : null;
    this.holders = new Uint8Array(machine.mbufs.mbufs.length);
    for (const [file, module] of Object.entries(options.drivers ?? {})) this.register(file, module);
    layer.listen((netDevice, event) => this.deviceEvent(netDevice, event));
  }

  get sigsegv(): boolean {
    return this.settings.sigsegv;
  }

  /** The running thread's structure. */
  get thread(): nw_work_thread {
    if (this.driverThread !== null) return this.driverThread.wtp;
    return this.onlyWorker ?? this.workers[this.machine.cpu.index];
  }

  // ---- requests

  /** Makes a driver known under its file name: `devnp-speedo.so`. */
  register(file: string, module: DriverModule): void {
    this.modules.set(file, module);
  }

  /**
   * The command line of io-pkt, as words without the program's name: `['-d', 'speedo', 'speed=100,duplex=1']`. A driver
   * that fails is logged and the rest goes on; throws on wrong options.
   */
  start(args: readonly string[]): void {
    const line = parseCommandLine(args, this.settings);
    this.settings = line.settings;
    for (const { name, options } of line.drivers) {
      try {
        this.mount(name, options);
      } catch (error) {
        this.machine.log(`io-pkt: -d ${name}: ${(error as Error).message}`);
      }
    }
  }

  /** `mount -T io-pkt -o options name`. Returns the names of the new interfaces; throws ErrnoError with what is wrong. */
  mount(name: string, options: string | null = null): string[] {
    return this.request(`mount ${name}`, () => mount(this, name, options));
  }

  /** `ifconfig name destroy`. Throws ErrnoError with what is wrong. */
  destroy(name: string): void {
    this.request(`destroy ${name}`, () => destroy(this, name));
  }

  /** An ioctl to an interface; returns its errno. */
  ioctl(name: string, cmd: number, data: unknown): number {
    return this.request('ioctl', () => ifioctl(this, name, cmd, data));
  }

  /** Another protocol starts (Qnet, say): every interface that is up is initialised once more. */
  protocolStarts(name: string): void {
    this.request(`start of ${name}`, () => {
      for (const ifp of this.ifnets) if (ifp.up) logFailure(this, ifp, 'if_init', initInterface(this, ifp));
    });
  }

  /** The orderly end: shutdown hooks, the newest first, then the threads. Nothing answers afterwards. */
  stop(): HookResult[] {
    this.refuseDead();
    return this.machine.cpu.process(() => {
      this.dead = true;
      const results = runHooks(this);
      this.collapse();
      return results;
    });
  }

  /** Runs a request in stack context. */
  request<T>(what: string, work: () => T): T {
    this.refuseDead();
    return this.machine.cpu.process(() => this.stack.run(what, work));
  }

  /** An interface by its name; `enN` is also the Ethernet interface attached N-th (enmap). */
  find(name: string): ifnet | null {
    const exact = this.ifnets.find((ifp) => ifp.if_xname === name);
    if (exact !== undefined) return exact;
    const number = this.settings.enmap ? /^en(\d+)$/.exec(name) : null;
    return number === null ? null : (this.ifnets[Number(number[1])] ?? null);
  }

  // ---- into driver code

  /**
   * Calls a driver's function in the present context. What it throws is a fault, and this throws FaultError; without
   * handler (-S) it is thrown on.
   */
  call<T>(dev: device | null, what: string, work: () => T): T {
    const { contexts } = this;
    contexts.enter(contexts.context, dev, what);
    try {
      const result = work();
      contexts.checkLocks();
      return result;
    } catch (error) {
      faultInCall(this, error);
    } finally {
      contexts.leave();
    }
  }

  /** After a driver's stack code: its interfaces are as their flags say. */
  settle(dev: device | null): void {
    if (dev === null || this.dead) return;
    for (const ifp of dev.dv_ifnets) ifp.settle();
  }

  /** A driver has told the state of its link. Stack context. */
  changeLink(ifp: ifnet, state: number): void {
    if (ifp.if_link_state === state || ifp.if_netdev === null) return;
    ifp.if_link_state = state;
    ifp.if_lastchange = this.machine.cpu.now();
    this.linkMessages++;
    const words = state === LINK_STATE_UP ? 'up' : state === LINK_STATE_DOWN ? 'down' : 'unknown';
    this.log(`${ifp.if_xname}: link ${words}`);
    ifp.settle();
    // Not from here: the driver may hold the mutex that its media functions take.
    this.stack.defer(ifp.if_dev, 'media', () => this.refreshMedia(ifp));
  }

  private refreshMedia(ifp: ifnet): void {
    const { if_netdev } = ifp;
    if (if_netdev === null) return;
    const media = activeMedia(this, ifp);
    const rate = media === null ? 0 : ifmedia_baudrate(media);
    if (rate > 0) ifp.if_baudrate = rate;
    const fullDuplex = media === null ? if_netdev.link.fullDuplex : (media & IFM_FDX) !== 0;
    if_netdev.link = { bitsPerSecond: ifp.if_baudrate, fullDuplex };
  }

  // ---- the end

  deadText(): string {
    const { fault, machine } = this;
    if (fault === null) return `io-pkt of ${machine.name} has stopped`;
    return `io-pkt of ${machine.name} is dead: ${fault.driver} faulted in ${fault.entry}: ${fault.message}`;
  }

  refuseDead(): void {
    if (this.dead) throw new FaultError(this.deadText());
  }

  /** What the end of a process does: interrupts are given back, threads are gone, nothing is pending, interfaces are down. */
  collapse(): void {
    this.interrupts.clear();
    this.stack.clear();
    // The PCI server takes back what its client had: a card whose hook failed reaches no memory any more.
    for (const pci of this.pciTaken) pci.disable();
    for (const thread of this.threads) thread.end();
    for (const armed of [...this.callouts]) armed.discard();
    for (const ifp of this.ifnets) {
      const { if_netdev } = ifp;
      if (if_netdev === null) continue;
      // The driver may have been in the middle of init or stop: nobody settles it any more.
      ifp.countLost();
      if (if_netdev.up) this.layer.notify(if_netdev, 'going-down');
      if_netdev.flags &= ~IFF_UP;
      ifp.if_flags &= ~(IFF_UP | IFF_RUNNING | IFF_OACTIVE);
      ifp.if_flags_tx &= ~(IFF_RUNNING | IFF_OACTIVE);
      ifp.sendQueue.stop();
      ifp.sendQueue.reset();
      if_netdev.setCarrier(false);
    }
  }

  log(message: string): void {
    if (this.settings.verbose) this.machine.log(`io-pkt: ${message}`);
  }

  // ---- the device layer's events

  private deviceEvent(netDevice: NetDevice, event: DeviceEvent): void {
    if (event !== 'address' || this.dead) return;
    const ifp = this.byDevice.get(netDevice);
    if (ifp === undefined) return;
    const { cpu } = this.machine;
    if (!cpu.running || cpu.context === PROCESS) cpu.process(() => assignAddress(this, ifp));
    // A client of a protocol, in a softirq: it has come over this interface, which is up therefore.
    else if (netDevice.up) assignAddress(this, ifp);
    else this.machine.log(`${netDevice.name}: got an address in a softirq while down, and stays down`);
  }
}
