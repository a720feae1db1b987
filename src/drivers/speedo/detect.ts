// Finding cards and bringing them up and down: speedo_detect, speedo_attach, speedo_init (again and again), speedo_stop,
// speedo_detach.

import type { PciDevice } from '../../bus/pci.ts';
import {
  CHIP_REVISIONS,
  CSR,
  CUC,
  FIRST_82558,
  I82801BA,
  MEMORY_BYTES,
  PCI_DEVICE_ID,
  PCI_VENDOR_ID,
  RUC,
} from '../../chips/i8255x/sheet.ts';
import { callout_msec, callout_stop } from '../../iopkt/callout.ts';
import { CFATTACH_DECL, dev_attach, type device } from '../../iopkt/device.ts';
import type { dll_handle } from '../../iopkt/entry.ts';
import { EINVAL, EIO, ENOBUFS, ENODEV, ENOMEM, ENXIO, EOK } from '../../iopkt/errno.ts';
import { ether_ifattach, ether_ifdetach } from '../../iopkt/ether.ts';
import {
  ETHERCAP_VLAN_MTU,
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_OACTIVE,
  IFF_RUNNING,
  IFF_SIMPLEX,
} from '../../iopkt/flags.ts';
import { shutdownhook_disestablish, shutdownhook_establish } from '../../iopkt/hooks.ts';
import { if_attach, if_detach, type ifnet } from '../../iopkt/ifnet.ts';
import { IFQ_IS_EMPTY, IFQ_SET_READY } from '../../iopkt/ifq.ts';
import {
  InterruptAttach,
  InterruptDetach,
  IRUPT_PRIO_DEFAULT,
  interrupt_entry_init,
  interrupt_entry_remove,
} from '../../iopkt/interrupt.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import { MDI_DeRegister } from '../../iopkt/mdi.ts';
import { NIC_CONNECTOR_MII, NIC_FLAG_LINK_DOWN, NIC_FLAG_MULTICAST } from '../../iopkt/nic.ts';
import { nic_delay } from '../../iopkt/nic-delay.ts';
import { pci_attach_device, pci_detach_device } from '../../iopkt/pci.ts';
import { WTP } from '../../iopkt/threads.ts';
import { formatMac, isValidStation } from '../../net/ether.ts';
import { bsd_mii_initmedia, speedo_set_media } from './bsd_media.ts';
import { speedo_ifflags_cb, speedo_ioctl } from './devctl.ts';
import { speedo_read_eeprom } from './eeprom.ts';
import { GONE, speedo_cu, speedo_reset, speedo_ru, speedo_ru_start, speedo_unmask } from './hardware.ts';
import { MONITOR_MS, speedo_init_phy, speedo_MDI_MonitorPhy } from './mii.ts';
import { speedo_choose, speedo_parse_options } from './options.ts';
import { speedo_receive, speedo_receive_done, speedo_receive_drain, speedo_receive_fill } from './receive.ts';
import { speedo_first_setup, speedo_setup_done } from './setup.ts';
import { speedo_shutdown } from './shutdown.ts';
import { DUMP_AREA_BYTES, SETUP_BYTES, SETUPS, SPEEDO_TXCB_BYTES, speedo_dev, speedoOf } from './softc.ts';
import {
  speedo_enable_interrupt,
  speedo_isr,
  speedo_isr_kermask,
  speedo_process_interrupt,
} from './speedo.ts';
import { speedo_last_stats } from './statistics.ts';
import {
  speedo_start,
  speedo_transmit_complete,
  speedo_transmit_drain,
  TX_THRESHOLD_FIRST,
} from './transmit.ts';
import { speedo_watchdog } from './watchdog.ts';

/** Milliseconds that the first set-up may take: it waits for a frame that was being sent when the chip was reset. */
const SETUP_MS = 100;

interface attach_args {
  iopkt: IoPkt;
  pci: PciDevice;
  options: string | null;
}

const speedo_ca = CFATTACH_DECL('speedo', () => new speedo_dev(), null, speedo_attach, speedo_detach, null);

