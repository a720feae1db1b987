// Up: from the driver's thread to the stack. That thread is none of io-pkt's and may not have mbufs, so a frame goes on a
// list, and a worker of io-pkt takes it from there: the thread switch that every receive through the shim costs.
//
//   driver's thread: tx_up_start ─► list ─► interrupt source of the shim's own ─► worker: copy or loan, if_input
//
// shimrxcopy=1: the worker copies, and the packet is back with the driver before the stack sees the copy. shimrxcopy=0: the
// stack gets the driver's buffer as external storage, and tx_done comes when it frees that.
// Of the shim's insides nothing is published; this is what its behaviour, as documented, needs.

import { fault } from '../../iopkt/fault.ts';
import { interrupt_queue } from '../../iopkt/interrupt.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import { M_DONTWAIT, MCLBYTES, MT_DATA, m_getcl_wtp, m_gethdr, m_set_rcvif } from '../../iopkt/mbuf.ts';
import { CTX_INTERRUPT, CTX_UNTRACKED } from '../../iopkt/self.ts';
import type { nw_work_thread } from '../../iopkt/threads.ts';
import { TP_SCHED_SWITCH } from '../../kernel/trace.ts';
import { M_PKTHDR, type Mbuf } from '../../mbuf/mbuf.ts';
import { DROP_CPU_BACKLOG, DROP_IF_DOWN } from '../../net/drop-reason.ts';
import { _NPKT_MSG, _NPKT_SCRATCH_MASK, _NPKT_UP, type npkt_t } from '../npkt.ts';
import { takeMessage } from './advert.ts';
import type { ShimDevice } from './device.ts';
import type { ShimDll } from './dll.ts';
import { mistake, warn } from './findings.ts';
import { LENT, LISTED, RETURNED, UpNpkt, WITH_DRIVER } from './packets.ts';
import { finishSent } from './transmit.ts';

/** Frames in one turn of the worker: others get theirs. */
const BUDGET = 64;

// ---- in the driver's thread

/** ion.tx_up_start. Returns those that nobody took, in order. */
export function passUp(dll: ShimDll, dev: ShimDevice, list: npkt_t, done_hdl: unknown): npkt_t | null {
  checkLocks(dll, 'tx_up_start');
  let back: npkt_t | null = null;
  let last: npkt_t | null = null;
  dll.passes++;
  for (let npkt: npkt_t | null = list; npkt !== null; ) {
    const next: npkt_t | null = npkt.next;
    npkt.next = null;
    if (!passOne(dll, dev, npkt, done_hdl)) {
      if (last === null) back = npkt;
      else last.next = npkt;
      last = npkt;
    }
    npkt = next;
  }
  return back;
}

/** One packet; false: nobody took it. */
function passOne(dll: ShimDll, dev: ShimDevice, npkt: npkt_t, done_hdl: unknown): boolean {
  askDone(dev, npkt, done_hdl);
  if ((npkt.flags & _NPKT_MSG) !== 0) {
    takeMessage(dev, npkt);
    return true;
  }
  const frame = checkFrame(dll, npkt);
  const { context } = dll.io.contexts;
  if (context !== CTX_UNTRACKED)
    mistake(
      dll.io,
      'S10',
      `${dll.file}: tx_up_start of a frame on a thread of io-pkt: a driver receives on a thread of its own`,
    );
  // What nobody took is linked anew, so a list that bites its tail would have no end.
  if (frame.pass === dll.passes)
    mistake(dll.io, 'P09', `${dll.file}: tx_up_start of a list with one packet twice`);
  frame.pass = dll.passes;
  frame.dev = dev;
  if (enlist(dev, frame)) return true;
  frame.state = RETURNED;
  frame.req_complete = 0;
  return false;
}

/** The completion record: kept with the packet, used again. */
export function askDone(dev: ShimDevice, npkt: npkt_t, done_hdl: unknown): void {
  const { complete } = npkt;
  if (complete.length === 0) complete.push({ registrant_hdl: dev.reg_hdl, done_hdl });
  else {
    complete[0].registrant_hdl = dev.reg_hdl;
    complete[0].done_hdl = done_hdl;
  }
  npkt.num_complete = complete.length;
  npkt.req_complete = 1;
}

