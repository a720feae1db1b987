// A driver for io-net and the made-up card of ../iopkt/testing-card.ts, as the README tells to write one. It knows nothing of
// io-pkt. Tests break it by replacing one of its functions.

import { CAUSE_RX, GONE, type TestCard } from '../iopkt/testing-card.ts';
import type { ThreadBody } from '../kernel/thread.ts';
import { BLOCK } from '../kernel/thread.ts';
import { isValidStation } from '../net/ether.ts';
import {
  _REG_ENDPOINT,
  _REG_PRODUCER_UP,
  _REG_TRACK_MCAST,
  type dll_handle_t,
  type io_net_dll_entry_t,
} from './interface.ts';
import { _IO_NET_MSG_DL_ADVERT, makeUpMessage } from './message.ts';
import {
  ChannelCreate,
  ChannelDestroy,
  ConnectAttach,
  InterruptAttachEvent,
  InterruptDetach,
  InterruptUnmask,
  MsgReceivePulse,
  MsgSendPulse,
  pthread_create,
  pthread_join,
  SIGEV_PULSE_INIT,
} from './neutrino.ts';
import { errno } from './process.ts';
import {
  EINVAL,
  ENODEV,
  ENOMEM,
  ENXIO,
  EOK,
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_RUNNING,
  IFF_SIMPLEX,
  MDI_DeRegister,
  MDI_EnableMonitor,
  MDI_InitPhy,
  MDI_MonitorPhy,
  MDI_Register_Extended,
  MDI_TIMER,
  NIC_CONNECTOR_MII,
  NIC_FLAG_LINK_DOWN,
  NIC_FLAG_MULTICAST,
  nic_check_options,
  nic_parse_options,
  parseNumber,
  parseOptions,
} from './shared.ts';
import { xx_devctl, xx_link } from './testing-driver-control.ts';
import { xx_fill, xx_free, xx_receive, xx_recycle } from './testing-driver-receive.ts';
import { PULSE_INTERRUPT, PULSE_QUIT, type TestFunctions, xx_dev } from './testing-driver-state.ts';
import { xx_drop, xx_flush, xx_reap, xx_rx_down } from './testing-driver-transmit.ts';

export const XX: TestFunctions = {
  rx_down: xx_rx_down,
  reap: xx_reap,
  receive: xx_receive,
  recycle: xx_recycle,
  advert: xx_advert,
  devctl: xx_devctl,
  flush: xx_flush,
  shutdown1: () => EOK,
  shutdown2: xx_shutdown2,
  early: () => {},
};

/** The driver for these cards; `fn` replaces some of its functions. `made` gets each device. */
export function xxEntry(
  cards: readonly TestCard[],
  fn: Partial<TestFunctions> = {},
  made: xx_dev[] = [],
): io_net_dll_entry_t {
  const functions = { ...XX, ...fn };
  return {
    nfuncs: 2,
    init(dll_hdl, dispatch, ion, options) {
      functions.early(ion);
      const mine: xx_dev[] = [];
      let error = cards.length > 0 ? EOK : ENODEV;
      for (let i = 0; i < cards.length && error === EOK; i++) {
        const xx = new xx_dev(cards[i], functions, ion, dispatch.machine);
        error = xx_attach(xx, dll_hdl, options);
        if (error === EOK) mine.push(xx);
      }
      if (error === EOK) {
        made.push(...mine);
        return 0;
      }
      for (const xx of mine) functions.shutdown2(xx);
      errno.value = error;
      return -1;
    },
    shutdown: () => EOK,
  };
}

// ---- init

function xx_options(xx: xx_dev, options: string | null): number {
  const { cfg } = xx;
  for (const { key, value } of parseOptions(options)) {
    const number = parseNumber(value);
    if (key === 'track') xx.registrantFlags |= _REG_TRACK_MCAST;
    else if (key === 'receive' || key === 'transmit') {
      if (number === null || number < 1 || number > 2048) return EINVAL;
      if (key === 'receive') xx.buffers = number;
      else xx.queueLimit = number;
    } else if (nic_parse_options(cfg, value === null ? key : `${key}=${value}`) !== EOK) return EINVAL;
  }
  return nic_check_options(cfg);
}

function xx_attach(xx: xx_dev, dll_hdl: dll_handle_t, options: string | null): number {
  const { cfg, card } = xx;
  cfg.flags = NIC_FLAG_MULTICAST | NIC_FLAG_LINK_DOWN;
  cfg.mtu = cfg.mru = 1514;
  cfg.connector = NIC_CONNECTOR_MII;
  cfg.device_description = 'Made-up Ethernet';
  if (xx_options(xx, options) !== EOK) return EINVAL;
  cfg.permanent_address.set(card.mac);
  if (cfg.current_address.every((byte) => byte === 0)) cfg.current_address.set(card.mac);
  if (!isValidStation(cfg.current_address.subarray(0, 6))) return ENXIO;
  cfg.num_irqs = 1;
  cfg.irq[0] = card.irq;
  cfg.phy_addr = 0;
  const error = xx_register(xx, dll_hdl);
  if (error !== EOK) return error;
  if (!xx_fill(xx)) {
    xx_free(xx);
    return ENOMEM;
  }
  xx_start(xx);
  xx.fn.advert(xx);
  return EOK;
}

