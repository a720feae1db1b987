// A native io-pkt driver for the Tiny (sheet.ts), whole: devnp-tiny.so, interfaces tiny0, tiny1, ...
// docs/driver-tutorial.md goes through it piece by piece. What begins with `pkt.` is io-pkt's.

import * as pkt from 'softnet/io-pkt';
import { Ring } from './ring.ts';
import { CAUSE, CONTROL, LONGEST, PCI, REG, RING_BYTES, SLOTS } from './sheet.ts';

const { EOK, IFF_OACTIVE, IFF_RUNNING, M_DONTWAIT, NW_SIGLOCK, NW_SIGUNLOCK } = pkt;
const GONE = 0xffffffff;

class tiny_softc extends pkt.device {
  ec = new pkt.ethercom();
  inter = new pkt._iopkt_inter<tiny_softc>();
  iopkt!: pkt.IoPkt;
  pci!: pkt.PciDevice;
  regs!: pkt.Registers;
  hook!: pkt.shutdownhook;
  iid = -1;
  dying = false;
  rx!: Ring<pkt.Mbuf>;
  tx!: Ring<pkt.Mbuf>;
}

const tiny_ca = pkt.CFATTACH_DECL('tiny', () => new tiny_softc(), null, tiny_attach, tiny_detach, null);
export const tinyModule = { iopkt_drvr_entry: pkt.IOPKT_DRVR_ENTRY_SYM_INIT('tiny', tiny_entry) };

/** Looks for cards. EOK: there is an interface; ENODEV: there is no card; else why the last has none. */
function tiny_entry(dll_hdl: pkt.dll_handle, iopkt: pkt.IoPkt, options: string | null): number {
  if (pkt.parseOptions(options).some(({ key }) => !['name', 'lan', 'unit'].includes(key))) return pkt.EINVAL;
  const single = { value: 0 };
  let result = pkt.ENODEV;
  for (let skip = 0; single.value === 0; ) {
    const pci = pkt.pci_attach_device(iopkt, PCI.VENDOR_ID, PCI.DEVICE_ID, skip);
    if (pci === null) break;
    const dev = { value: null as pkt.device | null };
    const error = pkt.dev_attach('tiny', options, tiny_ca, { iopkt, pci }, single, dev, null);
    if (error === EOK) dev.value!.dv_dll_hdl = dll_hdl;
    else pkt.pci_detach_device(iopkt, pci);
    // A card that is taken is not offered again; one that failed is to be passed over.
    if (error !== EOK) skip++;
    if (result !== EOK) result = error;
  }
  return result;
}

/** One card: takes what lasts until detach. No DMA and no interrupt yet. */
function tiny_attach(_parent: pkt.device | null, sc: tiny_softc, arg: unknown): number {
  const { iopkt, pci } = arg as { iopkt: pkt.IoPkt; pci: pkt.PciDevice };
  Object.assign(sc, { iopkt, pci, regs: pci.registers(0) });
  tiny_shutdown(sc);
  const mac = Uint8Array.from({ length: 6 }, (_, i) => sc.regs.read8(REG.ADDRESS + i));
  if (!pkt.isValidStation(mac)) return pkt.ENXIO;
  Object.assign(sc.inter, { func: tiny_process_interrupt, enable: tiny_enable, arg: sc });
  const error = pkt.interrupt_entry_init(sc.inter, 0, null, pkt.IRUPT_PRIO_DEFAULT);
  if (error !== EOK) return error;
  try {
    sc.rx = new Ring(iopkt.machine.memory.u32, pci.dma.allocCoherent(2 * RING_BYTES));
  } catch {
    pkt.interrupt_entry_remove(sc.inter, null);
    return pkt.ENOMEM;
  }
  sc.tx = new Ring(iopkt.machine.memory.u32, sc.rx.address + RING_BYTES);
  const ifp = sc.ec.ec_if;
  ifp.if_xname = sc.dv_xname;
  ifp.if_softc = sc;
  ifp.if_flags = pkt.IFF_BROADCAST | pkt.IFF_SIMPLEX | pkt.IFF_MULTICAST;
  ifp.if_init = ifp.if_watchdog = tiny_init;
  ifp.if_stop = tiny_stop;
  ifp.if_start = tiny_start;
  ifp.if_ioctl = tiny_ioctl;
  pkt.IFQ_SET_READY(ifp.if_snd);
  pkt.if_attach(ifp);
  pkt.ether_ifattach(ifp, mac);
  sc.hook = pkt.shutdownhook_establish(tiny_shutdown, sc);
  return EOK;
}

