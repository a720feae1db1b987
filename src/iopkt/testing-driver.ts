// A native driver for the made-up card of testing-card.ts, as the README tells to write one: every entry point is there, and
// nothing else. Tests break it by replacing one of its functions.

import { M_PKTHDR } from '../mbuf/mbuf.ts';
import { isValidStation } from '../net/ether.ts';
import { callout_init, callout_msec, callout_stop } from './callout.ts';
import { CFATTACH_DECL, dev_attach, type device } from './device.ts';
import { type DriverModule, type dll_handle, IOPKT_DRVR_ENTRY_SYM_INIT } from './entry.ts';
import { EINVAL, ENODEV, ENOMEM, ENXIO, EOK } from './errno.ts';
import { ether_ifattach, ether_ifdetach } from './ether.ts';
import { IFF_BROADCAST, IFF_MULTICAST, IFF_OACTIVE, IFF_RUNNING, IFF_SIMPLEX } from './flags.ts';
import { shutdownhook_disestablish, shutdownhook_establish } from './hooks.ts';
import { if_attach, if_detach, type ifnet } from './ifnet.ts';
import { IFQ_SET_READY } from './ifq.ts';
import {
  InterruptAttach,
  InterruptDetach,
  IRUPT_PRIO_DEFAULT,
  interrupt_entry_init,
  interrupt_entry_remove,
} from './interrupt.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from './locks.ts';
import type { IoPkt } from './manager.ts';
import { M_DONTWAIT, MT_DATA, m_freem, m_getcl, mbuf_phys } from './mbuf.ts';
import { MDI_DeRegister, MDI_EnableMonitor, MDI_InitPhy, MDI_Register_Extended } from './mdi.ts';
import { NIC_CONNECTOR_MII, NIC_FLAG_LINK_DOWN, NIC_FLAG_MULTICAST } from './nic.ts';
import { nic_check_options, nic_parse_options, parseOptions } from './nic-options.ts';
import type { TestCard } from './testing-card.ts';
import { xx_filter, xx_initmedia, xx_ioctl, xx_link, xx_monitor } from './testing-driver-control.ts';
import { xx_enable, xx_isr, xx_process_interrupt, xx_receive, xx_start } from './testing-driver-traffic.ts';
import { type DriverFunctions, MONITOR_MS, xx_softc } from './testing-softc.ts';

export const XX: DriverFunctions = {
  attach: xx_attach,
  detach: xx_detach,
  init: xx_init,
  stop: xx_stop,
  start: xx_start,
  ioctl: xx_ioctl,
  isr: xx_isr,
  process: xx_process_interrupt,
  enable: xx_enable,
  monitor: xx_monitor,
  shutdown: xx_shutdown,
  receive: xx_receive,
};

interface AttachArgs {
  dll_hdl: dll_handle;
  iopkt: IoPkt;
  options: string | null;
}

/** The driver for these cards; `fn` replaces some of its functions. `made` gets each softc. */
export function xxModule(
  cards: readonly TestCard[],
  fn: Partial<DriverFunctions> = {},
  made: xx_softc[] = [],
): DriverModule {
  const functions = { ...XX, ...fn };
  let found = 0;
  const ca = CFATTACH_DECL<xx_softc>(
    'xx',
    () => new xx_softc(cards[found], functions),
    null,
    (_parent, sc, arg) => {
      const { iopkt, options } = arg as AttachArgs;
      sc.iopkt = iopkt;
      const error = functions.attach(sc, options);
      if (error === EOK) made.push(sc);
      return error;
    },
    (sc, flags) => functions.detach(sc, flags),
    null,
  );
  const taken = new Set<TestCard>();
  return {
    iopkt_drvr_entry: IOPKT_DRVR_ENTRY_SYM_INIT('xx', (dll_hdl, iopkt, options) => {
      const single = { value: 0 };
      let count = 0;
      for (found = 0; found < cards.length && single.value === 0; found++) {
        if (taken.has(cards[found])) continue;
        const dev = { value: null as device | null };
        const error = dev_attach('xx', options, ca, { dll_hdl, iopkt, options }, single, dev, null);
        if (error !== EOK) return error;
        dev.value!.dv_dll_hdl = dll_hdl;
        taken.add(cards[found]);
        count++;
      }
      return count > 0 ? EOK : ENODEV;
    }),
  };
}

// ---- attach and detach

