// AMD PCnet (Am79C970A PCnet-PCI II, Am79C973 PCnet-FAST III) for io-net: devn-pcnet.so. It knows nothing of io-pkt, which
// runs it through the shim. Written from the data sheets AMD 19436 rev. E and 21510 rev. E and the Network DDK.
// This file: init, registration, advert, shutdown. Where the rest is:
//   state.ts      what it keeps          transmit.ts   rx_down, ring, tx_done    mii.ts       the link
//   registers.ts  CSR and BCR            receive.ts    ring, tx_up_start         devctl.ts    nicinfo, filter
//   hardware.ts   start, stop, filter    interrupt.ts  the thread                options.ts

import type { PciDevice } from '../../bus/pci.ts';
import { CHIP_ID, CHIP_ID_MASK, PCI_DEVICE_ID, PCI_VENDOR_ID } from '../../chips/pcnet/sheet.ts';
import {
  _REG_ENDPOINT,
  _REG_PRODUCER_UP,
  type dispatch_t,
  type dll_handle_t,
  type io_net_dll_entry_t,
  type io_net_self_t,
} from '../../ionet/interface.ts';
import { _IO_NET_MSG_DL_ADVERT, makeUpMessage } from '../../ionet/message.ts';
import {
  ChannelCreate,
  ChannelDestroy,
  ConnectAttach,
  ConnectDetach,
  InterruptAttachEvent,
  InterruptDetach,
  MsgSendPulse,
  pci_attach_device,
  pci_detach_device,
  pthread_create,
  pthread_join,
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
  MDI_DeRegister,
  MDI_MonitorPhy,
  MDI_TIMER,
  NIC_FLAG_MULTICAST,
  NIC_FLAG_PROMISCUOUS,
  nic_config_copy,
  nic_config_t,
} from '../../ionet/shared.ts';
import { isValidStation } from '../../net/ether.ts';
import { pcnet_devctl } from './devctl.ts';
import { pcnet_give_rings, pcnet_start, pcnet_stop, pcnet_take_rings } from './hardware.ts';
import { pcnet_thread } from './interrupt.ts';
import { pcnet_init_phy } from './mii.ts';
import { type pcnet_options, pcnet_parse_options } from './options.ts';
import { pcnet_rx_fill, pcnet_rx_free, pcnet_rx_left, pcnet_tx_done } from './receive.ts';
import { pcnet_registers } from './registers.ts';
import { PRIORITY, PULSE_INTERRUPT, PULSE_QUIT, pcnet_t } from './state.ts';
import { pcnet_fail_ring, pcnet_flush, pcnet_rx_down, pcnet_tx_free } from './transmit.ts';

/** Registered as `devn-pcnet.so`. */
export const pcnetModule: { io_net_dll_entry: io_net_dll_entry_t } = {
  io_net_dll_entry: { nfuncs: 2, init: pcnet_init, shutdown: null },
};

/** 0 when a card was found and runs; -1 and errno: ENODEV none was found, else why the last one does not. */
function pcnet_init(
  dll_hdl: dll_handle_t,
  dispatch: dispatch_t,
  ion: io_net_self_t,
  text: string | null,
): number {
  const options = pcnet_parse_options(text);
  if (options === null) {
    errno.value = EINVAL;
    return -1;
  }
  const { vendor_id, device_id, device_index } = options.cfg;
  let attached = 0;
  let failed = ENODEV;
  // Those that run are not offered any more; those that fail are passed over.
  for (let skip = device_index; ; ) {
    const pci = pci_attach_device(vendor_id || PCI_VENDOR_ID, device_id || PCI_DEVICE_ID, skip);
    if (pci === null) break;
    const error = attach(dll_hdl, dispatch, ion, pci, options);
    if (error === EOK) attached++;
    else {
      failed = error;
      skip++;
      pci_detach_device(pci);
    }
    if (options.single) break;
  }
  errno.value = failed;
  return attached > 0 ? 0 : -1;
}

function attach(
  dll_hdl: dll_handle_t,
  dispatch: dispatch_t,
  ion: io_net_self_t,
  pci: PciDevice,
  options: pcnet_options,
): number {
  const cfg = new nic_config_t();
  nic_config_copy(cfg, options.cfg);
  const pcnet = new pcnet_t(ion, dispatch, pci, new pcnet_registers(pci.registers(1)), cfg);
  pcnet.promiscuous = (cfg.flags & NIC_FLAG_PROMISCUOUS) !== 0;
  const found = examine(pcnet);
  if (found !== EOK) return found;
  const registered = register(pcnet, dll_hdl);
  if (registered !== EOK) return registered;
  const error = bringUp(pcnet, options);
  if (error === EOK) {
    pcnet_advert(pcnet);
    return EOK;
  }
  takeDown(pcnet);
  ion.dereg(pcnet.reg_hdl.value);
  return error;
}

