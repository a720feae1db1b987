// struct ifnet on the device layer's NetDevice. The driver fills in what its manual says; if_attach makes the device behind
// it. Flags RUNNING and OACTIVE are in two words: if_flags is what people are shown, if_flags_tx, under if_snd_ex, is what
// decides. OACTIVE in if_flags_tx is the device layer's stopped queue.
// Counters that the device layer keeps too are the same numbers here.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { DeviceCounters, NetDevice } from '../net/device.ts';
import {
  DROP_CPU_BACKLOG,
  DROP_QDISC_DROP,
  DROP_QDISC_RESET,
  DROP_TX_ERROR,
  DROP_UNHANDLED_PROTO,
} from '../net/drop-reason.ts';
import type { TxQueue } from '../net/tx-queue.ts';
import type { device } from './device.ts';
import type { ethercom } from './ether.ts';
import { IFF_OACTIVE, IFF_RUNNING, IFF_UP, LINK_STATE_DOWN, LINK_STATE_UNKNOWN } from './flags.ts';
import { IFQ_MAXLEN, ifqueue } from './ifq.ts';
import { nw_mutex } from './locks.ts';
import type { IoPkt } from './manager.ts';
import { attachNetDevice, detachNetDevice } from './net-device.ts';
import { current, IN_STACK, ruleError, WITH_INPUT } from './self.ts';

/** Interfaces of one io-pkt: what an if_index in a byte can say. */
const MAX_INTERFACES = 255;

/** Counters of an interface that is not attached. */
function noCounters(): DeviceCounters {
  return { packets: 0, bytes: 0, errors: 0, multicast: 0 };
}

export class ifnet {
  // Filled in by the driver.
  /** A driver casts it to what its softc is. */
  if_softc: unknown = null;
  if_xname = '';
  if_flags = 0;
  if_init: ((ifp: ifnet) => number) | null = null;
  if_stop: ((ifp: ifnet, disable: number) => void) | null = null;
  if_start: ((ifp: ifnet) => void) | null = null;
  if_ioctl: ((ifp: ifnet, cmd: number, data: unknown) => number) | null = null;
  if_watchdog: ((ifp: ifnet) => void) | null = null;
  if_drain: ((ifp: ifnet) => void) | null = null;
  if_capabilities_tx = 0;
  if_capabilities_rx = 0;
  if_capenable_tx = 0;
  if_capenable_rx = 0;
  /** Seconds until if_watchdog is called; 0: never. */
  if_timer = 0;
  /** bit/s. */
  if_baudrate = 0;
  if_mtu = 0;
  if_metric = 0;
  readonly if_snd: ifqueue = new ifqueue(this);
  /** RUNNING and OACTIVE, under if_snd_ex. */
  if_flags_tx = 0;

  // Filled in by if_attach and ether_ifattach.
  /** Takes a received packet with its Ethernet header. */
  if_input: (ifp: ifnet, m: Mbuf) => void = () => {
    throw new Error(`${this.if_xname}: if_input before ether_ifattach`);
  };
  /** Takes a packet with its Ethernet header, to be sent. */
  if_output: (ifp: ifnet, m: Mbuf) => number = () => {
    throw new Error(`${this.if_xname}: if_output before ether_ifattach`);
  };
  if_index = 0;
  if_type = 0;
  if_addrlen = 0;
  if_hdrlen = 0;
  if_dlt = 0;
  if_link_state = LINK_STATE_UNKNOWN;
  if_snd_ex: nw_mutex | null = null;
  /** Link-level address (sockaddr_dl); the device's, the same bytes. */
  if_sadl: Uint8Array = new Uint8Array(6);
  if_broadcastaddr: Uint8Array = new Uint8Array(6);
  /** Listeners that want everything. */
  if_pcount = 0;
  /** Always null: io-pkt shows packets to taps itself, on their way in and out. */
  readonly if_bpf: null = null;
  /** Virtual time in ns of the last change of the link. */
  if_lastchange = 0;

  // Counters of the driver's alone.
  if_ipackets = 0;
  if_collisions = 0;

  // io-pkt's own.
  if_netdev: NetDevice | null = null;
  if_dev: device | null = null;
  if_ethercom: ethercom | null = null;
  io: IoPkt | null = null;
  /** An address, not a flag, brings it up just now; it is being taken off. */
  addressed = false;
  detaching = false;
  /** Packets the driver has dequeued and not freed; those it has freed. */
  held = 0;
  released = 0;
  /** Freed by init or stop without being counted as sent or failed; dropped by the driver (IFQ_INC_DROPS). */
  private lost = 0;
  private dropped = 0;
  private tx = noCounters();
  private rx = noCounters();
  private queue: TxQueue | null = null;

  /** Called by if_attach. */
  bind(io: IoPkt, device: NetDevice, snd_ex: nw_mutex): void {
    this.io = io;
    this.if_netdev = device;
    this.if_snd_ex = snd_ex;
    this.queue = device.txQueues[0];
    this.tx = device.tx;
    this.rx = device.rx;
    this.if_sadl = device.address;
  }

  get sendQueue(): TxQueue {
    return this.queue!;
  }

  get if_opackets(): number {
    return this.tx.packets;
  }

  set if_opackets(packets: number) {
    this.tx.packets = packets;
  }

  /** Packets that were not sent: each is one that the driver has freed. */
  get if_oerrors(): number {
    return this.tx.errors;
  }

  set if_oerrors(errors: number) {
    const { if_netdev } = this;
    if (if_netdev !== null) if_netdev.drops[DROP_TX_ERROR] += errors - this.tx.errors;
    this.tx.errors = errors;
  }

