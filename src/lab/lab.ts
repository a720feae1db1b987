// A lab that runs: built from a LabSpec, on a virtual or a real clock. Nothing here touches files, sockets or real time;
// what does is passed in, so that a lab also runs in a browser.
//
//   bringUp ──▶ settle until the links are up ──▶ startTraffic ──▶ … ──▶ stopTraffic ──▶ drain ──▶ reportLab

import { type Clock, VirtualClock } from '../kernel/clock.ts';
import type { Cpu } from '../kernel/cpu.ts';
import { Tracer } from '../kernel/trace.ts';
import type { Capture } from '../ports/capture.ts';
import { openCapture } from '../ports/open-capture.ts';
import type { Medium } from '../wire/medium.ts';
import type { CardBooks } from './card-books.ts';
import { ourChip } from './chips.ts';
import type { Flow } from './flow.ts';
import type { LabGuest, OpenGuest } from './guest.ts';
import { makeTrafficFlow } from './host-flow.ts';
import { LabHost, type OpenBoard, type Pumped } from './hosts.ts';
import { GeneratorFlow, ReplayFlow } from './port-flow.ts';
import { LabRunError, type Path } from './problem.ts';
import { makeService, type ReadFile, type Service } from './services.ts';
import type { GeneratorSpec, LabSpec, NicSpec, ReplaySpec, TapSpec } from './spec.ts';
import { type Observe, Wires } from './wires.ts';

/** A port to the world outside, as the server opens it. */
export interface OutsidePort extends Pumped {
  readonly name: string;
  report(): Record<string, unknown>;
  /** Frames it cannot account for, and how many it took in all. */
  account(): { taken: number; missing: number };
}

export interface LabOptions {
  clock: Clock;
  readFile: ReadFile;
  trace?: Tracer;
  /** Sees every frame of every link. */
  observe?: Observe;
  /** Opens a TAP; a lab with one cannot run without it. */
  openTap?: (spec: TapSpec, medium: Medium) => OutsidePort;
  /** Starts a QEMU for a host's cards; a lab with `chip: qemu:...` cannot run without it. */
  openBoard?: OpenBoard;
  /** Puts a guest into its emulator; a lab with a guest cannot run without it. */
  openGuest?: OpenGuest;
  /** Where warnings to people go. */
  log?: (message: string) => void;
}

export class Lab {
  readonly spec: LabSpec;
  readonly clock: Clock;
  readonly trace: Tracer;
  readonly wires: Wires;
  readonly hosts: LabHost[];
  readonly guests: LabGuest[];
  readonly flows: Flow[];
  readonly services: Service[] = [];
  readonly outside: OutsidePort[];
  /** ns of each part of the run so far. */
  readonly times = { settle: 0, traffic: 0, drain: 0 };
  /** Times in each context when the traffic began. */
  readonly cpuTimes = new Map<Cpu, Float64Array>();
  private readonly readFile: ReadFile;
  private since = 0;

  constructor(spec: LabSpec, options: LabOptions) {
    const { clock, trace = new Tracer(1024), observe = null, log = () => {} } = options;
    this.spec = spec;
    this.clock = clock;
    this.trace = trace;
    this.readFile = options.readFile;
    this.wires = new Wires(spec, clock, observe);
    const { openGuest } = options;
    const opened: { close(): void }[] = [];
    const keep = <Open extends { close(): void }>(one: Open): Open => {
      opened.push(one);
      return one;
    };
    const openBoard: OpenBoard | undefined =
      options.openBoard && ((board) => keep(options.openBoard!(board)));
    const parts = { clock, seed: spec.seed, trace, wires: this.wires, log, openBoard };
    try {
      this.hosts = spec.hosts.map((host) => sayWhose(host.name, () => new LabHost(host, parts)));
      this.guests = spec.guests.map((guest) => {
        if (openGuest === undefined) throw onlyLive(`guest "${guest.name}" runs`, ['hosts', guest.name]);
        return keep(openGuest(guest, { clock, wires: this.wires, log }));
      });
      this.flows = [
        ...spec.traffic.map((traffic, i) => makeTrafficFlow(traffic, i + 1, (name) => this.host(name))),
        ...spec.ports.flatMap((port, i) =>
          port.kind === 'tap' ? [] : [this.makePortFlow(port, spec.traffic.length + i + 1, options.readFile)],
        ),
      ];
      this.outside = spec.ports.flatMap((port) =>
        port.kind === 'tap' ? [keep(this.openTap(port, options))] : [],
      );
    } catch (error) {
      for (const one of opened) one.close();
      throw error;
    }
  }

  host(name: string): LabHost {
    return this.hosts.find((host) => host.spec.name === name)!;
  }

  /** The card called `alice.eth0`, of a host or a guest; null for anything else. */
  findCard(name: string): CardBooks | null {
    for (const { spec, nics } of [...this.hosts, ...this.guests]) {
      for (const nic of nics) if (`${spec.name}.${nic.spec.name}` === name) return nic.card;
    }
    return null;
  }

  /** What the event loop has to look after. */
  get pumped(): Pumped[] {
    return [...this.outside, ...this.hosts.flatMap((host) => (host.board === null ? [] : [host.board]))];
  }

  /** Opens every device and starts the guests. */
  bringUp(): void {
    this.since = this.clock.now();
    for (const guest of this.guests) guest.start();
    for (const host of this.hosts) {
      sayWhose(host.spec.name, () => {
        host.bringUp();
        for (const spec of host.spec.services) this.services.push(makeService(host, spec, this.readFile));
      });
    }
  }

  /** Every NIC that has a cable has a link. */
  get linksUp(): boolean {
    return this.hosts.every((host) =>
      host.nics.every((nic) => !nic.connected || nic.device === null || nic.linkRate() > 0),
    );
  }

