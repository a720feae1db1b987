// The QNX tools against a lab that runs: mount, ifconfig, nicinfo, netstat on one of its hosts. Called between two turns of
// the lab, from outside of its activities; the work is done in process context of the host's machine, as a program's would be.
//
//   runTool(lab, 'alice', ['ifconfig', 'fxp0', 'mtu', '1400'])
//
// A host with the core's stack can be looked at by ifconfig and netstat; the rest is io-pkt's.

import type { InetStack } from '../inet/stack.ts';
import { EINVAL, EOPNOTSUPP, ErrnoError, errnoName } from '../iopkt/errno.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import { FaultError, IoPktError } from '../iopkt/self.ts';
import { type IfconfigAnswer, runIfconfig, showInterfaces } from '../iopkt/tools/ifconfig.ts';
import { netstatSource, runNetstat } from '../iopkt/tools/netstat.ts';
import { runNicinfo } from '../iopkt/tools/nicinfo.ts';
import { interfaceRecord, nicRecord } from '../iopkt/tools/records.ts';
import type { DeviceLayer } from '../net/layer.ts';
import type { Tc } from '../tc/command.ts';
import { TcError } from '../tc/words.ts';
import { coreView } from './core-view.ts';
import { parseMount } from './tool-mount.ts';

/** What of a lab the tools need: a Lab has it. */
export interface ToolLab {
  readonly hosts: readonly ToolHost[];
}

export interface ToolHost {
  readonly spec: { readonly name: string };
  readonly layer: DeviceLayer;
  readonly stack: InetStack;
  /** Null: the core's stack. */
  readonly io: IoPkt | null;
  /** Null: io-pkt, whose interfaces have no traffic control. */
  readonly tc: Tc | null;
}

export interface ToolAnswer {
  /** What the tool prints, without the last line's end; empty when it has nothing to say, as after a change. */
  text: string;
  /** The same for programs. */
  json: unknown;
}

/** A tool that was refused something, or was called wrongly. */
export class ToolError extends Error {
  /** `EINVAL`, `ENXIO`, ...; `EFAULT` when io-pkt is dead of a driver's fault; empty: no errno says it. */
  readonly errno: string;

  constructor(message: string, errno = '') {
    super(message);
    this.name = 'ToolError';
    this.errno = errno;
  }
}

export const TOOL_NAMES = ['mount', 'umount', 'ifconfig', 'nicinfo', 'netstat', 'tc'] as const;

/**
 * Runs `argv` on a host; null is the lab's only host, or the only one with io-pkt. Throws ToolError with what is wrong and
 * what would be right.
 */
export function runTool(lab: ToolLab, hostName: string | null, argv: readonly string[]): ToolAnswer {
  const [tool, ...args] = argv;
  if (!TOOL_NAMES.includes(tool as (typeof TOOL_NAMES)[number]))
    throw new ToolError(`"${tool ?? ''}" is no tool: ${TOOL_NAMES.join(', ')} are`, 'ENOENT');
  const host = findHost(lab, hostName, tool);
  try {
    // What it does may end in work for later: that is all it leaves behind.
    return host.layer.machine.process(() => run(host, tool, args));
  } catch (error) {
    throw explained(error, host);
  }
}

/** The hosts of a lab with their stacks and interfaces. */
export function toolHosts(lab: ToolLab): { name: string; stack: 'io-pkt' | 'core'; interfaces: string[] }[] {
  return lab.hosts.map(({ spec, io, layer }) => ({
    name: spec.name,
    stack: io === null ? 'core' : 'io-pkt',
    interfaces: layer.devices.map((device) => device.name),
  }));
}