// ---- detect

/** Attaches each card that the options allow. EOK: there is one; ENODEV: none was found; else why the last did not. */
export function speedo_detect(dll_hdl: dll_handle, iopkt: IoPkt, options: string | null): number {
  const { vendor, device: wanted, index, single: only } = speedo_choose(options);
  const ids = wanted !== 0 ? [wanted] : [...Object.values(PCI_DEVICE_ID), I82801BA];
  const single = { value: only ? 1 : 0 };
  let attached = 0;
  let failed = EOK;
  for (const id of ids) {
    // Those that attach are not offered any more; those that fail are passed over.
    for (let skip = index; attached === 0 || single.value === 0; ) {
      const pci = pci_attach_device(iopkt, vendor || PCI_VENDOR_ID, id, skip);
      if (pci === null) break;
      const dev = { value: null as device | null };
      const error = dev_attach('fxp', options, speedo_ca, { iopkt, pci, options }, single, dev, null);
      if (error === EOK) {
        dev.value!.dv_dll_hdl = dll_hdl;
        attached++;
        continue;
      }
      pci_detach_device(iopkt, pci);
      failed = error;
      skip++;
      if (only) break;
    }
  }
  if (attached > 0) return EOK;
  return failed === EOK ? ENODEV : failed;
}

// ---- attach and detach

function speedo_attach(_parent: device | null, sc: speedo_dev, arg: unknown): number {
  const { iopkt, pci, options } = arg as attach_args;
  const { cfg, inter } = sc;
  sc.iopkt = iopkt;
  sc.pci = pci;
  sc.regs = pci.registers(0);
  cfg.lan = sc.dv_unit;
  cfg.flags = NIC_FLAG_MULTICAST | NIC_FLAG_LINK_DOWN;
  cfg.mtu = cfg.mru = 1514;
  cfg.connector = NIC_CONNECTOR_MII;
  try {
    speedo_parse_options(sc, options);
  } catch (error) {
    iopkt.machine.log(`${sc.dv_xname}: ${(error as Error).message}`);
    return EINVAL;
  }
  describe(sc);
  const error = examine(sc);
  if (error !== EOK) return error;
  if (!takeMemory(sc)) return failAttach(sc, ENOMEM);
  inter.func = speedo_process_interrupt;
  inter.enable = speedo_enable_interrupt;
  inter.arg = sc;
  const entry = interrupt_entry_init(inter, 0, null, cfg.priority === -1 ? IRUPT_PRIO_DEFAULT : cfg.priority);
  if (entry !== EOK) return failAttach(sc, entry);
  bsd_mii_initmedia(sc);
  // From here they say how the link is, and it is not known.
  cfg.media_rate = -1;
  cfg.duplex = -1;
  attachInterface(sc);
  sc.sd_hook = shutdownhook_establish(speedo_shutdown, sc);
  const mac = formatMac(cfg.current_address.subarray(0, 6));
  iopkt.machine.log(`${sc.dv_xname}: ${cfg.device_description} at ${pci.name}, ${mac}`);
  return EOK;
}

function failAttach(sc: speedo_dev, error: number): number {
  MDI_DeRegister(sc.mdi);
  giveMemory(sc);
  return error;
}

/** What the bus says of the card. */
function describe(sc: speedo_dev): void {
  const { cfg, pci } = sc;
  cfg.vendor_id = pci.vendorId;
  cfg.device_id = pci.deviceId;
  cfg.device_revision = pci.revision;
  const builtIn = cfg.device_id === I82801BA;
  sc.extended = builtIn || cfg.device_revision >= FIRST_82558;
  const chip = builtIn ? '82801' : CHIP_REVISIONS.find(([revision]) => cfg.device_revision >= revision)![1];
  cfg.device_description = `Intel ${chip}`;
  cfg.num_irqs = 1;
  cfg.irq[0] = pci.irq;
  const memory = pci.barAddress(0);
  if (memory !== null) {
    cfg.num_mem_windows = 1;
    cfg.mem_window_base[0] = memory.address;
    cfg.mem_window_size[0] = MEMORY_BYTES;
  }
}

