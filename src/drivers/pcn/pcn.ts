// AMD PCnet (Am79C970A PCnet-PCI II, Am79C973 PCnet-FAST III) for io-pkt, in the manner of a ported BSD driver: the
// interface is pcn0, media go through ifmedia(4), and what nicinfo wants is left to ether_ioctl. Written from the data
// sheets AMD 19436 rev. E and 21510 rev. E and the manual pages of the interfaces.
// This file: the entry, attach and detach, ioctl. Where the rest is:
//   softc.ts      the state               start.ts   sending              media.ts   ifmedia and the PHY
//   registers.ts  CSR and BCR             intr.ts    interrupt, receiving filter.ts  receive mode
//   init.ts       init, stop, watchdog    tick.ts    link and health      options.ts

import type { PciDevice } from '../../bus/pci.ts';
import { initBlockBytes } from '../../chips/pcnet/init-block.ts';
import { descriptorBytes, ReceiveRing, TransmitRing } from '../../chips/pcnet/ring.ts';
import { CHIP_ID, CHIP_ID_MASK, PCI_DEVICE_ID, PCI_VENDOR_ID } from '../../chips/pcnet/sheet.ts';
import { callout_init, callout_setfunc } from '../../iopkt/callout.ts';
import { CFATTACH_DECL, dev_attach, type device } from '../../iopkt/device.ts';
import { type DriverModule, type dll_handle, IOPKT_DRVR_ENTRY_SYM_INIT } from '../../iopkt/entry.ts';
import { EINVAL, ENETRESET, ENODEV, ENOMEM, ENXIO, EOK } from '../../iopkt/errno.ts';
import { ether_ifattach, ether_ifdetach, type ethercom } from '../../iopkt/ether.ts';
import { ether_ioctl } from '../../iopkt/ether-ioctl.ts';
import {
  ETHERCAP_VLAN_MTU,
  IFF_BROADCAST,
  IFF_DEBUG,
  IFF_MULTICAST,
  IFF_PROMISC,
  IFF_SIMPLEX,
} from '../../iopkt/flags.ts';
import { shutdownhook_disestablish, shutdownhook_establish } from '../../iopkt/hooks.ts';
import { ifmedia_ioctl } from '../../iopkt/ifmedia.ts';
import { if_attach, if_detach, type ifnet } from '../../iopkt/ifnet.ts';
import { IFQ_SET_READY } from '../../iopkt/ifq.ts';
import { IRUPT_PRIO_DEFAULT, interrupt_entry_init, interrupt_entry_remove } from '../../iopkt/interrupt.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import { MDI_DeRegister } from '../../iopkt/mdi.ts';
import { NIC_FLAG_MULTICAST, NIC_FLAG_PROMISCUOUS } from '../../iopkt/nic.ts';
import { pci_attach_device, pci_detach_device } from '../../iopkt/pci.ts';
import { SIOCADDMULTI, SIOCDELMULTI, SIOCGIFMEDIA, SIOCSIFMEDIA } from '../../iopkt/sockio.ts';
import { formatMac, isValidStation } from '../../net/ether.ts';
import { pcn_set_filter } from './filter.ts';
import { pcn_init, pcn_shutdown, pcn_stop, pcn_watchdog } from './init.ts';
import { pcn_enable, pcn_intr } from './intr.ts';
import { pcn_mediainit } from './media.ts';
import { type pcn_options, pcn_parse_options } from './options.ts';
import { pcn_registers } from './registers.ts';
import { PCN_NTXSEGS, PCN_SWSTYLE, pcn_softc, softcOf } from './softc.ts';
import { pcn_start } from './start.ts';
import { pcn_restart } from './tick.ts';

interface pcn_attach_args {
  iopkt: IoPkt;
  pci: PciDevice;
  options: pcn_options;
}

const pcn_ca = CFATTACH_DECL('pcn', () => new pcn_softc(), null, pcn_attach, pcn_detach, null);

/** Registered as `devnp-pcn.so`. */
export const pcnModule: DriverModule = { iopkt_drvr_entry: IOPKT_DRVR_ENTRY_SYM_INIT('pcn', pcn_entry) };