function findHost(lab: ToolLab, name: string | null, tool: string): ToolHost {
  const { hosts } = lab;
  if (name !== null) {
    const host = hosts.find(({ spec }) => spec.name === name);
    if (host === undefined)
      throw new ToolError(`the lab has no host "${name}"; there are: ${namesOf(lab)}`, 'ENOENT');
    return host;
  }
  const isFor = ({ io }: ToolHost): boolean => (tool === 'tc' ? io === null : io !== null);
  const candidates = hosts.some(isFor) ? hosts.filter(isFor) : hosts;
  if (candidates.length === 0) throw new ToolError('the lab has no host of its own', 'ENOENT');
  if (candidates.length > 1)
    throw new ToolError(`on which host? --host NAME says: ${namesOf(lab)}`, 'EINVAL');
  return candidates[0];
}

function namesOf(lab: ToolLab): string {
  return lab.hosts.map(({ spec, io }) => (io === null ? spec.name : `${spec.name} (io-pkt)`)).join(', ');
}

function run(host: ToolHost, tool: string, args: readonly string[]): ToolAnswer {
  const { io, stack } = host;
  if (tool === 'tc') return runTc(host, args);
  if (io === null) return runOnCore(host, tool, args);
  switch (tool) {
    case 'mount': {
      const { driver, options, verbose } = parseMount(args);
      const interfaces = mountDriver(io, driver, options);
      return { text: verbose ? interfaces.join(' ') : '', json: { interfaces } };
    }
    case 'umount':
      throw new ErrnoError(
        EOPNOTSUPP,
        'umount: drivers are not unmounted: "ifconfig INTERFACE destroy" would be right',
      );
    case 'ifconfig':
      return shown(runIfconfig(io, stack, args));
    case 'nicinfo': {
      const { text, nics } = runNicinfo(io, args);
      return { text, json: nics.map(nicRecord) };
    }
    default:
      io.refuseDead();
      return netstat(netstatSource(io, stack), args);
  }
}

function runTc({ tc, spec }: ToolHost, args: readonly string[]): ToolAnswer {
  if (tc === null)
    throw new ToolError(
      `tc: ${spec.name} has io-pkt, whose interfaces have a send queue and no disciplines`,
      'EOPNOTSUPP',
    );
  try {
    return tc.run(args);
  } catch (error) {
    if (error instanceof TcError) throw new ToolError(`tc: ${error.message}`, 'EINVAL');
    throw error;
  }
}

function mountDriver(io: IoPkt, driver: string, options: string | null): string[] {
  try {
    return io.mount(driver, options);
  } catch (error) {
    if (!(error instanceof ErrnoError)) throw error;
    throw new ToolError(`mount: ${error.message}`, errnoName(error.errno));
  }
}

function runOnCore({ layer, stack, spec }: ToolHost, tool: string, args: readonly string[]): ToolAnswer {
  const views = () => layer.devices.map((device) => coreView(device, stack));
  switch (tool) {
    case 'ifconfig':
      return shown(showInterfaces(views(), args));
    case 'netstat':
      return netstat({ machine: layer.machine, interfaces: views }, args);
    default: {
      const right = '"stack: io-pkt" in the lab file would be right';
      throw new ErrnoError(EOPNOTSUPP, `${tool}: host "${spec.name}" does not run io-pkt; ${right}`);
    }
  }
}

function shown({ text, interfaces }: IfconfigAnswer): ToolAnswer {
  return { text, json: interfaces.map(interfaceRecord) };
}

function netstat(source: Parameters<typeof runNetstat>[0], args: readonly string[]): ToolAnswer {
  const { text, interfaces, mbufs } = runNetstat(source, args);
  return { text, json: mbufs ?? interfaces?.map(interfaceRecord) };
}

/** An error as the one who called the tool is told it; a fault of softnet itself stays what it is. */
function explained(error: unknown, host: ToolHost): unknown {
  if (error instanceof ErrnoError) return new ToolError(error.message, errnoName(error.errno));
  if (error instanceof FaultError) return new ToolError(`${error.message} (EFAULT)`, 'EFAULT');
  if (error instanceof IoPktError) {
    const what = `a driver of host "${host.spec.name}" breaks rule ${error.rule}: ${error.message}`;
    return new ToolError(`${what} (${errnoName(EINVAL)})`, errnoName(EINVAL));
  }
  return error;
}
