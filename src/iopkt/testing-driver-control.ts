// The driver of testing-driver.ts, the part that is asked: link, media, filter, ioctl.

import { callout_msec } from './callout.ts';
import { EINVAL, ENETRESET, EOK } from './errno.ts';
import { ether_ioctl } from './ether-ioctl.ts';
import { IFF_PROMISC, IFF_RUNNING, LINK_STATE_DOWN, LINK_STATE_UP } from './flags.ts';
import { ifmedia_add, ifmedia_init, ifmedia_ioctl, ifmedia_set } from './ifmedia.ts';
import {
  IFM_10_T,
  IFM_100_TX,
  IFM_ACTIVE,
  IFM_AUTO,
  IFM_AVALID,
  IFM_ETHER,
  IFM_FDX,
  IFM_IMASK,
  IFM_NONE,
  IFM_SUBTYPE,
} from './ifmedia-words.ts';
import { if_link_state_change, type ifnet } from './ifnet.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from './locks.ts';
import { MDI_GetActiveMedia, MDI_LINK_UP, MDI_MonitorPhy, MDI_PowerdownPhy, MDI_SyncPhy } from './mdi.ts';
import { mediaDuplex, mediaRate } from './mdi-media.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  type ifdrv_com,
  NIC_ETHER_STAT_FCS_ERRORS,
  NIC_FLAG_LINK_DOWN,
  NIC_STAT_RX_FAILED_ALLOCS,
  nic_config_copy,
  type nic_config_t,
  nic_stats_copy,
  type nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from './nic.ts';
import {
  type ifmediareq,
  SIOCADDMULTI,
  SIOCDELMULTI,
  SIOCGDRVCOM,
  SIOCGIFMEDIA,
  SIOCSIFMEDIA,
} from './sockio.ts';
import { xx_reap } from './testing-driver-traffic.ts';
import { MONITOR_MS, type xx_softc } from './testing-softc.ts';

export function xx_filter(sc: xx_softc): void {
  const { card } = sc;
  card.promiscuous = (sc.sc_ec.ec_if.if_flags & IFF_PROMISC) !== 0;
  card.filter.length = 0;
  for (const { enm_addrlo, enm_addrhi } of sc.sc_ec.ec_multiaddrs)
    card.filter.push(`${enm_addrlo}-${enm_addrhi}`);
}

// ---- link

export function xx_monitor(sc: xx_softc): void {
  const ifp = sc.sc_ec.ec_if;
  MDI_MonitorPhy(sc.mdi.value!);
  NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
  xx_reap(sc);
  NW_SIGUNLOCK(ifp.if_snd_ex!, sc.iopkt);
  callout_msec(sc.mii_callout, MONITOR_MS, sc.fn.monitor, sc);
}

export function xx_link(sc: xx_softc, phy: number, state: number): void {
  const { cfg } = sc;
  const media = { value: 0 };
  const up = state === MDI_LINK_UP && MDI_GetActiveMedia(sc.mdi.value!, phy, media) === 0;
  cfg.media_rate = up ? mediaRate(media.value) : -1;
  cfg.duplex = up ? mediaDuplex(media.value) : -1;
  cfg.flags = up ? cfg.flags & ~NIC_FLAG_LINK_DOWN : cfg.flags | NIC_FLAG_LINK_DOWN;
  if_link_state_change(sc.sc_ec.ec_if, up ? LINK_STATE_UP : LINK_STATE_DOWN);
}

export function xx_initmedia(sc: xx_softc): void {
  const ifm = sc.bsd_media;
  ifmedia_init(ifm, IFM_IMASK, xx_mediachange, xx_mediastatus);
  for (const subtype of [IFM_NONE, IFM_AUTO]) ifmedia_add(ifm, IFM_ETHER | subtype, 0, null);
  for (const subtype of [IFM_10_T, IFM_100_TX]) {
    ifmedia_add(ifm, IFM_ETHER | subtype, 0, null);
    ifmedia_add(ifm, IFM_ETHER | subtype | IFM_FDX, 0, null);
  }
  ifmedia_set(ifm, IFM_ETHER | IFM_AUTO);
}

function xx_mediachange(ifp: ifnet): number {
  const sc = ifp.if_softc as xx_softc;
  const { ifm_media } = sc.bsd_media;
  const mdi = sc.mdi.value!;
  if (!ifp.up) return EOK;
  if (IFM_SUBTYPE(ifm_media) === IFM_NONE) {
    MDI_PowerdownPhy(mdi, 0);
    return EOK;
  }
  if (IFM_SUBTYPE(ifm_media) === IFM_AUTO) sc.card.writePhy(0, 0x1000);
  else {
    const bits = IFM_SUBTYPE(ifm_media) === IFM_100_TX ? 0x2000 : 0;
    sc.card.writePhy(0, bits | ((ifm_media & IFM_FDX) !== 0 ? 0x0100 : 0));
  }
  MDI_SyncPhy(mdi, 0);
  return sc.fn.init(ifp);
}

function xx_mediastatus(ifp: ifnet, imr: ifmediareq): void {
  const { cfg } = ifp.if_softc as xx_softc;
  imr.ifm_status = IFM_AVALID;
  imr.ifm_active = IFM_ETHER | IFM_NONE;
  if (cfg.media_rate <= 0) return;
  imr.ifm_status |= IFM_ACTIVE;
  imr.ifm_active =
    IFM_ETHER | (cfg.media_rate === 100_000 ? IFM_100_TX : IFM_10_T) | (cfg.duplex === 1 ? IFM_FDX : 0);
}

// ---- ioctl and shutdown

export function xx_ioctl(ifp: ifnet, cmd: number, data: unknown): number {
  const sc = ifp.if_softc as xx_softc;
  switch (cmd) {
    case SIOCGDRVCOM:
      return xx_drvcom(sc, data as ifdrv_com);
    case SIOCSIFMEDIA:
    case SIOCGIFMEDIA:
      return ifmedia_ioctl(ifp, data, sc.bsd_media, cmd);
    case SIOCADDMULTI:
    case SIOCDELMULTI: {
      const error = ether_ioctl(ifp, cmd, data);
      if (error !== ENETRESET) return error;
      if ((ifp.if_flags_tx & IFF_RUNNING) !== 0) xx_filter(sc);
      return EOK;
    }
    default:
      return ether_ioctl(ifp, cmd, data);
  }
}

function xx_drvcom(sc: xx_softc, request: ifdrv_com): number {
  if (request.ifdc_cmd === DRVCOM_CONFIG) {
    if (request.ifdc_len !== sizeof_nic_config_t) return EINVAL;
    nic_config_copy(request.ifdc_data as nic_config_t, sc.cfg);
    return EOK;
  }
  if (request.ifdc_cmd !== DRVCOM_STATS || request.ifdc_len !== sizeof_nic_stats_t) return EINVAL;
  const ifp = sc.sc_ec.ec_if;
  const { stats } = sc;
  stats.txed_ok = ifp.if_opackets;
  stats.rxed_ok = ifp.if_ipackets;
  stats.octets_txed_ok = ifp.if_obytes;
  stats.octets_rxed_ok = ifp.if_ibytes;
  stats.valid_stats = NIC_STAT_RX_FAILED_ALLOCS;
  stats.un_estats.valid_stats = NIC_ETHER_STAT_FCS_ERRORS;
  nic_stats_copy(request.ifdc_data as nic_stats_t, stats);
  return EOK;
}
