// Spin locks. Activities run to completion, so nobody ever spins; what a lock does here is know its context: it finds
// the dead-lock that real hardware would show one day in a thousand, the first time the code runs. One that is made to be
// contended charges a CPU for the time it would have waited for the others (contention.ts).

import { Contention } from './contention.ts';
import { CONTEXT_NAMES, type Cpu, HARDIRQ, SOFTIRQ } from './cpu.ts';

export class SpinLock {
  readonly name: string;
  private owner: Cpu | null = null;
  /** Contexts it was taken in, and contexts that could have interrupted its owner: a bit each. */
  private usedIn = 0;
  private openTo = 0;
  /** Locks that were held when this one was taken: the order. */
  private readonly takenAfter = new Set<SpinLock>();

  /** When others held it; null: nobody waits for it. */
  private readonly contention: Contention | null;

  /** `contended`: CPUs with costs wait for each other. */
  constructor(name: string, contended = false) {
    this.name = name;
    this.contention = contended ? new Contention() : null;
  }

  get held(): boolean {
    return this.owner !== null;
  }

  /** Takes it. Throws when the owner takes it again, when the order is reversed, or when an interrupt could want it. */
  lock(cpu: Cpu): void {
    if (this.owner === cpu)
      throw new Error(`lock ${this.name}: taken again by ${cpu.name}, its owner: dead-lock`);
    if (this.owner !== null) throw new Error(`lock ${this.name}: ${this.owner.name} went idle with it`);
    this.checkContext(cpu);
    this.checkOrder(cpu);
    const { contention } = this;
    contention?.wait(cpu);
    this.owner = cpu;
    cpu.charge(cpu.profile.lock);
    if (contention?.moved(cpu) === true) cpu.charge(cpu.profile.descriptor);
    cpu.heldLocks.push(this);
  }

  unlock(cpu: Cpu): void {
    if (this.owner !== cpu)
      throw new Error(`lock ${this.name}: given back by ${cpu.name}, which does not hold it`);
    this.owner = null;
    this.contention?.release(cpu);
    const { heldLocks } = cpu;
    // Nearly always the last; and no splice, it allocates.
    let at = heldLocks.length - 1;
    while (heldLocks[at] !== this) at--;
    for (; at < heldLocks.length - 1; at++) heldLocks[at] = heldLocks[at + 1];
    heldLocks.pop();
  }

  /** spin_lock_irqsave. */
  lockIrq(cpu: Cpu): void {
    cpu.irqDisable();
    this.lock(cpu);
  }

  unlockIrq(cpu: Cpu): void {
    this.unlock(cpu);
    cpu.irqEnable();
  }

  /** spin_lock_bh. */
  lockBh(cpu: Cpu): void {
    cpu.bhDisable();
    this.lock(cpu);
  }

  unlockBh(cpu: Cpu): void {
    this.unlock(cpu);
    cpu.bhEnable();
  }

  private checkContext(cpu: Cpu): void {
    this.usedIn |= 1 << cpu.context;
    if (cpu.context < HARDIRQ && cpu.interruptsEnabled) {
      this.openTo |= 1 << HARDIRQ;
      if (!cpu.bhHeld) this.openTo |= 1 << SOFTIRQ;
    }
    const both = this.usedIn & this.openTo;
    if (both === 0) return;
    const context = (both & (1 << HARDIRQ)) !== 0 ? HARDIRQ : SOFTIRQ;
    throw new Error(
      `lock ${this.name}: taken in ${CONTEXT_NAMES[context]} context, and elsewhere with that context enabled: dead-lock`,
    );
  }

  private checkOrder(cpu: Cpu): void {
    const { heldLocks } = cpu;
    for (let i = 0; i < heldLocks.length; i++) {
      const other = heldLocks[i];
      if (other.takenAfter.has(this)) {
        throw new Error(`locks ${other.name} and ${this.name} are taken in both orders: dead-lock`);
      }
      this.takenAfter.add(other);
    }
  }
}