  get if_obytes(): number {
    return this.tx.bytes;
  }

  get if_omcasts(): number {
    return this.tx.multicast;
  }

  get if_ierrors(): number {
    return this.rx.errors;
  }

  set if_ierrors(errors: number) {
    this.rx.errors = errors;
  }

  get if_ibytes(): number {
    return this.rx.bytes;
  }

  get if_imcasts(): number {
    return this.rx.multicast;
  }

  /** Dropped because the protocols' queue was full. */
  get if_iqdrops(): number {
    return this.if_netdev?.drops[DROP_CPU_BACKLOG] ?? 0;
  }

  /** Of a type that nobody takes. */
  get if_noproto(): number {
    return this.if_netdev?.drops[DROP_UNHANDLED_PROTO] ?? 0;
  }

  /** The driver has taken a packet from if_snd. */
  countDequeued(m: Mbuf): void {
    this.tx.bytes += m.packetLength;
    if ((m.pool.memory.u8[m.data] & 1) !== 0) this.tx.multicast++;
  }

  countDrop(): void {
    this.dropped++;
    if (this.if_netdev !== null) this.if_netdev.drops[DROP_QDISC_DROP]++;
  }

  /** OACTIVE is the queue's stop bit. At the release of if_snd_ex. */
  syncQueue(): void {
    if ((this.if_flags_tx & IFF_OACTIVE) !== 0) this.queue!.stop();
    else this.queue!.start();
  }

  /**
   * After stack code of the driver: what it freed without counting, as init and stop do with packets that were in the ring,
   * is dropped; the link and the queue are as the flags say.
   */
  settle(): void {
    const { if_netdev, io } = this;
    if (if_netdev === null || io === null) return;
    this.countLost();
    this.syncQueue();
    if_netdev.setCarrier(if_netdev.up && this.running && this.if_link_state !== LINK_STATE_DOWN);
  }

  /** What the driver has freed without counting it is dropped. */
  countLost(): void {
    const { if_netdev } = this;
    if (if_netdev === null) return;
    const lost = this.released - this.lost - this.dropped - this.tx.packets - if_netdev.drops[DROP_TX_ERROR];
    if (lost <= 0) return;
    this.lost += lost;
    if_netdev.drops[DROP_QDISC_RESET] += lost;
  }

  /** RUNNING in the word that decides. */
  get running(): boolean {
    return (this.if_flags_tx & IFF_RUNNING) !== 0;
  }

  get up(): boolean {
    return (this.if_flags & IFF_UP) !== 0;
  }

  /** Takes it off every list: its driver has left it behind, or attach failed. */
  discard(): void {
    if (this.if_netdev !== null) detachNetDevice(this);
  }
}

/**
 * Makes the device behind an interface: index, if_snd_ex, queue. It is announced by ether_ifattach, which follows. Throws
 * when the driver has not said what it must. Stack context.
 */
export function if_attach(ifp: ifnet): void {
  const io = current(IN_STACK, 'if_attach');
  const missing = (['if_init', 'if_stop', 'if_start', 'if_ioctl'] as const).filter(
    (name) => ifp[name] === null,
  );
  if (missing.length > 0)
    throw ruleError(io, 'manual', `if_attach of ${ifp.if_xname} without ${missing.join(', ')}`);
  if (ifp.if_netdev !== null) throw ruleError(io, 'manual', `if_attach of ${ifp.if_xname} a second time`);
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,14}$/.test(ifp.if_xname))
    throw ruleError(
      io,
      'manual',
      `if_attach: if_xname "${ifp.if_xname}" is no interface name: dv_xname is one`,
    );
  const index = io.ifnetByIndex.findIndex((other, at) => at > 0 && other === null);
  if (index < 0 && io.ifnetByIndex.length > MAX_INTERFACES)
    throw ruleError(io, 'manual', `if_attach: there are ${MAX_INTERFACES} interfaces already`);
  if (ifp.if_snd.ifq_maxlen === 0) ifp.if_snd.ifq_maxlen = IFQ_MAXLEN;
  const snd_ex = new nw_mutex(`${ifp.if_xname} if_snd_ex`);
  snd_ex.ifp = ifp;
  // Threads other than the interrupt's must not have it without holding interrupt work off.
  snd_ex.wantedByInterrupts = true;
  attachNetDevice(io, ifp, snd_ex);
  ifp.if_dev = io.contexts.dev;
  ifp.if_index = index < 0 ? io.ifnetByIndex.length : index;
  io.ifnetByIndex[ifp.if_index] = ifp;
  io.ifnets.push(ifp);
  io.contexts.dev?.dv_ifnets.push(ifp);
}

/** Forgets an interface: what waits in it is dropped. The driver has stopped it and called ether_ifdetach. Stack context. */
export function if_detach(ifp: ifnet): void {
  const io = current(IN_STACK, 'if_detach');
  if (ifp.if_netdev === null) return;
  if (ifp.running || (ifp.if_flags & IFF_RUNNING) !== 0)
    throw ruleError(io, 'P03', `if_detach of ${ifp.if_xname}, which runs: stop it first`);
  detachNetDevice(ifp);
}

/** The driver knows how the link is. Nothing when that is no news. Interrupt thread: io-pkt acts on it in stack context. */
export function if_link_state_change(ifp: ifnet, state: number): void {
  const io = current(WITH_INPUT, 'if_link_state_change');
  if (io.stack.free && io.contexts.directlyInStack) io.changeLink(ifp, state);
  else io.stack.defer(ifp.if_dev, 'link state change', () => io.changeLink(ifp, state));
}