function xx_register(xx: xx_dev, dll_hdl: dll_handle_t): number {
  const { fn, cfg } = xx;
  const forced = cfg.lan >= 0 ? _REG_ENDPOINT : 0;
  const result = xx.ion.reg(
    dll_hdl,
    {
      flags: _REG_PRODUCER_UP | forced | xx.registrantFlags,
      name: 'devn-xx.so',
      top_type: cfg.uptype,
      bot_type: null,
      func_hdl: xx,
      endpoint: cfg.lan,
      funcs: {
        nfuncs: 8,
        rx_up: null,
        rx_down: fn.rx_down,
        tx_done: fn.recycle,
        shutdown1: (_reg_hdl, dev) => fn.shutdown1(dev),
        shutdown2: (_reg_hdl, dev) => fn.shutdown2(dev),
        dl_advert: (_reg_hdl, dev) => fn.advert(dev),
        devctl: fn.devctl,
        flush: (_reg_hdl, dev) => fn.flush(dev),
        raw_open: null,
      },
    },
    xx.reg_hdl,
    xx.cell,
    xx.endpoint,
  );
  if (result === -1) return errno.value;
  cfg.lan = xx.endpoint.value;
  return EOK;
}

/** The hardware runs from here on. */
function xx_start(xx: xx_dev): void {
  const { card, cfg } = xx;
  xx.chid = ChannelCreate(0);
  xx.coid = ConnectAttach(0, 0, xx.chid, 0, 0);
  SIGEV_PULSE_INIT(xx.interruptEvent, xx.coid, 21, PULSE_INTERRUPT, 0);
  SIGEV_PULSE_INIT(xx.timerEvent, xx.coid, 21, MDI_TIMER, 0);
  MDI_Register_Extended(
    xx,
    (handle, _phy, reg, value) => (handle as xx_dev).card.writePhy(reg, value),
    (handle, _phy, reg) => (handle as xx_dev).card.readPhy(reg),
    (handle, phy, state) => xx_link(handle as xx_dev, phy, state),
    xx.mdi,
    xx.timerEvent,
    21,
    2,
  );
  MDI_InitPhy(xx.mdi.value!, 0);
  MDI_EnableMonitor(xx.mdi.value!, 0);
  MDI_MonitorPhy(xx.mdi.value!);
  pthread_create(xx.tid, { name: `${cfg.uptype}${cfg.lan} receive` }, xx_thread, xx);
  card.writeRun(true);
  for (let i = 0; i < card.slots; i++) card.rxLength[i] = 0;
  card.writeMask(false);
}

function xx_advert(xx: xx_dev): number {
  const { ion, cfg } = xx;
  const npkt = makeUpMessage({
    type: _IO_NET_MSG_DL_ADVERT,
    iflags: IFF_SIMPLEX | IFF_BROADCAST | IFF_RUNNING | IFF_MULTICAST,
    mtu_min: 0,
    mtu_max: cfg.mtu,
    mtu_preferred: cfg.mtu,
    up_type: `${cfg.uptype}${cfg.lan}`,
    capabilities_rx: 0,
    capabilities_tx: 0,
    dl: { sdl_name: `${cfg.uptype}${cfg.lan}`, sdl_addr: cfg.current_address.slice(0, 6) },
  });
  ion.tx_up_start(xx.reg_hdl.value, npkt, 0, 0, xx.cell.value, xx.endpoint.value, 0, xx);
  return EOK;
}

// ---- the receive thread

function* xx_thread(xx: xx_dev): ThreadBody {
  const { pulse, card } = xx;
  xx.iid = InterruptAttachEvent(card.irq, xx.interruptEvent, 0);
  for (;;) {
    if (MsgReceivePulse(xx.chid, pulse) === -1) {
      yield BLOCK;
      continue;
    }
    if (pulse.code === PULSE_QUIT) break;
    if (pulse.code === MDI_TIMER) MDI_MonitorPhy(xx.mdi.value!);
    else {
      xx_interrupt(xx);
      InterruptUnmask(card.irq, xx.iid);
    }
  }
  InterruptDetach(xx.iid);
}

function xx_interrupt(xx: xx_dev): void {
  // As often as causes keep coming, with an end: the line is still asserted then, and comes again.
  for (let i = 0; i < xx.card.slots; i++) {
    const cause = xx.card.readCause();
    if (cause === 0 || cause === GONE) return;
    if ((cause & CAUSE_RX) !== 0) xx.fn.receive(xx);
    xx.fn.reap(xx);
  }
}

// ---- shutdown

function xx_shutdown2(xx: xx_dev): number {
  const { card } = xx;
  card.writeMask(true);
  card.writeRun(false);
  MsgSendPulse(xx.coid, 21, PULSE_QUIT, 0);
  pthread_join(xx.tid.value);
  MDI_DeRegister(xx.mdi);
  ChannelDestroy(xx.chid);
  xx_drop(xx);
  xx_free(xx);
  return EOK;
}
