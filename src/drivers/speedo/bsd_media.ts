// ifmedia(4): speed and duplex on the fly, through ifconfig. Another medium is the PHY's affair: the MAC follows it by its
// duplex pin, so nothing is restarted and no packet is lost but those that the link loses.

import { BMCR, MII } from '../../chips/phy/sheet.ts';
import { EOK } from '../../iopkt/errno.ts';
import { ifmedia_add, ifmedia_init, ifmedia_set } from '../../iopkt/ifmedia.ts';
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
  ifmedia_baudrate,
} from '../../iopkt/ifmedia-words.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import {
  MDI_AutoNegotiate,
  MDI_DisableMonitor,
  MDI_EnableMonitor,
  MDI_GetMediaCapable,
  MDI_MonitorPhy,
  MDI_PowerdownPhy,
  MDI_SetAdvert,
  MDI_SetSpeedDuplex,
  MDI_SyncPhy,
  type mdi_t,
  NoWait,
} from '../../iopkt/mdi.ts';
import { MDI_10bT, MDI_10bTFD, MDI_100bT, MDI_100bTFD } from '../../iopkt/mdi-media.ts';
import type { ifmediareq } from '../../iopkt/sockio.ts';
import { speedo_link_down } from './mii.ts';
import { type speedo_dev, speedoOf } from './softc.ts';

const FULL = MDI_10bTFD | MDI_100bTFD;
const HALF = MDI_10bT | MDI_100bT;
/** Bits of its control register that would keep a PHY that negotiates from a link. */
const PHY_OFF = BMCR.RESET | BMCR.LOOPBACK | BMCR.ANENABLE | BMCR.POWERDOWN | BMCR.ISOLATE;

/** Offers what the PHY can do; chosen is what the options force, or a negotiation. */
export function bsd_mii_initmedia(sc: speedo_dev): void {
  const { cfg, bsd_media: ifm } = sc;
  ifmedia_init(ifm, IFM_IMASK, bsd_mii_mediachange, bsd_mii_mediastatus);
  ifmedia_add(ifm, IFM_ETHER | IFM_NONE, 0, null);
  ifmedia_add(ifm, IFM_ETHER | IFM_AUTO, 0, null);
  for (const subtype of [IFM_10_T, IFM_100_TX]) {
    ifmedia_add(ifm, IFM_ETHER | subtype, 0, null);
    ifmedia_add(ifm, IFM_ETHER | subtype | IFM_FDX, 0, null);
  }
  let word = IFM_ETHER | IFM_AUTO;
  if (sc.force_media) {
    word =
      IFM_ETHER | (cfg.media_rate === 100_000 ? IFM_100_TX : IFM_10_T) | (cfg.duplex === 1 ? IFM_FDX : 0);
  }
  ifmedia_set(ifm, word);
}

/** SIOCSIFMEDIA: the user has chosen another one. While the interface is down, if_init does it. */
function bsd_mii_mediachange(ifp: ifnet): number {
  const sc = speedoOf(ifp);
  sc.force_media = false;
  sc.only_duplex = -1;
  // The same again means: negotiate again.
  sc.media_set = -1;
  if (ifp.up && sc.running) speedo_set_media(sc, true);
  return EOK;
}

/**
 * Brings the PHY to the medium chosen, unless it is there: another init must not take the link down. `again`: the user wants
 * a negotiation. Then looks at the link.
 */
export function speedo_set_media(sc: speedo_dev, again: boolean): void {
  const { ifm_media } = sc.bsd_media;
  const mdi = sc.mdi.value;
  if (mdi === null) return;
  if (sc.media_set !== ifm_media) {
    sc.media_set = ifm_media;
    if (IFM_SUBTYPE(ifm_media) === IFM_NONE) {
      MDI_DisableMonitor(mdi);
      MDI_PowerdownPhy(mdi, sc.cfg.phy_addr);
      speedo_link_down(sc);
      return;
    }
    setPhy(sc, mdi, ifm_media, again);
    MDI_SyncPhy(mdi, sc.cfg.phy_addr);
    MDI_EnableMonitor(mdi, 0);
  }
  MDI_MonitorPhy(mdi);
}

/** What was asked for on the command line is forced; what ifconfig wants is offered alone in a new negotiation. */
function setPhy(sc: speedo_dev, mdi: mdi_t, word: number, again: boolean): void {
  const phy = sc.cfg.phy_addr;
  const fdx = (word & IFM_FDX) !== 0;
  if (sc.force_media) {
    MDI_SetSpeedDuplex(mdi, phy, ifmedia_baudrate(word) / 1e6, fdx ? 1 : 0);
    return;
  }
  const able = { value: 0 };
  MDI_GetMediaCapable(mdi, phy, able);
  let offer = able.value;
  if (sc.only_duplex >= 0) offer &= sc.only_duplex === 1 ? FULL : HALF;
  if (IFM_SUBTYPE(word) === IFM_10_T) offer = fdx ? MDI_10bTFD : MDI_10bT;
  else if (IFM_SUBTYPE(word) === IFM_100_TX) offer = fdx ? MDI_100bTFD : MDI_100bT;
  // As it comes out of reset it negotiates already, or has.
  const idle = (mdi.read(sc, phy, MII.BMCR) & PHY_OFF) === BMCR.ANENABLE;
  if (!again && idle && (mdi.read(sc, phy, MII.ANAR) & (FULL | HALF)) === (offer & (FULL | HALF))) return;
  MDI_SetAdvert(mdi, phy, offer);
  MDI_AutoNegotiate(mdi, phy, NoWait);
}

function bsd_mii_mediastatus(ifp: ifnet, imr: ifmediareq): void {
  const { cfg } = speedoOf(ifp);
  imr.ifm_status = IFM_AVALID;
  imr.ifm_active = IFM_ETHER | IFM_NONE;
  if (cfg.media_rate <= 0) return;
  imr.ifm_status |= IFM_ACTIVE;
  imr.ifm_active =
    IFM_ETHER | (cfg.media_rate === 100_000 ? IFM_100_TX : IFM_10_T) | (cfg.duplex === 1 ? IFM_FDX : 0);
}
