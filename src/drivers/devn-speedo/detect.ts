// Finding cards, registering and advertising them: speedo_init, speedo_detect, attach, advert.

import type { PciDevice } from '../../bus/pci.ts';
import {
  CHIP_REVISIONS,
  CSR,
  FIRST_82558,
  I82801BA,
  MEMORY_BYTES,
  PCI_DEVICE_ID,
  PCI_VENDOR_ID,
} from '../../chips/i8255x/sheet.ts';
import {
  _REG_ENDPOINT,
  _REG_PRODUCER_UP,
  _REG_TRACK_MCAST,
  type dispatch_t,
  type dll_handle_t,
  type io_net_self_t,
} from '../../ionet/interface.ts';
import { _IO_NET_MSG_DL_ADVERT, makeUpMessage } from '../../ionet/message.ts';
import {
  ChannelCreate,
  ConnectAttach,
  InterruptAttachEvent,
  pci_attach_device,
  pci_detach_device,
  pthread_create,
  SIGEV_PULSE_INIT,
} from '../../ionet/neutrino.ts';
import { errno } from '../../ionet/process.ts';
import {
  EAGAIN,
  EINVAL,
  EIO,
  ENODEV,
  ENOMEM,
  ENXIO,
  EOK,
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_RUNNING,
  IFF_SIMPLEX,
  MDI_MonitorPhy,
  MDI_TIMER,
  NIC_FLAG_MULTICAST,
  nic_config_copy,
  nic_config_t,
} from '../../ionet/shared.ts';
import { formatMac, isValidStation } from '../../net/ether.ts';
import { speedo_read_eeprom } from '../speedo/eeprom.ts';
import { speedo_devctl } from './devctl.ts';
import { GONE, speedo_reset } from './hardware.ts';
import { speedo_start, speedo_take_memory } from './init.ts';
import { speedo_thread } from './interrupt.ts';
import { speedo_init_phy, speedo_set_phy } from './mii.ts';
import { type speedo_options, speedo_parse_options } from './options.ts';
import { speedo_rx_alloc, speedo_tx_done } from './receive.ts';
import { speedo_flush, speedo_shutdown1, speedo_shutdown2, speedo_take_down } from './shutdown.ts';
import { PULSE_INTERRUPT, speedo_t } from './state.ts';
import { speedo_rx_down } from './transmit.ts';

const DRIVER = 'devn-speedo.so';

/** 0 when a card was found and runs; -1 and errno: EINVAL wrong options, ENODEV no card, else why the last one does not run. */
export function speedo_init(
  dll_hdl: dll_handle_t,
  dispatch: dispatch_t,
  ion: io_net_self_t,
  text: string | null,
): number {
  let options: speedo_options;
  try {
    options = speedo_parse_options(text);
  } catch (error) {
    dispatch.machine.log(`${DRIVER}: ${(error as Error).message}`);
    errno.value = EINVAL;
    return -1;
  }
  const error = speedo_detect(dll_hdl, dispatch, ion, options);
  if (error === EOK) return 0;
  errno.value = error;
  return -1;
}

/** Attaches each card that the options allow. EOK: there is one; else why there is none. */
function speedo_detect(
  dll_hdl: dll_handle_t,
  dispatch: dispatch_t,
  ion: io_net_self_t,
  options: speedo_options,
): number {
  const { vendor_id, device_id, device_index } = options.cfg;
  const ids = device_id !== 0 ? [device_id] : [...Object.values(PCI_DEVICE_ID), I82801BA];
  let attached = 0;
  let failed = ENODEV;
  for (const id of ids) {
    // Those that run are not offered any more; those that fail are passed over.
    for (let skip = device_index; attached === 0 || !options.single; ) {
      const pci = pci_attach_device(vendor_id || PCI_VENDOR_ID, id, skip);
      if (pci === null) break;
      const error = attach(dll_hdl, dispatch, ion, pci, options);
      if (error === EOK) {
        attached++;
        continue;
      }
      pci_detach_device(pci);
      failed = error;
      skip++;
      if (options.single) break;
    }
  }
  return attached > 0 ? EOK : failed;
}

function attach(
  dll_hdl: dll_handle_t,
  dispatch: dispatch_t,
  ion: io_net_self_t,
  pci: PciDevice,
  options: speedo_options,
): number {
  const cfg = new nic_config_t();
  nic_config_copy(cfg, options.cfg);
  const speedo = new speedo_t(ion, dispatch, pci, cfg, options);
  describe(speedo);
  const { machine } = dispatch;
  const found = examine(speedo);
  if (typeof found === 'string') {
    machine.log(`${DRIVER}: ${pci.name}: ${found}`);
    return ENXIO;
  }
  const registered = register(speedo, dll_hdl);
  if (registered !== EOK) return registered;
  const error = bringUp(speedo, found.phy);
  if (error === EOK) {
    const { device_description: chip, current_address } = cfg;
    if (cfg.verbose > 0)
      machine.log(`${speedo.name}: ${chip} at ${pci.name}, ${formatMac(current_address.subarray(0, 6))}`);
    speedo_advert(speedo);
    return EOK;
  }
  speedo_take_down(speedo);
  ion.dereg(speedo.reg_hdl.value);
  return error;
}

