// Down: if_start takes mbufs from if_snd, dresses each as an npkt whose iovs are the mbuf's members, and hands it to the
// driver's rx_down. tx_done brings it back, and only then the mbuf is freed. A driver calls tx_done on a thread of its own
// too; there no mbuf may be freed, so such packets go on a list to the worker, as received ones do.

import { IFF_OACTIVE, IFF_RUNNING } from '../../iopkt/flags.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { IFQ_DEQUEUE } from '../../iopkt/ifq.ts';
import { NW_SIGUNLOCK_P } from '../../iopkt/locks.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import { m_freem } from '../../iopkt/mbuf.ts';
import { WITH_MBUFS } from '../../iopkt/self.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import { TX_DOWN_FAILED, TX_DOWN_OK } from '../interface.ts';
import type { io_net_msg_mcast_t } from '../message.ts';
import { _NPKT_BCAST, _NPKT_MCAST, _NPKT_MSG, _NPKT_NOT_TXED, type npkt_t } from '../npkt.ts';
import type { ShimDevice } from './device.ts';
import type { ShimDll } from './dll.ts';
import { mistake } from './findings.ts';
import { DownNpkt } from './packets.ts';
import { askWorker, checkLocks } from './receive.ts';

/** Whether a device still reads these bytes; for who can see into one (rule S03). */
export type DmaWatch = (address: number, length: number) => boolean;

const watches = new WeakMap<IoPkt, DmaWatch>();

/** From now on tx_done is an error while `watch` says that a device still reads the packet. */
export function watchDma(io: IoPkt, watch: DmaWatch): void {
  watches.set(io, watch);
}

/** if_start: if_snd_ex is held, and given back. */
export function shim_start(ifp: ifnet): void {
  const dev = ifp.if_softc as ShimDevice;
  const { io } = dev;
  if ((ifp.if_flags_tx & IFF_RUNNING) !== 0 && !dev.dying) {
    ifp.if_flags_tx |= IFF_OACTIVE;
    // io-net has no way to say "later": what the driver cannot take is not sent.
    for (let m = IFQ_DEQUEUE(ifp.if_snd); m !== null; m = IFQ_DEQUEUE(ifp.if_snd)) sendDown(dev, m);
    ifp.if_flags_tx &= ~IFF_OACTIVE;
  }
  NW_SIGUNLOCK_P(ifp.if_snd_ex!, io, io.thread);
}

function sendDown(dev: ShimDevice, m: Mbuf): void {
  const npkt = dev.takeDown(groupFlag(dev.io, m));
  if (npkt === null) {
    m_freem(m);
    dev.sc_ec.ec_if.if_oerrors++;
    return;
  }
  npkt.mbuf = m;
  const { cpu } = dev.io.machine;
  cpu.charge(cpu.profile.buffer);
  for (let part: Mbuf | null = m; part !== null; part = part.next)
    if (part.length > 0) npkt.addIov(part.data, part.length);
  handDown(dev, npkt);
}

function groupFlag(io: IoPkt, m: Mbuf): number {
  const { u8 } = io.machine.memory;
  if ((u8[m.data] & 1) === 0) return 0;
  return (u8[m.data] & u8[m.data + 1] & u8[m.data + 2]) === 0xff ? _NPKT_BCAST : _NPKT_MCAST;
}

/** A message to the driver. TX_DOWN_OK, or what rx_down returned. Stack context. */
export function sendMessage(dev: ShimDevice, msg: io_net_msg_mcast_t): number {
  const npkt = dev.takeDown(_NPKT_MSG);
  if (npkt === null) return TX_DOWN_FAILED;
  npkt.msg = msg;
  return handDown(dev, npkt);
}

function handDown(dev: ShimDevice, npkt: DownNpkt): number {
  const { dll, registrant } = dev;
  const locks = dll.held.length;
  const before = dll.begin(dev, 'rx_down');
  try {
    const result = registrant.funcs.rx_down!(npkt, registrant.func_hdl);
    dll.checkHeld(locks, 'rx_down');
    checkResult(dll, npkt, result);
    return result;
  } catch (error) {
    return dll.fault(locks, error);
  } finally {
    dll.end(before);
  }
}

/** S04: an outcome is told twice, by the flag and by the result. */
function checkResult(dll: ShimDll, npkt: DownNpkt, result: number): void {
  const { io, file } = dll;
  if (result === TX_DOWN_OK) {
    if (!npkt.lent && npkt.failed)
      mistake(io, 'S04', `${file}: rx_down returned TX_DOWN_OK for a packet with _NPKT_NOT_TXED`);
    return;
  }
  if (result !== TX_DOWN_FAILED)
    mistake(io, 'S04', `${file}: rx_down returned ${result}: TX_DOWN_OK or TX_DOWN_FAILED is wanted`);
  if (npkt.lent)
    mistake(io, 'S02', `${file}: rx_down returned TX_DOWN_FAILED and did not call tx_done for its packet`);
  if (!npkt.failed)
    mistake(io, 'S04', `${file}: rx_down returned TX_DOWN_FAILED for a packet without _NPKT_NOT_TXED`);
}

// ---- back

/** ion.tx_done. Any thread. */
export function takeBack(dll: ShimDll, dev: ShimDevice, npkt: npkt_t): void {
  const { io, file } = dll;
  if (!(npkt instanceof DownNpkt) || npkt.dev !== dev)
    mistake(io, 'S02', `${file}: tx_done of a packet that ${dev.dv_xname} has not been given to send`);
  if (!npkt.lent) mistake(io, 'S02', `${file}: tx_done for the second time of one packet`);
  checkLocks(dll, 'tx_done');
  if (!npkt.untouched)
    mistake(io, 'S08', `${file}: it has changed org_data or the bits _NPKT_ORG_MASK of a packet to send`);
  npkt.failed = (npkt.flags & _NPKT_NOT_TXED) !== 0;
  const watch = watches.get(io);
  if (watch !== undefined && isRead(npkt, watch))
    mistake(io, 'S03', `${file}: tx_done of a packet that the device still reads`);
  npkt.lent = false;
  dev.withDriver--;
  if (((1 << io.contexts.context) & WITH_MBUFS) !== 0) finish(dev, npkt);
  else {
    const { cpu } = io.machine;
    cpu.charge(cpu.profile.lock);
    dev.done.push(npkt);
    askWorker(dev);
  }
}

function isRead(npkt: DownNpkt, watch: DmaWatch): boolean {
  const { buf } = npkt;
  for (let i = 0; i < buf.niov; i++) if (watch(buf.net_iov[i].iov_base, buf.net_iov[i].iov_len)) return true;
  return false;
}

/** The worker's part. */
export function finishSent(dev: ShimDevice): void {
  for (let npkt = dev.done.shift(); npkt !== null; npkt = dev.done.shift()) finish(dev, npkt);
}

function finish(dev: ShimDevice, npkt: DownNpkt): void {
  const { mbuf } = npkt;
  npkt.mbuf = null;
  dev.idle.push(npkt);
  if (mbuf === null) return;
  m_freem(mbuf);
  const ifp = dev.sc_ec.ec_if;
  if (npkt.failed) ifp.if_oerrors++;
  else ifp.if_opackets++;
}
