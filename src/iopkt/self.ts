// Who runs: the io-pkt whose driver or stack code runs now, in which context, for which device. In C a driver finds io-pkt
// by the global iopkt_selfp; several machines live in one process here, so the framework sets it at every entry into
// driver code and puts the old one back afterwards. Entries nest: an interrupt comes in the middle of an ioctl.
//
// What each context may do, from "Porting an io-net driver to io-pkt" and the Core Networking user guide:
//
//                     register  interrupt_queue  mbufs  mutexes  if_input  start()  dev_attach, interrupt_entry_init,
//                     access                                                        nic_delay, nic_mutex, quiesce_all
//   ISR                  x            x
//   interrupt thread     x            x            x       x        x         x
//   stack                x            x            x       x        x         x          x
//   start()              x            x            x       x
//   tracked thread       x            x            x       x        x         x
//   untracked thread     x            x                    x
//   shutdown hook        x

import type { device } from './device.ts';
import type { IoPkt } from './manager.ts';

export const CTX_ISR = 0;
export const CTX_INTERRUPT = 1;
export const CTX_STACK = 2;
export const CTX_START = 3;
export const CTX_TRACKED = 4;
export const CTX_UNTRACKED = 5;
export const CTX_HOOK = 6;
/** No driver code runs. */
export const CTX_NONE = 7;
export const CONTEXT_NAMES = [
  'ISR',
  'interrupt thread',
  'stack',
  'start()',
  'tracked thread',
  'untracked thread',
  'shutdown hook',
  'no',
] as const;

// Sets of contexts, a bit each: what a function allows.
export const IN_STACK = 1 << CTX_STACK;
export const IN_ISR = 1 << CTX_ISR;
/** Those that may have mbufs. */
export const WITH_MBUFS = (1 << CTX_INTERRUPT) | IN_STACK | (1 << CTX_START) | (1 << CTX_TRACKED);
/** Those that may take a mutex. */
export const WITH_LOCKS = WITH_MBUFS | (1 << CTX_UNTRACKED);
/** Those that may pass a packet up. */
export const WITH_INPUT = (1 << CTX_INTERRUPT) | IN_STACK | (1 << CTX_TRACKED);
export const NOT_IN_HOOK = WITH_LOCKS | IN_ISR;
export const ANYWHERE = NOT_IN_HOOK | (1 << CTX_HOOK);
/** Limits nothing while io-pkt lives. */
const ALIVE = -1;

/** io-pkt whose code runs now; null outside of it. */
export let iopkt_selfp: IoPkt | null = null;

/** Wrong use of the driver interface. The message names the rule, the virtual time, the context and the device. */
export class IoPktError extends Error {
  /** `P05`, `N14`, ...: an id of the rules for drivers, or `manual` for a sentence of the manual. */
  readonly rule: string;

  constructor(rule: string, message: string) {
    super(message);
    this.name = 'IoPktError';
    this.rule = rule;
  }
}

/** One entry into driver code. */
class Entry {
  before: IoPkt | null = null;
  context = CTX_NONE;
  dev: device | null = null;
  what = '';
  /** Context of the CPU: another one inside means that the entry was interrupted. */
  cpuContext = 0;
  /** Mutexes held when it was made. */
  locks = 0;
}

/** The entries of one io-pkt that are under way, the innermost last. Allocates only when they nest deeper than ever. */
export class Contexts {
  context = CTX_NONE;
  /** Device whose driver runs. */
  dev: device | null = null;
  /** Contexts that functions answer in: all, or after a fault the hooks alone. */
  live = ALIVE;
  private depth = 0;
  private readonly entries: Entry[] = [];
  private readonly io: IoPkt;

  constructor(io: IoPkt) {
    this.io = io;
  }

  enter(context: number, dev: device | null, what: string): void {
    const { io } = this;
    if (this.depth === this.entries.length) this.entries.push(new Entry());
    const entry = this.entries[this.depth++];
    entry.before = iopkt_selfp;
    entry.context = context;
    entry.dev = dev;
    entry.what = what;
    entry.cpuContext = io.machine.cpu.context;
    entry.locks = io.held.length;
    this.context = context;
    this.dev = dev;
    iopkt_selfp = io;
  }

  leave(): void {
    const left = this.entries[--this.depth];
    iopkt_selfp = left.before;
    left.dev = null;
    if (this.depth === 0) {
      this.context = CTX_NONE;
      this.dev = null;
      return;
    }
    const entry = this.entries[this.depth - 1];
    this.context = entry.context;
    this.dev = entry.dev;
  }

  /** Before a good return out of driver code: mutexes taken in there must be given back. */
  checkLocks(): void {
    const { held } = this.io;
    if (held.length === this.entries[this.depth - 1].locks) return;
    const lock = held[held.length - 1];
    throw ruleError(this.io, 'L04', `${this.what} returns with mutex ${lock?.name} held`);
  }

  /** What the innermost entry is for: `if_init`, `process_interrupt`. */
  get what(): string {
    return this.depth === 0 ? '' : this.entries[this.depth - 1].what;
  }

  /** Stack context is the innermost, and nothing has interrupted it: its code may call stack code directly. */
  get directlyInStack(): boolean {
    if (this.depth === 0) return false;
    const entry = this.entries[this.depth - 1];
    return entry.context === CTX_STACK && entry.cpuContext === this.io.machine.cpu.context;
  }
}

export function ruleError(io: IoPkt, rule: string, message: string): IoPktError {
  const { contexts, machine } = io;
  const where = contexts.dev === null ? machine.name : contexts.dev.dv_xname;
  const context = CONTEXT_NAMES[contexts.context];
  return new IoPktError(
    rule,
    `${where}: ${message} (rule ${rule}; ${machine.cpu.now()} ns, ${context} context)`,
  );
}

/** io-pkt of the running code. Throws when there is none, or when its context is not among those allowed. */
export function current(allowed: number, what: string): IoPkt {
  const io = iopkt_selfp;
  if (io === null)
    throw new IoPktError(
      'manual',
      `${what}: iopkt_selfp is null: only driver code that io-pkt has called may`,
    );
  if (((1 << io.contexts.context) & allowed & io.contexts.live) === 0) refuse(io, allowed, what);
  return io;
}

function refuse(io: IoPkt, allowed: number, what: string): never {
  const { contexts } = io;
  if (((1 << contexts.context) & allowed) !== 0) throw new FaultError(`${what}: ${io.deadText()}`);
  const may = CONTEXT_NAMES.filter((_, context) => (allowed & (1 << context)) !== 0).join(', ');
  const { context } = contexts;
  const rule =
    context === CTX_HOOK ? 'P19' : context === CTX_UNTRACKED && allowed === WITH_MBUFS ? 'S09' : 'N14';
  throw ruleError(io, rule, `${what} is for ${may} context`);
}

/** io-pkt has died of a fault, before this call or in it. */
export class FaultError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FaultError';
  }
}