/** Gives everything back. */
function tiny_detach(sc: tiny_softc, _flags: number): number {
  const ifp = sc.ec.ec_if;
  sc.dying = true;
  tiny_stop(ifp, 1);
  pkt.ether_ifdetach(ifp);
  pkt.if_detach(ifp);
  pkt.interrupt_entry_remove(sc.inter, null);
  pkt.shutdownhook_disestablish(sc.hook);
  sc.pci.dma.freeCoherent(sc.rx.address);
  pkt.pci_detach_device(sc.iopkt, sc.pci);
  return EOK;
}

/** Comes again and again. ENOBUFS: too few buffers for the ring; EIO: nobody answers. */
function tiny_init(ifp: pkt.ifnet): number {
  const sc = ifp.if_softc as tiny_softc;
  if (sc.dying) return EOK;
  tiny_stop(ifp, 0);
  // Buffers that are there already serve again.
  const kept = sc.rx.empty();
  while (sc.rx.room > 0) {
    const m = kept.pop() ?? pkt.m_getcl(M_DONTWAIT, pkt.MT_DATA, pkt.M_PKTHDR);
    if (m === null) return pkt.ENOBUFS;
    sc.rx.give(m, pkt.mbuf_phys(m), pkt.MCLBYTES);
  }
  sc.regs.write32(REG.RINGS, sc.rx.address);
  if (sc.regs.read32(REG.RINGS) !== sc.rx.address) return pkt.EIO;
  if (sc.iid === -1) sc.iid = pkt.InterruptAttach(sc.pci.irq, tiny_isr, sc, 0, 0);
  if (sc.iid === -1) return pkt.EIO;
  // From here the card owns the rings, and may interrupt.
  sc.regs.write32(REG.CONTROL, ifp.if_flags & pkt.IFF_PROMISC ? CONTROL.RUN_PROMISCUOUS : CONTROL.RUN);
  ifp.if_flags |= IFF_RUNNING;
  NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
  ifp.if_flags_tx |= IFF_RUNNING;
  // What has waited meanwhile. Start gives the mutex back.
  tiny_start(ifp);
  return EOK;
}

/** Halts the card. Frees the packets to be sent; with `disable` also what the first init has taken. */
function tiny_stop(ifp: pkt.ifnet, disable: number): void {
  const sc = ifp.if_softc as tiny_softc;
  tiny_shutdown(sc);
  NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
  tiny_reap(sc);
  for (const m of sc.tx.empty()) pkt.m_freem(m);
  ifp.if_timer = 0;
  ifp.if_flags_tx &= ~(IFF_RUNNING | IFF_OACTIVE);
  NW_SIGUNLOCK(ifp.if_snd_ex!, sc.iopkt);
  ifp.if_flags &= ~(IFF_RUNNING | IFF_OACTIVE);
  // What has arrived goes up.
  tiny_receive(sc, pkt.WTP());
  if (disable === 0) return;
  if (sc.iid !== -1) pkt.InterruptDetach(sc.iid);
  sc.iid = -1;
  for (const m of sc.rx.empty()) pkt.m_freem(m);
}

/** The shutdown hook: DMA and interrupts end. The read pushes the write out to the card. */
function tiny_shutdown(sc: tiny_softc): void {
  sc.regs.write32(REG.CONTROL, 0);
  sc.regs.read32(REG.CONTROL);
}

/** The ISR, in the kernel's way: masks the line, and asks the card nothing. */
function tiny_isr(sc: tiny_softc, iid: number): pkt.sigevent | null {
  sc.iid = iid;
  pkt.InterruptMask(sc.pci.irq, iid);
  return pkt.interrupt_queue(sc.iopkt, sc.inter);
}

/** Undoes that; the mask went with the interrupt if it was detached meanwhile. */
function tiny_enable(sc: tiny_softc): number {
  if (sc.iid !== -1) pkt.InterruptUnmask(sc.pci.irq, sc.iid);
  return 1;
}