/** EOK when an instance attached, ENODEV when there is no such card, else why the last one did not. */
function pcn_entry(dll_hdl: dll_handle, iopkt: IoPkt, text: string | null): number {
  let options: pcn_options;
  try {
    options = pcn_parse_options(text);
  } catch (error) {
    iopkt.machine.log(`pcn: ${(error as Error).message}`);
    return EINVAL;
  }
  const { vendor_id, device_id, device_index } = options.cfg;
  const chosen = parsedIndex(text);
  const single = { value: chosen ? 1 : 0 };
  let attached = 0;
  let failed = EOK;
  // Those that attach are not offered any more; those that fail are passed over.
  for (let skip = device_index; ; ) {
    const pci = pci_attach_device(iopkt, vendor_id || PCI_VENDOR_ID, device_id || PCI_DEVICE_ID, skip);
    if (pci === null) break;
    const dev = { value: null as device | null };
    const args: pcn_attach_args = { iopkt, pci, options };
    const error = dev_attach('pcn', text, pcn_ca, args, single, dev, null);
    if (error === EOK) {
      dev.value!.dv_dll_hdl = dll_hdl;
      attached++;
    } else {
      pci_detach_device(iopkt, pci);
      failed = error;
      skip++;
    }
    if (single.value !== 0) break;
  }
  if (attached > 0) return EOK;
  return failed === EOK ? ENODEV : failed;
}

/** One card by its number: no other. */
function parsedIndex(text: string | null): boolean {
  return /(^|,)(pci|deviceindex)=/.test(text ?? '');
}

// ---- attach and detach

function pcn_attach(_parent: device | null, sc: pcn_softc, arg: unknown): number {
  const { iopkt, pci, options } = arg as pcn_attach_args;
  sc.sc_iopkt = iopkt;
  sc.sc_pci = pci;
  sc.sc_irq = pci.irq;
  sc.sc_promiscuous = (options.cfg.flags & NIC_FLAG_PROMISCUOUS) !== 0;
  sc.sc_regs = new pcn_registers(pci.registers(1), iopkt, sc.dv_xname);
  const address = examine(sc, options);
  if (address === null) return ENXIO;
  if (!pcn_mediainit(sc, options.media)) {
    iopkt.machine.log(`${sc.dv_xname}: ${sc.sc_chip} cannot do the speed asked for`);
    MDI_DeRegister(sc.sc_mdi);
    return EINVAL;
  }
  if (!takeRings(sc, options)) {
    MDI_DeRegister(sc.sc_mdi);
    return ENOMEM;
  }
  const { sc_inter } = sc;
  sc_inter.func = pcn_intr;
  sc_inter.enable = pcn_enable;
  sc_inter.arg = sc;
  const { priority } = options.cfg;
  const error = interrupt_entry_init(sc_inter, 0, null, priority === -1 ? IRUPT_PRIO_DEFAULT : priority);
  if (error !== EOK) {
    giveRings(sc);
    MDI_DeRegister(sc.sc_mdi);
    return error;
  }
  callout_init(sc.sc_tick_ch);
  callout_init(sc.sc_recover_ch);
  callout_setfunc(sc.sc_recover_ch, pcn_restart, sc);
  attachInterface(sc, address, (options.cfg.flags & NIC_FLAG_MULTICAST) !== 0);
  sc.sc_hook = shutdownhook_establish(pcn_shutdown, sc);
  iopkt.machine.log(`${sc.dv_xname}: ${sc.sc_chip} at ${pci.name}, ${formatMac(address)}`);
  return EOK;
}

/** Resets the chip and finds out what it is; the station address, or null with the reason in the log. */
function examine(sc: pcn_softc, { cfg }: pcn_options): Uint8Array | null {
  const { sc_regs: regs } = sc;
  const refuse = (why: string): null => {
    regs.halt();
    sc.sc_iopkt.machine.log(`${sc.dv_xname}: ${why}`);
    return null;
  };
  if (!regs.reset()) return refuse('the chip does not come out of reset');
  const id = regs.readChipId();
  const chip = Object.entries(CHIP_ID).find(([, known]) => (id & CHIP_ID_MASK) === known);
  if (chip === undefined) return refuse(`chip id 0x${id.toString(16)} is none of ${Object.keys(CHIP_ID)}`);
  sc.sc_chip = chip[0];
  sc.sc_fast = chip[1] === CHIP_ID.Am79C973;
  const own = cfg.current_address.slice(0, 6);
  const address = own.every((octet) => octet === 0) ? regs.readStationAddress() : own;
  return isValidStation(address)
    ? address
    : refuse(`address PROM holds ${formatMac(address)}: mac= is wanted`);
}