function xx_attach(sc: xx_softc, options: string | null): number {
  const { cfg, card, inter, fn } = sc;
  const ifp = sc.sc_ec.ec_if;
  cfg.lan = sc.dv_unit;
  cfg.flags = NIC_FLAG_MULTICAST | NIC_FLAG_LINK_DOWN;
  cfg.mtu = cfg.mru = 1514;
  cfg.connector = NIC_CONNECTOR_MII;
  cfg.device_description = 'Made-up Ethernet';
  for (const { key, value } of parseOptions(options)) {
    if (key === 'kermask') sc.kermask = true;
    else if (nic_parse_options(cfg, value === null ? key : `${key}=${value}`) !== EOK) return EINVAL;
  }
  if (nic_check_options(cfg) !== EOK) return EINVAL;
  cfg.permanent_address.set(card.mac);
  if (cfg.current_address.every((byte) => byte === 0)) cfg.current_address.set(card.mac);
  if (!isValidStation(cfg.current_address.subarray(0, 6))) return ENXIO;
  cfg.num_irqs = 1;
  cfg.irq[0] = card.irq;
  cfg.phy_addr = 0;

  inter.func = fn.process;
  inter.enable = fn.enable;
  inter.arg = sc;
  const error = interrupt_entry_init(inter, 0, null, cfg.priority === -1 ? IRUPT_PRIO_DEFAULT : cfg.priority);
  if (error !== EOK) return error;
  xx_initmedia(sc);
  callout_init(sc.mii_callout);
  MDI_Register_Extended(
    sc,
    (handle, _phy, reg, value) => (handle as xx_softc).card.writePhy(reg, value),
    (handle, _phy, reg) => (handle as xx_softc).card.readPhy(reg),
    (handle, phy, state) => xx_link(handle as xx_softc, phy, state),
    sc.mdi,
    null,
    0,
    2,
  );
  MDI_InitPhy(sc.mdi.value!, 0);
  MDI_EnableMonitor(sc.mdi.value!, 0);

  ifp.if_xname = sc.dv_xname;
  ifp.if_softc = sc;
  ifp.if_flags = IFF_BROADCAST | IFF_SIMPLEX | IFF_MULTICAST;
  ifp.if_init = fn.init;
  ifp.if_stop = fn.stop;
  ifp.if_start = fn.start;
  ifp.if_ioctl = fn.ioctl;
  IFQ_SET_READY(ifp.if_snd);
  if_attach(ifp);
  ether_ifattach(ifp, cfg.current_address.subarray(0, 6));
  sc.hook = shutdownhook_establish(fn.shutdown, sc);
  return EOK;
}

function xx_detach(sc: xx_softc, _flags: number): number {
  const ifp = sc.sc_ec.ec_if;
  sc.dying = true;
  sc.fn.stop(ifp, 1);
  ether_ifdetach(ifp);
  if_detach(ifp);
  interrupt_entry_remove(sc.inter, null);
  MDI_DeRegister(sc.mdi);
  if (sc.hook !== null) shutdownhook_disestablish(sc.hook);
  return EOK;
}

// ---- init and stop

function xx_init(ifp: ifnet): number {
  const sc = ifp.if_softc as xx_softc;
  const { card, iopkt } = sc;
  if (sc.dying) return EOK;
  sc.inits++;
  sc.fn.stop(ifp, 0);
  for (let i = 0; i < sc.card.slots; i++) {
    const m = sc.rx[i] ?? m_getcl(M_DONTWAIT, MT_DATA, M_PKTHDR);
    if (m === null) return ENOMEM;
    sc.rx[i] = m;
    card.rxAddress[i] = mbuf_phys(m);
    card.rxLength[i] = 0;
  }
  sc.rxNext = sc.txNext = sc.txOldest = 0;
  sc.txFree = sc.card.slots;
  xx_filter(sc);
  callout_msec(sc.mii_callout, MONITOR_MS, sc.fn.monitor, sc);
  if (sc.iid === -1) sc.iid = InterruptAttach(card.irq, sc.fn.isr, sc, 0, 0);
  if (sc.iid === -1) return EINVAL;
  card.writeRun(true);
  for (let i = 0; i < sc.card.slots; i++) card.rxLength[i] = 0;
  card.writeMask(false);
  NW_SIGLOCK(ifp.if_snd_ex!, iopkt);
  ifp.if_flags_tx |= IFF_RUNNING;
  ifp.if_flags_tx &= ~IFF_OACTIVE;
  NW_SIGUNLOCK(ifp.if_snd_ex!, iopkt);
  ifp.if_flags |= IFF_RUNNING;
  return EOK;
}

function xx_stop(ifp: ifnet, disable: number): void {
  const sc = ifp.if_softc as xx_softc;
  const { card, iopkt } = sc;
  sc.stops++;
  callout_stop(sc.mii_callout);
  card.writeMask(true);
  card.writeRun(false);
  NW_SIGLOCK(ifp.if_snd_ex!, iopkt);
  ifp.if_flags_tx &= ~(IFF_RUNNING | IFF_OACTIVE);
  NW_SIGUNLOCK(ifp.if_snd_ex!, iopkt);
  for (let i = 0; i < sc.card.slots; i++) {
    m_freem(sc.tx[i]);
    sc.tx[i] = null;
  }
  ifp.if_flags &= ~(IFF_RUNNING | IFF_OACTIVE);
  if (disable === 0) return;
  if (sc.iid !== -1) InterruptDetach(sc.iid);
  sc.iid = -1;
  for (let i = 0; i < sc.card.slots; i++) {
    m_freem(sc.rx[i]);
    sc.rx[i] = null;
  }
}

// ---- shutdown

/** Silences the card: no buffers, no locks. */
function xx_shutdown(sc: xx_softc): void {
  sc.card.writeMask(true);
  sc.card.writeRun(false);
}