/** What the bus says of the card. */
function describe(speedo: speedo_t): void {
  const { cfg, pci } = speedo;
  cfg.vendor_id = pci.vendorId;
  cfg.device_id = pci.deviceId;
  cfg.device_revision = pci.revision;
  const builtIn = cfg.device_id === I82801BA;
  speedo.extended = builtIn || cfg.device_revision >= FIRST_82558;
  const chip = builtIn ? '82801' : CHIP_REVISIONS.find(([revision]) => cfg.device_revision >= revision)![1];
  cfg.device_description = `Intel ${chip}`;
  cfg.num_irqs = 1;
  cfg.irq[0] = pci.irq;
  const memory = pci.barAddress(0);
  if (memory === null) return;
  cfg.num_mem_windows = 1;
  cfg.mem_window_base[0] = memory.address;
  cfg.mem_window_size[0] = MEMORY_BYTES;
}

/** Resets the chip and finds its address, and where its PHY may be (-1: nobody says). What is wrong with it, as a text. */
function examine(speedo: speedo_t): { phy: number } | string {
  const { cfg } = speedo;
  speedo_reset(speedo);
  if (speedo.regs.read8(CSR.SCB_STATUS) === GONE) return 'the card does not answer';
  const eeprom = speedo_read_eeprom(speedo);
  if (eeprom !== null) cfg.permanent_address.set(eeprom.address);
  if (cfg.current_address.every((octet) => octet === 0)) cfg.current_address.set(cfg.permanent_address);
  const address = cfg.current_address.subarray(0, 6);
  if (!isValidStation(address)) return `the EEPROM holds ${formatMac(address)}: mac= is wanted`;
  return { phy: eeprom?.phy ?? -1 };
}

function register(speedo: speedo_t, dll_hdl: dll_handle_t): number {
  const { cfg, ion } = speedo;
  const result = ion.reg(
    dll_hdl,
    {
      flags: _REG_PRODUCER_UP | _REG_TRACK_MCAST | (cfg.lan >= 0 ? _REG_ENDPOINT : 0),
      name: DRIVER,
      top_type: cfg.uptype,
      bot_type: null,
      func_hdl: speedo,
      endpoint: cfg.lan,
      funcs: {
        nfuncs: 8,
        rx_up: null,
        rx_down: speedo_rx_down,
        tx_done: speedo_tx_done,
        shutdown1: speedo_shutdown1,
        shutdown2: speedo_shutdown2,
        dl_advert: (_reg_hdl, self) => speedo_advert(self),
        devctl: speedo_devctl,
        flush: speedo_flush,
        raw_open: null,
      },
    },
    speedo.reg_hdl,
    speedo.cell,
    speedo.endpoint,
  );
  if (result === -1) return errno.value;
  cfg.lan = speedo.endpoint.value;
  return EOK;
}

/** Memory, thread, link, hardware. What it took is given back by speedo_take_down. */
function bringUp(speedo: speedo_t, phy: number): number {
  const { pci, dispatch, priority } = speedo;
  if (!speedo_take_memory(speedo) || !speedo_rx_alloc(speedo)) {
    dispatch.machine.log(`${speedo.name}: no memory for ${speedo.options.receive} receive buffers`);
    return ENOMEM;
  }
  speedo.chid = ChannelCreate(0);
  speedo.coid = ConnectAttach(0, 0, speedo.chid, 0, 0);
  SIGEV_PULSE_INIT(speedo.interrupt_event, speedo.coid, priority, PULSE_INTERRUPT, 0);
  SIGEV_PULSE_INIT(speedo.timer_event, speedo.coid, priority, MDI_TIMER, 0);
  if (!speedo_init_phy(speedo, phy)) {
    dispatch.machine.log(`${speedo.name}: no PHY answers`);
    return ENXIO;
  }
  speedo_set_phy(speedo);
  if (pthread_create(speedo.tid, { name: `${speedo.name} speedo` }, speedo_thread, speedo) !== EOK) {
    speedo.tid.value = -1;
    return EAGAIN;
  }
  // Before the chip may interrupt: others on the line cannot silence it.
  speedo.iid = InterruptAttachEvent(pci.irq, speedo.interrupt_event, 0);
  if (speedo.iid === -1 || !speedo_start(speedo)) return EIO;
  MDI_MonitorPhy(speedo.mdi.value!);
  return EOK;
}

function speedo_advert(speedo: speedo_t): number {
  const { ion, cfg, name } = speedo;
  const multicast = (cfg.flags & NIC_FLAG_MULTICAST) !== 0 ? IFF_MULTICAST : 0;
  const npkt = makeUpMessage({
    type: _IO_NET_MSG_DL_ADVERT,
    iflags: IFF_SIMPLEX | IFF_BROADCAST | IFF_RUNNING | multicast,
    mtu_min: 0,
    mtu_max: cfg.mtu,
    mtu_preferred: cfg.mtu,
    up_type: name,
    capabilities_rx: 0,
    capabilities_tx: 0,
    dl: { sdl_name: name, sdl_addr: cfg.current_address.slice(0, 6) },
  });
  ion.tx_up_start(speedo.reg_hdl.value, npkt, 0, 0, speedo.cell.value, speedo.endpoint.value, 0, speedo);
  return EOK;
}