/** Resets the chip and finds out what it is. */
function examine(pcnet: pcnet_t): number {
  const { regs, cfg, pci } = pcnet;
  if (!regs.reset()) return ENXIO;
  const id = regs.readChipId() & CHIP_ID_MASK;
  const chip = Object.entries(CHIP_ID).find(([, known]) => id === known);
  if (chip === undefined) return ENXIO;
  pcnet.fast = chip[1] === CHIP_ID.Am79C973;
  cfg.device_description = `AMD PCnet ${chip[0]}`;
  cfg.permanent_address.set(regs.readStationAddress());
  if (cfg.current_address.every((octet) => octet === 0)) cfg.current_address.set(cfg.permanent_address);
  if (!isValidStation(cfg.current_address.subarray(0, 6))) return ENXIO;
  cfg.vendor_id = PCI_VENDOR_ID;
  cfg.device_id = PCI_DEVICE_ID;
  cfg.num_irqs = 1;
  cfg.irq[0] = pci.irq;
  return EOK;
}

function register(pcnet: pcnet_t, dll_hdl: dll_handle_t): number {
  const { cfg, ion } = pcnet;
  const result = ion.reg(
    dll_hdl,
    {
      flags: _REG_PRODUCER_UP | (cfg.lan >= 0 ? _REG_ENDPOINT : 0),
      name: 'devn-pcnet.so',
      top_type: cfg.uptype,
      bot_type: null,
      func_hdl: pcnet,
      endpoint: cfg.lan,
      funcs: {
        nfuncs: 8,
        rx_up: null,
        rx_down: pcnet_rx_down,
        tx_done: pcnet_tx_done,
        shutdown1: () => EOK,
        shutdown2: pcnet_shutdown2,
        dl_advert: (_reg_hdl, self) => pcnet_advert(self),
        devctl: pcnet_devctl,
        flush: (_reg_hdl, self) => pcnet_flush(self),
        raw_open: null,
      },
    },
    pcnet.reg_hdl,
    pcnet.cell,
    pcnet.endpoint,
  );
  if (result === -1) return errno.value;
  cfg.lan = pcnet.endpoint.value;
  return EOK;
}

/** Memory, thread, hardware, link. What it took is given back by takeDown. */
function bringUp(pcnet: pcnet_t, options: pcnet_options): number {
  const { cfg } = pcnet;
  if (!pcnet_take_rings(pcnet, options.receive, options.transmit) || !pcnet_rx_fill(pcnet)) return ENOMEM;
  pcnet.chid = ChannelCreate(0);
  pcnet.coid = ConnectAttach(0, 0, pcnet.chid, 0, 0);
  SIGEV_PULSE_INIT(pcnet.interrupt_event, pcnet.coid, PRIORITY, PULSE_INTERRUPT, 0);
  SIGEV_PULSE_INIT(pcnet.timer_event, pcnet.coid, PRIORITY, MDI_TIMER, 0);
  const error = pcnet_init_phy(pcnet, options.cfg.media_rate, options.cfg.duplex);
  if (error !== EOK) return error;
  if (pthread_create(pcnet.tid, { name: `${cfg.uptype}${cfg.lan} pcnet` }, pcnet_thread, pcnet) !== EOK) {
    pcnet.tid.value = -1;
    return EAGAIN;
  }
  // Before the chip may interrupt: others on the line cannot silence it.
  pcnet.iid = InterruptAttachEvent(pcnet.pci.irq, pcnet.interrupt_event, 0);
  if (pcnet.iid === -1) return EIO;
  if (!pcnet_start(pcnet)) return EIO;
  // Not before: the chip's LED shows the link when it has been told to.
  MDI_MonitorPhy(pcnet.mdi.value!);
  return EOK;
}

export function pcnet_advert(pcnet: pcnet_t): number {
  const { ion, cfg } = pcnet;
  const name = `${cfg.uptype}${cfg.lan}`;
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
  ion.tx_up_start(pcnet.reg_hdl.value, npkt, 0, 0, pcnet.cell.value, pcnet.endpoint.value, 0, pcnet);
  return EOK;
}

// ---- the end

function pcnet_shutdown2(_reg_hdl: number, pcnet: pcnet_t): number {
  takeDown(pcnet);
  pci_detach_device(pcnet.pci);
  return EOK;
}

/** Everything but the card itself: as far as it was taken. */
function takeDown(pcnet: pcnet_t): void {
  pcnet.dying = true;
  pcnet_stop(pcnet);
  if (pcnet.tid.value !== -1) {
    MsgSendPulse(pcnet.coid, PRIORITY, PULSE_QUIT, 0);
    pthread_join(pcnet.tid.value);
  }
  if (pcnet.iid !== -1) InterruptDetach(pcnet.iid);
  MDI_DeRegister(pcnet.mdi);
  if (pcnet.chid !== -1) {
    ConnectDetach(pcnet.coid);
    ChannelDestroy(pcnet.chid);
  }
  if (pcnet.tx_ring_at !== 0) pcnet_fail_ring(pcnet);
  if (pcnet.rx_ring_at !== 0) pcnet.events.rx_dropped += pcnet_rx_left(pcnet);
  pcnet_rx_free(pcnet);
  pcnet_tx_free(pcnet);
  pcnet_give_rings(pcnet);
}