/** 1: done. What comes from here on keeps the line asserted, and is seen when it is unmasked. */
function tiny_process_interrupt(sc: tiny_softc, wtp: pkt.nw_work_thread): number {
  const cause = sc.regs.read32(REG.CAUSE);
  if (cause === GONE) return 1;
  sc.regs.write32(REG.CAUSE, cause);
  if ((cause & CAUSE.RX) !== 0) tiny_receive(sc, wtp);
  if ((cause & CAUSE.TX) !== 0) {
    pkt.NW_SIGLOCK_P(sc.ec.ec_if.if_snd_ex!, sc.iopkt, wtp);
    tiny_start(sc.ec.ec_if);
  }
  return 1;
}

function tiny_receive(sc: tiny_softc, wtp: pkt.nw_work_thread): void {
  const ifp = sc.ec.ec_if;
  const dropped = sc.regs.read32(REG.DROPPED);
  if (dropped !== GONE) ifp.if_ierrors += dropped;
  // Once around at most; and a protocol may stop us, for good, from within if_input.
  for (let i = 0; i < SLOTS && sc.rx.done; i++) {
    const { length } = sc.rx;
    const m = sc.rx.take();
    const good = length >= pkt.ETHER_HDR_LEN && length <= LONGEST;
    const fresh = good ? pkt.m_getcl_wtp(M_DONTWAIT, pkt.MT_DATA, pkt.M_PKTHDR, wtp) : null;
    sc.rx.give(fresh ?? m, pkt.mbuf_phys(fresh ?? m), pkt.MCLBYTES);
    if (fresh === null) ifp.if_ierrors++;
    else {
      pkt.CACHE_INVAL(null, m.data, pkt.mbuf_phys(m), length);
      m.length = m.packetLength = length;
      pkt.m_set_rcvif(m, ifp);
      ifp.if_ipackets++;
      ifp.if_input(ifp, m);
    }
  }
}

/** if_snd_ex is locked, and is given back on every path. */
function tiny_start(ifp: pkt.ifnet): void {
  const sc = ifp.if_softc as tiny_softc;
  if ((ifp.if_flags_tx & IFF_RUNNING) !== 0) {
    tiny_reap(sc);
    let more = true;
    while (more && sc.tx.room > 0) more = tiny_send(sc, pkt.IFQ_DEQUEUE(ifp.if_snd));
    // With a full ring OACTIVE stays: each frame that leaves interrupts, and that goes on from here.
    if (more) ifp.if_flags_tx |= IFF_OACTIVE;
    else ifp.if_flags_tx &= ~IFF_OACTIVE;
    sc.regs.write32(REG.KICK, 1);
  }
  pkt.NW_SIGUNLOCK_P(ifp.if_snd_ex!, sc.iopkt, sc.iopkt.thread);
}

/** Takes a packet into the ring, in one piece. False: there was none. */
function tiny_send(sc: tiny_softc, packet: pkt.Mbuf | null): boolean {
  if (packet === null) return false;
  const whole = packet.length === packet.packetLength;
  const m = whole ? packet : pkt.m_dup(packet, 0, pkt.M_COPYALL, M_DONTWAIT);
  if (!whole) pkt.m_freem(packet);
  if (m === null || m.length === 0 || m.length > LONGEST) {
    pkt.m_freem(m);
    sc.ec.ec_if.if_oerrors++;
    return true;
  }
  pkt.CACHE_FLUSH(null, m.data, pkt.mbuf_phys(m), m.length);
  sc.tx.give(m, pkt.mbuf_phys(m), m.length);
  sc.ec.ec_if.if_timer = 5;
  return true;
}

/** Frees what has left. if_snd_ex held. */
function tiny_reap(sc: tiny_softc): void {
  const ifp = sc.ec.ec_if;
  while (sc.tx.done) {
    if (sc.tx.failed) ifp.if_oerrors++;
    else ifp.if_opackets++;
    pkt.m_freem(sc.tx.take());
  }
  if (sc.tx.room === SLOTS) ifp.if_timer = 0;
}

/** The card takes all groups: when they change (ENETRESET) there is nothing to write. */
function tiny_ioctl(ifp: pkt.ifnet, cmd: number, data: unknown): number {
  const error = pkt.ether_ioctl(ifp, cmd, data);
  return error === pkt.ENETRESET ? EOK : error;
}