/** Resets the chip, finds its address and its PHY. An errno, with the reason in the log. */
function examine(sc: speedo_dev): number {
  const { cfg, iopkt } = sc;
  const refuse = (why: string): number => {
    iopkt.machine.log(`${sc.dv_xname}: ${why}`);
    MDI_DeRegister(sc.mdi);
    return ENXIO;
  };
  speedo_reset(sc);
  if (sc.regs.read8(CSR.SCB_STATUS) === GONE) return refuse('the card does not answer');
  const eeprom = speedo_read_eeprom(sc);
  if (eeprom !== null) cfg.permanent_address.set(eeprom.address);
  const own = cfg.current_address.slice(0, 6);
  const address = own.every((octet) => octet === 0) ? cfg.permanent_address.slice(0, 6) : own;
  if (!isValidStation(address)) return refuse(`the EEPROM holds ${formatMac(address)}: mac= is wanted`);
  cfg.current_address.set(address);
  return speedo_init_phy(sc, eeprom?.phy ?? -1) ? EOK : refuse('no PHY answers');
}

function takeMemory(sc: speedo_dev): boolean {
  const { dma } = sc.pci;
  try {
    sc.tx_blocks = dma.allocCoherent(sc.tx_count * SPEEDO_TXCB_BYTES, 16);
    sc.setups = dma.allocCoherent(SETUPS * SETUP_BYTES, 16);
    sc.dump = dma.allocCoherent(DUMP_AREA_BYTES, 16);
  } catch {
    sc.iopkt.machine.log(`${sc.dv_xname}: no memory for ${sc.tx_count} transmit blocks`);
    return false;
  }
  for (let i = 0; i < sc.tx_count; i++) sc.tx_mbuf.push(null);
  for (let i = 0; i < sc.rx_count; i++) sc.rx_mbuf.push(null);
  sc.rx_rfd = new Int32Array(sc.rx_count);
  sc.tx_interval = Math.min(8, sc.tx_count >> 2);
  sc.tx_threshold = TX_THRESHOLD_FIRST;
  return true;
}

function giveMemory(sc: speedo_dev): void {
  for (const at of [sc.tx_blocks, sc.setups, sc.dump]) if (at !== 0) sc.pci.dma.freeCoherent(at);
  sc.tx_blocks = sc.setups = sc.dump = 0;
}

function attachInterface(sc: speedo_dev): void {
  const { ecom, cfg } = sc;
  const ifp = ecom.ec_if;
  ifp.if_xname = sc.dv_xname;
  ifp.if_softc = sc;
  ifp.if_flags = IFF_BROADCAST | IFF_SIMPLEX;
  if ((cfg.flags & NIC_FLAG_MULTICAST) !== 0) ifp.if_flags |= IFF_MULTICAST;
  ifp.if_init = speedo_init;
  ifp.if_stop = speedo_stop;
  ifp.if_start = speedo_start;
  ifp.if_ioctl = speedo_ioctl;
  ifp.if_watchdog = speedo_watchdog;
  IFQ_SET_READY(ifp.if_snd);
  if (sc.extended) ecom.ec_capabilities |= ETHERCAP_VLAN_MTU;
  ecom.ec_ifflags_cb = speedo_ifflags_cb;
  if_attach(ifp);
  ether_ifattach(ifp, cfg.current_address.subarray(0, 6));
}

function speedo_detach(sc: speedo_dev, _flags: number): number {
  const ifp = sc.ecom.ec_if;
  sc.dying = true;
  speedo_stop(ifp, 1);
  ether_ifdetach(ifp);
  if_detach(ifp);
  interrupt_entry_remove(sc.inter, null);
  MDI_DeRegister(sc.mdi);
  if (sc.sd_hook !== null) shutdownhook_disestablish(sc.sd_hook);
  giveMemory(sc);
  pci_detach_device(sc.iopkt, sc.pci);
  return EOK;
}

// ---- init and stop

