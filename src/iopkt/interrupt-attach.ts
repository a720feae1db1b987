// InterruptAttach and its fellows: the kernel's calls, over the machine's interrupt lines. A line is masked as often as
// each of its handlers (by iid) has asked for, and for all who share it.

import { HARDIRQ } from '../kernel/cpu.ts';
import type { IrqAction } from '../kernel/irq.ts';
import type { Machine } from '../kernel/machine.ts';
import { EOK } from './errno.ts';
import { fault } from './fault.ts';
import type { Handler, sigevent } from './interrupt.ts';
import type { IoPkt } from './manager.ts';
import { ANYWHERE, CTX_ISR, current, IN_ISR, ruleError, WITH_LOCKS } from './self.ts';

/** Returns what interrupt_queue returned, or null when the interrupt is not its device's. */
export type Isr<T = unknown> = (area: T, iid: number) => sigevent | null;

/**
 * Attaches `isr(area, iid)` to a line; returns the iid. Interrupts may come before it returns, so an ISR that masks by iid
 * takes the one it is given. -1 when there is no such line.
 */
export function InterruptAttach<T>(irq: number, isr: Isr<T>, area: T, _size: number, _flags: number): number {
  const io = current(WITH_LOCKS, 'InterruptAttach');
  const { machine, interrupts, contexts } = io;
  if (!Number.isInteger(irq) || irq < 0 || irq >= machine.irq.lines.length) return -1;
  const { dev } = contexts;
  const iid = interrupts.nextIid++;
  const handler: Handler = { iid, irq, dev, masks: 0, attached: true, action: null as unknown as IrqAction };
  interrupts.handlers.push(handler);
  const made = machine.irq.line(irq).addAction(dev?.dv_xname ?? machine.name, () => {
    return handler.attached && service(io, handler, isr, area);
  });
  (handler as { action: IrqAction }).action = made;
  return iid;
}

/** IrqHandler: whether it was this device. */
function service<T>(io: IoPkt, handler: Handler, isr: Isr<T>, area: T): boolean {
  const { contexts, interrupts } = io;
  const { actions } = interrupts;
  const owed = interrupts.owed;
  interrupts.owed = null;
  contexts.enter(CTX_ISR, handler.dev, 'ISR');
  try {
    const event = isr(area, handler.iid);
    if (interrupts.owed !== null && event === null)
      throw ruleError(io, 'I03', 'the ISR queued its entry and did not return the event of interrupt_queue');
  } catch (error) {
    fault(io, error);
    return true;
  } finally {
    contexts.leave();
    interrupts.owed = owed;
  }
  if (interrupts.actions === actions) return false;
  const { dev } = handler;
  if (dev !== null && dev.dv_ifnets.length > 0) dev.dv_ifnets[0].if_netdev!.interrupts++;
  return true;
}

/** Gives an attached interrupt back, with the masks that are left. -1: no such iid. */
export function InterruptDetach(iid: number): number {
  const io = current(WITH_LOCKS, 'InterruptDetach');
  const handler = io.interrupts.find(iid);
  if (handler === null) return -1;
  io.interrupts.detach(handler);
  return EOK;
}

/** Masks the line for all who share it; counts. Returns the number of masks of this iid, or -1: no such iid on the line. */
export function InterruptMask(irq: number, iid: number): number {
  const { interrupts, machine } = current(ANYWHERE, 'InterruptMask');
  chargeCall(machine);
  const handler = interrupts.find(iid);
  if (handler === null || handler.irq !== irq) return -1;
  interrupts.actions++;
  machine.irq.line(irq).disable();
  return ++handler.masks;
}

/** Takes one mask of this iid back. Returns the number left, or -1: no such iid on the line. */
export function InterruptUnmask(irq: number, iid: number): number {
  const io = current(WITH_LOCKS | IN_ISR, 'InterruptUnmask');
  chargeCall(io.machine);
  const handler = io.interrupts.find(iid);
  if (handler === null || handler.irq !== irq) return -1;
  if (handler.masks === 0)
    throw ruleError(io, 'P11', `InterruptUnmask of irq ${irq}, iid ${iid}: unmasked more often than masked`);
  const left = --handler.masks;
  io.machine.irq.line(irq).enable();
  return left;
}

/** Outside of an ISR these are calls of the kernel; in one they are made directly. */
function chargeCall({ cpu }: Machine): void {
  if (cpu.context !== HARDIRQ) cpu.charge(cpu.profile.systemCall);
}
