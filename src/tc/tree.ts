// The traffic control of one device: its disciplines with their handles, which class each hangs on, and what adding,
// changing, replacing and deleting mean, as tc(8) and the kernel's rtnetlink have it.
//
//   device ── root: htb 1: ──┬─ class 1:10 ── fq_codel 10:
//                            └─ class 1:20 ── (a pfifo of its own, without a handle: not shown)
//          ── ingress ffff:

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { deviceEnv } from '../net/device-env.ts';
import { DROP_QDISC_RESET } from '../net/drop-reason.ts';
import type { ClassfulQdisc, Qdisc, QdiscClass } from '../net/qdisc.ts';
import { attachQdisc } from '../qdisc/attach.ts';
import { FilterChain } from '../qdisc/filter/chain.ts';
import { Ingress } from '../qdisc/ingress.ts';
import { Mq } from '../qdisc/mq.ts';
import {
  classId,
  formatClassId,
  INGRESS_HANDLE,
  majorOf,
  minorOf,
  TC_H_INGRESS,
  TC_H_ROOT,
} from './handle.ts';
import type { ClassSpec, QdiscKind, Situation } from './kind.ts';
import { QDISC_KINDS } from './kinds/index.ts';
import { TcError, type Words } from './words.ts';

/** A discipline in its place. */
export interface QdiscNode {
  readonly kind: QdiscKind;
  readonly qdisc: Qdisc;
  /** In front of the colon; 0: one that nobody named, such as a device's first. */
  readonly handle: number;
  /** TC_H_ROOT, or the class it is the leaf of. */
  readonly parent: number;
}

/** How `tc qdisc` is told what to do with one that is there or is not. */
export type Verb = 'add' | 'change' | 'replace' | 'link';

/** Handles that tc gives by itself begin here. */
const FIRST_AUTOMATIC = 0x8001;
const LAST_AUTOMATIC = 0xfffe;

export class DeviceTc {
  readonly device: NetDevice;
  private readonly nodes = new Map<number, QdiscNode>();
  private nextHandle = FIRST_AUTOMATIC;
  private readonly drop = (m: Mbuf): void => this.device.drop(m, DROP_QDISC_RESET);

  constructor(device: NetDevice) {
    this.device = device;
  }

  get situation(): Situation {
    const { mtu, link, txQueueLength, txQueues } = this.device;
    return { mtu, bitsPerSecond: link.bitsPerSecond, txQueueLength, queues: txQueues.length };
  }

  /** The root; null: noqueue. One that nobody put there by tc has handle 0. */
  get root(): QdiscNode | null {
    const { rootQdisc } = this.device;
    if (rootQdisc === null) return defaultMq(this.device);
    for (const node of this.nodes.values()) if (node.qdisc === rootQdisc) return node;
    const kind = QDISC_KINDS.get(rootQdisc.kind);
    return kind === undefined ? null : { kind, qdisc: rootQdisc, handle: 0, parent: TC_H_ROOT };
  }

  /** All that are shown: the root first, then in the order they were made. */
  list(): QdiscNode[] {
    this.forgetLost();
    const { root } = this;
    const others = [...this.nodes.values()].filter((node) => node.qdisc !== root?.qdisc);
    return root === null ? others : [root, ...this.unnamedLeaves(root), ...others];
  }

  /** The disciplines that mq's queues have of their own, which Linux shows, the last first. */
  private unnamedLeaves({ qdisc: root, handle }: QdiscNode): QdiscNode[] {
    if (!(root instanceof Mq)) return [];
    const leaves = root.qdiscs.flatMap((qdisc, queue) => {
      const kind = QDISC_KINDS.get(qdisc.kind);
      if (kind === undefined || this.nodeOf(qdisc) !== null) return [];
      return [{ kind, qdisc, handle: 0, parent: classId(handle, queue + 1) }];
    });
    return leaves.reverse();
  }

  private nodeOf(qdisc: Qdisc): QdiscNode | null {
    for (const node of this.nodes.values()) if (node.qdisc === qdisc) return node;
    return null;
  }

  /** What waits may go at other times now than those that the disciplines were to be asked at. */
  private askAgain(): void {
    for (const queue of this.device.txQueues) queue.schedule();
  }

  find(handle: number): QdiscNode | null {
    this.forgetLost();
    return this.nodes.get(handle) ?? null;
  }

  // ---- disciplines

  /** `parent`: TC_H_ROOT or a class. `handle`: 0 when the line names none. `kind`: null when it names none. */
  set(verb: Verb, parent: number, given: number, kind: QdiscKind | null, words: Words): void {
    const handle = parent === TC_H_INGRESS ? INGRESS_HANDLE : given;
    const there = this.at(parent);
    const old = there !== null && there.handle !== 0 ? there : null;
    if (handle !== 0 && old?.handle !== handle) {
      if (old !== null && verb !== 'replace' && verb !== 'link')
        throw refused('NLM_F_REPLACE needed to override', `${name(old)} is there: replace would be right`);
      const other = this.find(handle);
      if (other !== null) throw refused('Invalid handle', `${name(other)} has that handle already`);
      this.create(verb, parent, handle, kind, words);
    } else if (old === null) this.create(verb, parent, handle, kind, words);
    else if (
      kind !== null &&
      kind.name !== old.kind.name &&
      handle === 0 &&
      verb !== 'change' &&
      verb !== 'link'
    )
      // Linux lets `add` replace a discipline of another kind, when no handle is named.
      this.create(verb, parent, 0, kind, words);
    else if (verb === 'add')
      throw refused(
        'Exclusivity flag on, cannot modify',
        `${name(old)} is there: change or replace would be right`,
      );
    else if (kind === null || kind.name === old.kind.name) this.change(old, words);
    else throw refused('Invalid qdisc name: must match existing qdisc', `${name(old)} is there`);
  }