/** Comes again and again: starts the card afresh. EIO: it does not work; ENOBUFS: too few buffers for the ring. */
export function speedo_init(ifp: ifnet): number {
  const sc = speedoOf(ifp);
  const { iopkt } = sc;
  if (sc.dying) return EOK;
  speedo_stop(ifp, 0);
  if (!speedo_receive_fill(sc)) return giveUp(sc, ENOBUFS);
  if (!configure(sc) || !attachInterrupt(sc)) return giveUp(sc, EIO);
  sc.lost = false;
  sc.running = true;
  NW_SIGLOCK(ifp.if_snd_ex!, iopkt);
  // From here the controller owns the receive buffers.
  speedo_ru_start(sc);
  ifp.if_flags_tx |= IFF_RUNNING;
  ifp.if_flags_tx &= ~IFF_OACTIVE;
  ifp.if_flags |= IFF_RUNNING;
  ifp.if_flags &= ~IFF_OACTIVE;
  // What waited meanwhile; start gives the mutex back.
  if (IFQ_IS_EMPTY(ifp.if_snd)) NW_SIGUNLOCK(ifp.if_snd_ex!, iopkt);
  else speedo_start(ifp);
  speedo_unmask(sc);
  speedo_set_media(sc, false);
  callout_msec(sc.mii_callout, MONITOR_MS, speedo_MDI_MonitorPhy, sc);
  return EOK;
}

/** The chip stays halted; a card that was lost is looked for further on. */
function giveUp(sc: speedo_dev, error: number): number {
  speedo_reset(sc);
  if (sc.lost) callout_msec(sc.mii_callout, MONITOR_MS, speedo_MDI_MonitorPhy, sc);
  return error;
}

/** A chip fresh from reset gets bases, dump address, configuration and addresses. False: it does not take them. */
function configure(sc: speedo_dev): boolean {
  const mutex = sc.ecom.ec_if.if_snd_ex!;
  NW_SIGLOCK(mutex, sc.iopkt);
  const given =
    speedo_cu(sc, CUC.LOAD_BASE, 0) &&
    speedo_ru(sc, RUC.LOAD_BASE, 0) &&
    speedo_cu(sc, CUC.LOAD_DUMP_ADDRESS, sc.dump) &&
    speedo_first_setup(sc);
  NW_SIGUNLOCK(mutex, sc.iopkt);
  if (!given) return false;
  for (let ms = 0; ms < SETUP_MS; ms++) {
    if (speedo_setup_done(sc)) return true;
    nic_delay(1);
  }
  return speedo_setup_done(sc);
}

/** Only when there is none yet. */
function attachInterrupt(sc: speedo_dev): boolean {
  if (sc.iid !== -1) return true;
  sc.iid = InterruptAttach(sc.cfg.irq[0], sc.kermask ? speedo_isr_kermask : speedo_isr, sc, 0, 0);
  return sc.iid !== -1;
}

/** Halts the card. What it had to send is taken back, what it had received goes up. Frees no memory and no entry. */
export function speedo_stop(ifp: ifnet, disable: number): void {
  const sc = speedoOf(ifp);
  const wasRunning = sc.running;
  callout_stop(sc.mii_callout);
  NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
  sc.running = false;
  if (wasRunning) {
    speedo_transmit_complete(sc);
    speedo_last_stats(sc);
  }
  speedo_reset(sc);
  if (wasRunning) speedo_transmit_complete(sc);
  speedo_transmit_drain(sc, false);
  ifp.if_flags_tx &= ~(IFF_RUNNING | IFF_OACTIVE);
  NW_SIGUNLOCK(ifp.if_snd_ex!, sc.iopkt);
  ifp.if_flags &= ~(IFF_RUNNING | IFF_OACTIVE);
  // Also when we are in there already: a protocol may have us stopped while it is handed a packet.
  speedo_receive(sc, WTP(), speedo_receive_done(sc));
  if (disable === 0) return;
  sc.lost = false;
  if (sc.iid !== -1) InterruptDetach(sc.iid);
  sc.iid = -1;
  speedo_receive_drain(sc);
}