  startTraffic(): void {
    this.times.settle = this.lap();
    for (const host of this.hosts)
      for (const cpu of host.machine.cpus) this.cpuTimes.set(cpu, cpu.timeIn.slice());
    for (const flow of this.flows) flow.start();
  }

  /** Stops what sends; what is under way goes on. The traffic was to run for `limitNs`. */
  stopTraffic(limitNs = Infinity): void {
    // An activity may have run past the end.
    this.times.traffic = Math.min(this.lap(), limitNs);
    for (const flow of this.flows) flow.stop();
  }

  /** Every flow has sent all it was to send; false when there is one that never ends. */
  get trafficEnded(): boolean {
    const open = this.outside.length > 0 || this.guests.length > 0;
    return !open && this.flows.length > 0 && this.flows.every((flow) => flow.ended);
  }

  /** Nothing is on a wire, in a ring or in a queue. */
  get quiet(): boolean {
    for (const wire of this.wires.all) {
      for (const direction of Object.values(wire.device.report().directions))
        if (direction.inFlight > 0) return false;
      for (const end of wire.impaired)
        if (end !== null && end.report().directions.in.inFlight > 0) return false;
    }
    return this.hosts.every((host) => isQuiet(host));
  }

  /** The end: what was measured is complete. */
  finish(): void {
    this.times.drain = this.lap();
    this.trace.flush();
  }

  /** Closes what is open outside. Harmless when repeated. */
  close(): void {
    for (const guest of this.guests) guest.close();
    for (const each of this.pumped) each.close();
  }

  private lap(): number {
    const now = this.clock.now();
    const elapsed = now - this.since;
    this.since = now;
    return elapsed;
  }

  private makePortFlow(spec: ReplaySpec | GeneratorSpec, number: number, readFile: ReadFile): Flow {
    const host = this.host(spec.to.host);
    const parts = {
      clock: this.clock,
      socket: this.wires.socket(spec.name)!,
      host,
      nic: host.nic(spec.to.nic),
    };
    if (spec.kind === 'generator') return new GeneratorFlow(spec, number, parts);
    return new ReplayFlow(spec, parts, readCapture(spec, readFile));
  }

  private openTap(spec: TapSpec, options: LabOptions): OutsidePort {
    if (options.openTap === undefined)
      throw onlyLive(`port "${spec.name}" leads to this computer's kernel, which runs`);
    return options.openTap(spec, this.wires.socket(spec.name)!);
  }
}

function onlyLive(what: string, at: Path | null = null): LabRunError {
  return new LabRunError(`${what} in real time: softnet up FILE would be right`, at);
}

/** What a machine refuses while it is set up is the file's fault: too little memory, a gateway that is nowhere. */
function sayWhose<T>(host: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof LabRunError) throw error;
    throw new LabRunError(`host "${host}": ${(error as Error).message}`, ['hosts', host], { cause: error });
  }
}

function readCapture(spec: ReplaySpec, readFile: ReadFile): Capture {
  try {
    return openCapture(readFile(spec.file));
  } catch (error) {
    const at = ['ports', spec.name, 'file'];
    throw new LabRunError(`port "${spec.name}": ${spec.file}: ${(error as Error).message}`, at);
  }
}

/** Machines of a larger lab are not tried: each takes a few milliseconds. */
const TRIED_HOSTS = 200;

/**
 * What would stop a lab from running: reads its captures to their ends, and sets up each machine with its
 * services by itself, unplugged; not the guests.
 */
export function tryLab(spec: LabSpec, readFile: ReadFile): LabRunError[] {
  const tries = spec.hosts.slice(0, spec.hosts.length > TRIED_HOSTS ? 0 : TRIED_HOSTS).map((host) => () => {
    const clock = new VirtualClock();
    const wires = new Wires({ ...spec, links: [], switches: [], hubs: [] }, clock, null);
    const parts = { clock, seed: spec.seed, trace: new Tracer(1), wires, log: () => {} };
    sayWhose(host.name, () => {
      const tried = new LabHost({ ...host, nics: host.nics.map(withOurChip) }, parts);
      tried.bringUp();
      for (const service of host.services) makeService(tried, service, readFile);
    });
  });
  for (const port of spec.ports) if (port.kind === 'replay') tries.push(() => readToEnd(port, readFile));
  return tries.flatMap((attempt) => {
    try {
      attempt();
      return [];
    } catch (error) {
      if (error instanceof LabRunError) return [error];
      throw error;
    }
  });
}

/** A machine is tried without starting a QEMU. */
function withOurChip(nic: NicSpec): NicSpec {
  return { ...nic, chip: ourChip(nic.chip) };
}

function readToEnd(spec: ReplaySpec, readFile: ReadFile): void {
  const capture = readCapture(spec, readFile);
  try {
    for (const _ of capture);
  } catch (error) {
    const at = ['ports', spec.name, 'file'];
    throw new LabRunError(`port "${spec.name}": ${spec.file}: ${(error as Error).message}`, at);
  }
}

function isQuiet(host: LabHost): boolean {
  if (host.stack.balance().held > 0) return false;
  if (host.layer.softnet.perCpu.some((data) => data.backlogLength > 0 || data.pollList.length > 0))
    return false;
  if (host.ifbs.some(({ queued }) => queued > 0)) return false;
  return host.nics.every((nic) => {
    if (nic.device !== null && nic.device.queued > 0) return false;
    if (nic.heldByDriver() === 0) return true;
    // A driver may take its time to find out what was sent: asked for its counters it looks.
    nic.driverStats();
    return nic.heldByDriver() === 0;
  });
}