  private change({ kind, qdisc }: QdiscNode, words: Words): void {
    const options = kind.parse(words, this.situation, qdisc);
    const { change } = kind;
    if (change === undefined)
      throw refused(
        'Change operation not supported by specified qdisc',
        `a ${kind.name} is replaced, not changed`,
      );
    attempt(() => change.call(kind, qdisc, options, this.drop));
    this.askAgain();
  }

  private create(verb: Verb, parent: number, handle: number, kind: QdiscKind | null, words: Words): void {
    if (verb === 'change' || verb === 'link')
      throw refused('Qdisc not found. To create specify NLM_F_CREATE flag', 'add or replace would be right');
    if (kind === null) throw words.wrong(`a kind of discipline: ${[...QDISC_KINDS.keys()].join(', ')}`);
    const options = kind.parse(words, this.situation, null);
    const major = parent === TC_H_INGRESS ? INGRESS_HANDLE : handle === 0 ? this.freeHandle() : handle;
    const hooks = kind.name === 'ingress' || kind.name === 'clsact';
    if (hooks !== (parent === TC_H_INGRESS))
      throw refused(
        'Invalid argument',
        hooks ? `${kind.name} has a place of its own` : `ingress or clsact there`,
      );
    const qdisc = attempt(() =>
      kind.make(deviceEnv(this.device, `${kind.name} ${major.toString(16)}`), options),
    );
    if ('handle' in qdisc) (qdisc as ClassfulQdisc).handle = major;
    this.attach(parent, qdisc);
    this.nodes.set(major, { kind, qdisc, handle: major, parent });
    this.forgetLost();
    this.askAgain();
  }

  private attach(parent: number, qdisc: Qdisc): void {
    if (parent === TC_H_ROOT) {
      attempt(() => attachQdisc(this.device, qdisc));
      return;
    }
    if (qdisc instanceof Ingress) {
      const old = this.nodes.get(INGRESS_HANDLE)?.qdisc;
      if (old instanceof Ingress) old.detach(this.device);
      qdisc.attach(this.device);
      return;
    }
    const owner = this.ownerOf(parent);
    attempt(() => owner.graft(minorOf(parent), qdisc, this.drop));
  }

  /** `tc qdisc del`. */
  delete(parent: number, handle: number): void {
    const node = this.at(parent);
    if (node === null || node.handle === 0)
      throw refused(
        'Cannot delete qdisc with handle of zero',
        `nothing was added at ${formatClassId(parent)}`,
      );
    if (handle !== 0 && node.handle !== handle)
      throw refused('Invalid handle specified', `${name(node)} is there`);
    this.nodes.delete(node.handle);
    if (node.qdisc instanceof Ingress) node.qdisc.detach(this.device);
    else if (parent === TC_H_ROOT) this.device.restoreDefaultQdisc();
    else {
      const owner = this.ownerOf(parent);
      attempt(() => owner.graft(minorOf(parent), this.plainFifo(), this.drop));
    }
    this.forgetLost();
    this.askAgain();
  }

  private plainFifo(): Qdisc {
    return QDISC_KINDS.get('pfifo')!.make(deviceEnv(this.device, 'pfifo'), {
      limit: this.device.txQueueLength,
    });
  }

  /** What hangs there; null: nothing. Throws when there is no such class. */
  private at(parent: number): QdiscNode | null {
    if (parent === TC_H_ROOT) return this.root;
    if (parent === TC_H_INGRESS) return this.nodes.get(INGRESS_HANDLE) ?? null;
    const owner = this.ownerOf(parent);
    const one = owner.classes().find(({ minor }) => minor === minorOf(parent));
    if (one === undefined)
      throw refused('Specified class not found', `${owner.kind} has no class ${formatClassId(parent)}`);
    for (const node of this.nodes.values()) if (node.qdisc === one.leaf) return node;
    return null;
  }

  private ownerOf(id: number): ClassfulQdisc {
    const owner = this.find(majorOf(id));
    if (owner === null)
      throw refused('Failed to find specified qdisc', `there is no ${majorOf(id).toString(16)}:`);
    if (!isClassful(owner.qdisc)) throw refused('Parent Qdisc is classless', `${name(owner)} has no classes`);
    return owner.qdisc;
  }