function enlist(dev: ShimDevice, frame: UpNpkt): boolean {
  const { listed, io } = dev;
  const ifp = dev.sc_ec.ec_if;
  if (ifp.if_netdev === null || dev.dying) {
    dev.returned++;
    return false;
  }
  if (!ifp.up || !ifp.running) return refuse(dev, frame, DROP_IF_DOWN);
  if (listed.full) return refuse(dev, frame, DROP_CPU_BACKLOG);
  const { cpu } = io.machine;
  cpu.charge(cpu.profile.lock);
  frame.state = LISTED;
  frame.sequence = dev.sequence++;
  listed.push(frame);
  askWorker(dev);
  return true;
}

function refuse(dev: ShimDevice, frame: UpNpkt, reason: number): false {
  const device = dev.sc_ec.ec_if.if_netdev!;
  device.rx.packets++;
  device.rx.bytes += frame.framelen;
  device.drops[reason]++;
  return false;
}

/** Something is on one of the two lists. */
export function askWorker(dev: ShimDevice): void {
  if (dev.asked) return;
  dev.asked = true;
  const { cpu } = dev.io.machine;
  // To wake another thread is a call of the kernel.
  cpu.charge(cpu.profile.systemCall);
  interrupt_queue(dev.io, dev.inter);
}

/** S05: io-net took many shapes, the shim takes one. */
function checkFrame(dll: ShimDll, npkt: npkt_t): UpNpkt {
  const wrong = shapeOf(dll, npkt);
  if (wrong !== '') mistake(dll.io, 'S05', `${dll.file}: tx_up_start of a packet ${wrong}`);
  const frame = npkt as UpNpkt;
  if (frame.state !== WITH_DRIVER && frame.state !== RETURNED)
    mistake(dll.io, 'P09', `${dll.file}: tx_up_start of a packet that it has passed up already`);
  return frame;
}

/** What is wrong with a received frame; empty: nothing. */
function shapeOf(dll: ShimDll, npkt: npkt_t): string {
  if (!(npkt instanceof UpNpkt) || !dll.npkts.has(npkt)) return 'that is not from alloc_up_npkt';
  if ((npkt.flags & _NPKT_UP) === 0) return 'without _NPKT_UP';
  if (npkt.ref_cnt !== 1) return `with ref_cnt ${npkt.ref_cnt}: 1 is wanted`;
  if (npkt.tot_iov !== 1) return `with tot_iov ${npkt.tot_iov}: 1 is wanted`;
  const buf = npkt.buffers.first;
  if (buf === null) return 'without a buffer';
  if (buf.ptrs !== null) return 'of more than one buffer';
  if (buf.niov !== 1) return `whose buffer has ${buf.niov} iovs: 1 is wanted`;
  const { iov_base, iov_phys, iov_len } = buf.net_iov[0];
  if (npkt.framelen !== iov_len) return `with framelen ${npkt.framelen} and iov_len ${iov_len}`;
  if (!(iov_len > 0) || iov_base + iov_len > dll.machine.memory.size || iov_base <= 0)
    return `of ${iov_len} bytes at 0x${iov_base.toString(16)}`;
  if (iov_phys !== iov_base) return `whose iov_phys is not mphys(iov_base)`;
  return '';
}

/** S07: its consumer may come back by rx_down from there, and want the same mutex. */
export function checkLocks(dll: ShimDll, what: string): void {
  const { held } = dll;
  if (held.length === 0) return;
  warn(dll.io, 'S07', `${dll.file}: ${what} with mutex ${held[held.length - 1].name} held`);
}

// ---- in a worker

