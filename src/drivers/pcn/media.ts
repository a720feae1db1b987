// ifmedia(4). The Am79C970A's twisted pair port has 10 Mb/s and a full-duplex bit; the Am79C973 has a PHY that negotiates.
// Neither needs a restart for another medium. Left out: the AUI.

import { BCR, BCR9 } from '../../chips/pcnet/sheet.ts';
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
  MDI_EnableMonitor,
  MDI_FindPhy,
  MDI_GetActiveMedia,
  MDI_GetMediaCapable,
  MDI_InitPhy,
  MDI_LINK_UP,
  MDI_PowerdownPhy,
  MDI_Register_Extended,
  MDI_SetAdvert,
  MDI_SetSpeedDuplex,
  MDI_SUCCESS,
  MDI_SyncPhy,
  type mdi_t,
  NoWait,
} from '../../iopkt/mdi.ts';
import { mediaDuplex, mediaRate } from '../../iopkt/mdi-media.ts';
import type { ifmediareq } from '../../iopkt/sockio.ts';
import { type pcn_softc, softcOf } from './softc.ts';
import { pcn_link, pcn_link_is } from './tick.ts';

/** Bits of its control register that would keep a PHY that negotiates from a link. */
const PHY_OFF = BMCR.RESET | BMCR.LOOPBACK | BMCR.ANENABLE | BMCR.POWERDOWN | BMCR.ISOLATE;
/** Where the PHY of the Am79C973 is. */
const PHY = 30;

/** Offers what the chip can do. `forced`: what the user wants from the start, or 0. False: it cannot do that. */
export function pcn_mediainit(sc: pcn_softc, forced: number): boolean {
  const ifm = sc.sc_media;
  ifmedia_init(ifm, IFM_IMASK, pcn_mediachange, pcn_mediastatus);
  const subtypes = sc.sc_fast ? [IFM_10_T, IFM_100_TX] : [IFM_10_T];
  const words = [IFM_ETHER | IFM_AUTO];
  if (sc.sc_fast) words.push(IFM_ETHER | IFM_NONE);
  for (const subtype of subtypes) words.push(IFM_ETHER | subtype, IFM_ETHER | subtype | IFM_FDX);
  for (const word of words) ifmedia_add(ifm, word, 0, null);
  if (forced !== 0 && !words.includes(forced)) return false;
  ifmedia_set(ifm, forced !== 0 ? forced : IFM_ETHER | IFM_AUTO);
  return !sc.sc_fast || attachPhy(sc);
}

function attachPhy(sc: pcn_softc): boolean {
  MDI_Register_Extended(sc, writePhy, readPhy, statchg, sc.sc_mdi, null, 0, 0);
  const mdi = sc.sc_mdi.value!;
  if (MDI_FindPhy(mdi, PHY) !== MDI_SUCCESS || MDI_InitPhy(mdi, PHY) !== MDI_SUCCESS) return false;
  MDI_EnableMonitor(mdi, 0);
  return true;
}

function readPhy(handle: unknown, phy: number, reg: number): number {
  return (handle as pcn_softc).sc_regs.readPhy(phy, reg);
}

function writePhy(handle: unknown, phy: number, reg: number, value: number): void {
  (handle as pcn_softc).sc_regs.writePhy(phy, reg, value);
}

/** The PHY's link has changed. */
function statchg(handle: unknown, phy: number, state: number): void {
  const sc = handle as pcn_softc;
  const mdi = sc.sc_mdi.value!;
  const media = { value: 0 };
  if (state === MDI_LINK_UP && MDI_GetActiveMedia(mdi, phy, media) === MDI_SUCCESS)
    pcn_link_is(sc, mediaRate(media.value) * 1000, mediaDuplex(media.value) === 1);
  else pcn_link_is(sc, 0, false);
}

/** SIOCSIFMEDIA: the user has chosen another one. While the interface is down, if_init does it. */
export function pcn_mediachange(ifp: ifnet): number {
  const sc = softcOf(ifp);
  if (!ifp.up || !sc.sc_running) return EOK;
  // The same again means: negotiate again.
  sc.sc_media_set = -1;
  pcn_media_apply(sc, true);
  pcn_link(sc);
  return EOK;
}

/**
 * Brings the hardware to the medium chosen, unless it is there: another init must not take the link down. `again`: the
 * user wants a negotiation.
 */
export function pcn_media_apply(sc: pcn_softc, again = false): void {
  const { ifm_media } = sc.sc_media;
  if (!sc.sc_fast) {
    // A reset leaves BCR9 alone, but whoever had the card before us did not. AUTO: half duplex, as 10BASE-T was made for.
    const fdx = (ifm_media & IFM_FDX) !== 0;
    sc.sc_regs.writeBcr(BCR.FDC, fdx ? BCR9.FDEN | BCR9.FDRPAD : 0);
    return;
  }
  const mdi = sc.sc_mdi.value;
  if (mdi === null || sc.sc_media_set === ifm_media) return;
  sc.sc_media_set = ifm_media;
  setPhy(sc, mdi, ifm_media, again);
  MDI_SyncPhy(mdi, PHY);
}

function setPhy(sc: pcn_softc, mdi: mdi_t, word: number, again: boolean): void {
  const subtype = IFM_SUBTYPE(word);
  if (subtype === IFM_NONE) {
    MDI_PowerdownPhy(mdi, PHY);
    return;
  }
  if (subtype === IFM_AUTO) {
    const able = { value: 0 };
    MDI_GetMediaCapable(mdi, PHY, able);
    // As it comes out of reset it negotiates already, or has.
    const idle = (sc.sc_regs.readPhy(PHY, MII.BMCR) & PHY_OFF) === BMCR.ANENABLE;
    if (!again && idle && (sc.sc_regs.readPhy(PHY, MII.ANAR) & able.value) === able.value) return;
    MDI_SetAdvert(mdi, PHY, able.value);
    MDI_AutoNegotiate(mdi, PHY, NoWait);
    return;
  }
  MDI_SetSpeedDuplex(mdi, PHY, ifmedia_baudrate(word) / 1e6, (word & IFM_FDX) !== 0 ? 1 : 0);
}

export function pcn_mediastatus(ifp: ifnet, imr: ifmediareq): void {
  const { sc_rate, sc_fdx } = softcOf(ifp);
  imr.ifm_status = IFM_AVALID;
  imr.ifm_active = IFM_ETHER | IFM_NONE;
  if (sc_rate === 0) return;
  imr.ifm_status |= IFM_ACTIVE;
  imr.ifm_active = IFM_ETHER | (sc_rate === 100_000_000 ? IFM_100_TX : IFM_10_T) | (sc_fdx ? IFM_FDX : 0);
}