  private freeHandle(): number {
    for (let tries = FIRST_AUTOMATIC; tries <= LAST_AUTOMATIC; tries++) {
      const handle = this.nextHandle;
      this.nextHandle = handle === LAST_AUTOMATIC ? FIRST_AUTOMATIC : handle + 1;
      if (!this.nodes.has(handle)) return handle;
    }
    throw refused('Maximum number of qdisc handles was exceeded', 'one has to go first');
  }

  /** Those whose class, or whose parent, has gone. */
  private forgetLost(): void {
    const alive = new Set<Qdisc>();
    const visit = (qdisc: Qdisc): void => {
      alive.add(qdisc);
      if (isClassful(qdisc)) for (const { leaf } of qdisc.classes()) if (leaf !== null) visit(leaf);
    };
    if (this.device.rootQdisc !== null) visit(this.device.rootQdisc);
    for (const [handle, node] of this.nodes)
      if (!alive.has(node.qdisc) && !(node.qdisc instanceof Ingress)) this.nodes.delete(handle);
  }

  // ---- classes

  /** Every class of a discipline, in order. */
  classes(node: QdiscNode): QdiscClass[] {
    return isClassful(node.qdisc) ? node.qdisc.classes() : [];
  }

  /** The handle of what hangs on a class; 0: what nobody named, or nothing. */
  leafHandle(one: QdiscClass): number {
    for (const node of this.nodes.values()) if (node.qdisc === one.leaf) return node.handle;
    return 0;
  }

  /** `parent`: a discipline's handle or a class; `id`: of the class itself. */
  setClass(verb: Verb, parent: number, id: number, words: Words, kindName: string): void {
    const major = majorOf(id);
    const owner = this.find(major);
    if (owner === null) throw refused('Failed to find specified qdisc', `there is no ${major.toString(16)}:`);
    if (parent !== TC_H_ROOT && parent !== 0 && majorOf(parent) !== major)
      throw refused('Invalid argument', `${formatClassId(id)} belongs below ${major.toString(16)}:`);
    if (kindName !== owner.kind.name)
      words.fail(`${owner.kind.name}, the kind of ${major.toString(16)}:`, words.place - 1);
    const spec = this.classSpec(owner);
    const minor = minorOf(id);
    const now = this.classes(owner).find((one) => one.minor === minor) ?? null;
    if (now !== null && verb === 'add') throw refused('File exists', `${formatClassId(id)} is there already`);
    if (now === null && verb === 'change')
      throw refused('No such file or directory', `there is no ${formatClassId(id)}`);
    const options = spec.parse(words, this.situation, now);
    const above = parent === TC_H_ROOT ? 0 : minorOf(parent);
    if (now === null) attempt(() => spec.add(owner.qdisc, minor, above, options, this.drop));
    else attempt(() => spec.change(owner.qdisc, minor, options, this.drop));
    this.forgetLost();
    this.askAgain();
  }

  deleteClass(id: number): void {
    const owner = this.ownerOf(id);
    const minor = minorOf(id);
    if (!owner.classes().some((one) => one.minor === minor))
      throw refused('No such file or directory', `there is no class ${formatClassId(id)}`);
    if (owner.classifier instanceof FilterChain && owner.classifier.names(minor))
      throw refused(
        `${owner.kind.toUpperCase()} class in use`,
        `a filter names ${formatClassId(id)}: it has to go first`,
      );
    if (owner.deleteClass === undefined)
      throw refused('Operation not supported', `the classes of ${owner.kind} are there as long as it is`);
    attempt(() => owner.deleteClass!(minor, this.drop));
    if (owner.classifier instanceof FilterChain) owner.classifier.forget(minor);
    this.forgetLost();
    this.askAgain();
  }

  /** A number that no class of it has. */
  freeMinor(major: number): number {
    const taken = new Set(
      this.ownerOf(classId(major, 0))
        .classes()
        .map(({ minor }) => minor),
    );
    for (let minor = 0x8000; minor <= 0xffff; minor++) if (!taken.has(minor)) return minor;
    throw refused('No space left on device', 'all numbers are taken');
  }

  private classSpec({ kind }: QdiscNode): ClassSpec<Qdisc, unknown> {
    if (kind.classes === undefined)
      throw refused('Operation not supported', `classes cannot be added to ${kind.name}, or changed`);
    return kind.classes;
  }
}

/** A device with several queues and nothing above their disciplines: Linux has an mq 0: there. */
function defaultMq({ txQueues }: NetDevice): QdiscNode | null {
  const qdiscs = txQueues.flatMap(({ qdisc }) => qdisc ?? []);
  if (qdiscs.length < 2 || qdiscs.length !== txQueues.length) return null;
  return { kind: QDISC_KINDS.get('mq')!, qdisc: new Mq(qdiscs), handle: 0, parent: TC_H_ROOT };
}

export function isClassful(qdisc: Qdisc): qdisc is ClassfulQdisc {
  return 'classes' in qdisc;
}

function name({ kind, handle }: QdiscNode): string {
  return `${kind.name} ${handle.toString(16)}:`;
}

/** What the kernel answers, and what we know besides. */
export function refused(answer: string, why: string): TcError {
  return new TcError(`${answer} (${why})`, null);
}

/** A discipline's own complaint becomes tc's. */
function attempt<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new TcError(error.message, null);
    throw error;
  }
}