function takeRings(sc: pcn_softc, { receive, transmit }: pcn_options): boolean {
  const { dma } = sc.sc_pci;
  const bytes = descriptorBytes(PCN_SWSTYLE);
  try {
    sc.sc_initblock = dma.allocCoherent(initBlockBytes(PCN_SWSTYLE), 16);
    sc.sc_rxring_at = dma.allocCoherent(receive * bytes, 16);
    sc.sc_txring_at = dma.allocCoherent(transmit * bytes, 16);
  } catch {
    sc.sc_iopkt.machine.log(`${sc.dv_xname}: no memory for the rings`);
    giveRings(sc);
    return false;
  }
  const { u32 } = sc.sc_iopkt.machine.memory;
  sc.sc_rxring = new ReceiveRing(u32, sc.sc_rxring_at, receive, PCN_SWSTYLE);
  sc.sc_txring = new TransmitRing(u32, sc.sc_txring_at, transmit, PCN_SWSTYLE);
  for (let i = 0; i < receive; i++) sc.sc_rxmbuf.push(null);
  for (let i = 0; i < transmit; i++) sc.sc_txmbuf.push(null);
  // Two packets of the largest kind fit.
  sc.sc_txsegs = Math.min(PCN_NTXSEGS, transmit / 2);
  return true;
}

function giveRings(sc: pcn_softc): void {
  const { dma } = sc.sc_pci;
  for (const at of [sc.sc_initblock, sc.sc_rxring_at, sc.sc_txring_at]) if (at !== 0) dma.freeCoherent(at);
  sc.sc_initblock = sc.sc_rxring_at = sc.sc_txring_at = 0;
}

function attachInterface(sc: pcn_softc, address: Uint8Array, multicast: boolean): void {
  const ifp = sc.sc_ethercom.ec_if;
  ifp.if_xname = sc.dv_xname;
  ifp.if_softc = sc;
  ifp.if_flags = IFF_BROADCAST | IFF_SIMPLEX | (multicast ? IFF_MULTICAST : 0);
  ifp.if_init = pcn_init;
  ifp.if_stop = pcn_stop;
  ifp.if_start = pcn_start;
  ifp.if_ioctl = pcn_ioctl;
  ifp.if_watchdog = pcn_watchdog;
  IFQ_SET_READY(ifp.if_snd);
  sc.sc_ethercom.ec_capabilities |= ETHERCAP_VLAN_MTU;
  sc.sc_ethercom.ec_ifflags_cb = pcn_ifflags_cb;
  if_attach(ifp);
  ether_ifattach(ifp, address);
}

function pcn_detach(sc: pcn_softc, _flags: number): number {
  const ifp = sc.sc_ethercom.ec_if;
  sc.sc_dying = true;
  pcn_stop(ifp, 1);
  ether_ifdetach(ifp);
  if_detach(ifp);
  interrupt_entry_remove(sc.sc_inter, null);
  MDI_DeRegister(sc.sc_mdi);
  if (sc.sc_hook !== null) shutdownhook_disestablish(sc.sc_hook);
  giveRings(sc);
  pci_detach_device(sc.sc_iopkt, sc.sc_pci);
  return EOK;
}

// ---- ioctl

/** SIOCGDRVCOM is not here: ether_ioctl tells nicinfo what io-pkt knows of any interface. */
function pcn_ioctl(ifp: ifnet, cmd: number, data: unknown): number {
  const sc = softcOf(ifp);
  switch (cmd) {
    case SIOCSIFMEDIA:
    case SIOCGIFMEDIA:
      return ifmedia_ioctl(ifp, data, sc.sc_media, cmd);
    case SIOCADDMULTI:
    case SIOCDELMULTI: {
      const error = ether_ioctl(ifp, cmd, data);
      if (error !== ENETRESET) return error;
      return sc.sc_running ? pcn_set_filter(sc) : EOK;
    }
    default:
      return ether_ioctl(ifp, cmd, data);
  }
}

/** Flags changed while it runs: for the promiscuous one the filter will do. */
function pcn_ifflags_cb(ec: ethercom): number {
  const sc = softcOf(ec.ec_if);
  const changed = ec.ec_if.if_flags ^ sc.sc_if_flags;
  if ((changed & ~(IFF_PROMISC | IFF_DEBUG)) !== 0) return ENETRESET;
  return (changed & IFF_PROMISC) === 0 ? EOK : pcn_set_filter(sc);
}