/** process_interrupt of the shim's own source. */
export function shimWork(dev: ShimDevice, wtp: nw_work_thread): number {
  const { cpu } = dev.io.machine;
  if (dev.asked) switchThread(dev);
  cpu.charge(cpu.profile.lock);
  finishSent(dev);
  for (let n = 0; n < BUDGET; n++) {
    const frame = dev.listed.shift();
    if (frame === null) return dev.done.count === 0 ? 1 : 0;
    deliver(dev, frame, wtp);
  }
  return dev.listed.count === 0 && dev.done.count === 0 ? 1 : 0;
}

/** The driver's thread has stopped, a worker goes on: what a native driver does not need. */
function switchThread(dev: ShimDevice): void {
  const { cpu } = dev.io.machine;
  dev.asked = false;
  dev.switches++;
  if (cpu.trace.on) cpu.trace.emit(TP_SCHED_SWITCH, cpu.now(), cpu.traceSource, dev.dll.workerName);
  cpu.switchAway();
}

function deliver(dev: ShimDevice, frame: UpNpkt, wtp: nw_work_thread): void {
  const { io } = dev;
  const ifp = dev.sc_ec.ec_if;
  if (frame.sequence !== dev.taken++)
    mistake(io, 'S10', `${dev.dv_xname}: frame ${frame.sequence} comes as number ${dev.taken - 1}`);
  const { iov_base, iov_len } = frame.buffers.first!.net_iov[0];
  const m = dev.dll.rxcopy ? copy(io, iov_base, iov_len, wtp) : lend(dev, frame, iov_base, iov_len);
  if (m === null) {
    ifp.if_ierrors++;
    giveBack(dev, frame);
    return;
  }
  if (dev.dll.rxcopy) {
    dev.copies++;
    giveBack(dev, frame);
  } else dev.loans++;
  m.length = m.packetLength = iov_len;
  m_set_rcvif(m, ifp);
  ifp.if_ipackets++;
  ifp.if_input(ifp, m);
}

function copy(io: IoPkt, base: number, length: number, wtp: nw_work_thread): Mbuf | null {
  if (length > MCLBYTES) return null;
  const m = m_getcl_wtp(M_DONTWAIT, MT_DATA, M_PKTHDR, wtp);
  if (m === null) return null;
  const { cpu, memory } = io.machine;
  memory.u8.copyWithin(m.data, base, base + length);
  cpu.charge(length * cpu.profile.copyByte);
  return m;
}

function lend(dev: ShimDevice, frame: UpNpkt, base: number, length: number): Mbuf | null {
  const m = m_gethdr(M_DONTWAIT, MT_DATA);
  if (m === null) return null;
  m.pool.attachExternal(m, base, length, loanEnds, frame);
  frame.state = LENT;
  dev.lent++;
  return m;
}

/** The stack has freed the last mbuf that refers to the buffer. Anywhere. */
function loanEnds(_address: number, _size: number, arg: unknown): void {
  const frame = arg as UpNpkt;
  const dev = frame.dev!;
  const { io } = dev;
  dev.lent--;
  if (io.dead) return;
  // Protocols free packets outside of io-pkt's code too.
  io.contexts.enter(CTX_INTERRUPT, dev, 'end of a loan');
  try {
    giveBack(dev, frame);
  } catch (error) {
    fault(io, error);
  } finally {
    io.contexts.leave();
  }
}

/** The last consumer has finished: the driver's tx_done. */
export function giveBack(dev: ShimDevice, frame: npkt_t): void {
  const { dll, registrant } = dev;
  const { done_hdl } = frame.complete[0];
  frame.ref_cnt = 0;
  frame.req_complete = 0;
  // The bits of whoever holds it: a driver that finds its own there again has been lucky elsewhere.
  frame.flags = (frame.flags & ~_NPKT_SCRATCH_MASK) | (dev.noise & _NPKT_SCRATCH_MASK);
  if (frame instanceof UpNpkt) frame.state = WITH_DRIVER;
  const locks = dll.held.length;
  const before = dll.begin(dev, 'tx_done');
  try {
    registrant.funcs.tx_done!(frame, done_hdl, registrant.func_hdl);
    dll.checkHeld(locks, 'tx_done');
  } catch (error) {
    dll.fault(locks, error);
  } finally {
    dll.end(before);
  }
}
