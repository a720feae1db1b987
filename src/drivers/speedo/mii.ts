// The PHY: its management registers through the MDI register (Software Developer Manual 6.3.5), the MDI library, and the
// monitor, which a callout runs every two seconds and which arms it again at its end.

import {
  CSR,
  CUS,
  CUS_SHIFT,
  MDI_CONTROL,
  MDI_OPCODE_SHIFT,
  MDI_PHY_SHIFT,
  MDI_READ,
  MDI_REGISTER_SHIFT,
  MDI_WRITE,
  RUS,
  RUS_SHIFT,
  SCB_STATUS,
} from '../../chips/i8255x/sheet.ts';
import { callout_init, callout_msec } from '../../iopkt/callout.ts';
import { EOK } from '../../iopkt/errno.ts';
import { LINK_STATE_DOWN, LINK_STATE_UP } from '../../iopkt/flags.ts';
import { if_link_state_change } from '../../iopkt/ifnet.ts';
import { IFQ_IS_EMPTY } from '../../iopkt/ifq.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import {
  MDI_EnableMonitor,
  MDI_FindPhy,
  MDI_GetActiveMedia,
  MDI_InitPhy,
  MDI_LINK_UP,
  MDI_MonitorPhy,
  MDI_Register_Extended,
  MDI_SUCCESS,
} from '../../iopkt/mdi.ts';
import { mediaDuplex, mediaRate } from '../../iopkt/mdi-media.ts';
import { NIC_FLAG_LINK_DOWN } from '../../iopkt/nic.ts';
import { GONE } from './hardware.ts';
import type { speedo_dev } from './softc.ts';
import { speedo_update_stats } from './statistics.ts';
import { speedo_start, speedo_transmit_complete, speedo_transmit_drain } from './transmit.ts';

export const MONITOR_MS = 2000;
/** Of these, how many in a row may go by what arrives: the link could be another one than it was. */
const UNSEEN_MOST = 4;
/** Reads until a management frame is over: 64 bits at 2.5 MHz are 26 us, and a read takes about one. */
const MDI_READS = 1000;
const NO_PHY = 0xffff;
const PHYS = 32;

/** Finds the PHY: where the options say, else the EEPROM, else the first that answers. False: there is none. */
export function speedo_init_phy(sc: speedo_dev, hint: number): boolean {
  const { cfg } = sc;
  callout_init(sc.mii_callout);
  MDI_Register_Extended(sc, mdi_write, mdi_read, speedo_MDI_Callback, sc.mdi, null, cfg.priority, 0);
  const mdi = sc.mdi.value!;
  const candidates = [cfg.phy_addr, hint, 1, ...Array.from({ length: PHYS }, (_, i) => i)];
  const phy = candidates.find((address) => address >= 0 && MDI_FindPhy(mdi, address) === MDI_SUCCESS);
  if (phy === undefined || MDI_InitPhy(mdi, phy) !== MDI_SUCCESS) return false;
  cfg.phy_addr = phy;
  MDI_EnableMonitor(mdi, 0);
  return true;
}

function mdi_read(handle: unknown, phy: number, reg: number): number {
  return manage(handle as speedo_dev, (MDI_READ << MDI_OPCODE_SHIFT) | address(phy, reg));
}

function mdi_write(handle: unknown, phy: number, reg: number, value: number): void {
  manage(handle as speedo_dev, (MDI_WRITE << MDI_OPCODE_SHIFT) | address(phy, reg) | value);
}

function address(phy: number, reg: number): number {
  return (phy << MDI_PHY_SHIFT) | (reg << MDI_REGISTER_SHIFT);
}

/** One management frame; its data, or ones when it does not come to an end. */
function manage({ regs }: speedo_dev, word: number): number {
  regs.write32(CSR.MDI_CONTROL, word);
  for (let i = 0; i < MDI_READS; i++) {
    const answer = regs.read32(CSR.MDI_CONTROL);
    if ((answer & MDI_CONTROL.READY) !== 0) return answer & MDI_CONTROL.DATA;
  }
  return NO_PHY;
}

/** The callout. */
export function speedo_MDI_MonitorPhy(sc: speedo_dev): void {
  if (sc.dying) return;
  const ifp = sc.ecom.ec_if;
  if (sc.lost) {
    // It arms the callout, whether the card is back or not.
    ifp.if_init!(ifp);
    return;
  }
  if (!healthy(sc)) return;
  const silent = sc.rx_seen === ifp.if_ipackets;
  sc.rx_seen = ifp.if_ipackets;
  // What arrives says that there is a link, if not which; a forced one never failed to be.
  const unknown = sc.cfg.media_rate <= 0 || (sc.cfg.flags & NIC_FLAG_LINK_DOWN) !== 0;
  const look = silent || unknown || sc.force_media || sc.phy_unseen === UNSEEN_MOST;
  sc.phy_unseen = look ? 0 : sc.phy_unseen + 1;
  if (look && sc.mdi.value !== null) MDI_MonitorPhy(sc.mdi.value);
  NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
  speedo_update_stats(sc);
  speedo_transmit_complete(sc);
  if (IFQ_IS_EMPTY(ifp.if_snd)) NW_SIGUNLOCK(ifp.if_snd_ex!, sc.iopkt);
  else speedo_start(ifp);
  callout_msec(sc.mii_callout, MONITOR_MS, speedo_MDI_MonitorPhy, sc);
}

/** Both units are where they should be. If not, the chip has been started afresh, or is lost; the callout is armed. */
function healthy(sc: speedo_dev): boolean {
  const ifp = sc.ecom.ec_if;
  const status = sc.regs.read8(CSR.SCB_STATUS);
  const gone = status === GONE;
  const cu = (status & SCB_STATUS.CUS) >> CUS_SHIFT;
  const ru = (status & SCB_STATUS.RUS) >> RUS_SHIFT;
  // What the bus did not answer to leaves a unit idle.
  if (!gone && cu !== CUS.IDLE && ru !== RUS.IDLE) return true;
  if (!gone) {
    sc.events.restarts++;
    // It may have been away: then its PHY is fresh from reset too.
    sc.media_set = -1;
    if (ifp.if_init!(ifp) === EOK) return false;
  }
  speedo_lose(sc);
  return false;
}

/** Nobody answers. What was to be sent has failed; the monitor looks whether the card comes back. Stack context. */
function speedo_lose(sc: speedo_dev): void {
  const ifp = sc.ecom.ec_if;
  if (!sc.lost) sc.iopkt.machine.log(`${ifp.if_xname}: the card does not answer`);
  sc.lost = true;
  // Whatever comes back is fresh from reset.
  sc.media_set = -1;
  NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
  speedo_transmit_complete(sc);
  speedo_transmit_drain(sc, true);
  NW_SIGUNLOCK(ifp.if_snd_ex!, sc.iopkt);
  ifp.if_stop!(ifp, 0);
  speedo_link_down(sc);
  callout_msec(sc.mii_callout, MONITOR_MS, speedo_MDI_MonitorPhy, sc);
}

/** The MDI library: the link has changed. */
function speedo_MDI_Callback(handle: unknown, phy: number, newstate: number): void {
  const sc = handle as speedo_dev;
  const { cfg, iopkt } = sc;
  const ifp = sc.ecom.ec_if;
  const media = { value: 0 };
  const up =
    newstate === MDI_LINK_UP &&
    MDI_GetActiveMedia(sc.mdi.value!, phy, media) === MDI_SUCCESS &&
    media.value !== 0;
  if (!up) {
    speedo_link_down(sc);
    return;
  }
  // The MAC follows the duplex by its pin.
  cfg.media_rate = mediaRate(media.value);
  cfg.duplex = mediaDuplex(media.value);
  cfg.flags &= ~NIC_FLAG_LINK_DOWN;
  if_link_state_change(ifp, LINK_STATE_UP);
  if (IFQ_IS_EMPTY(ifp.if_snd)) return;
  NW_SIGLOCK(ifp.if_snd_ex!, iopkt);
  speedo_start(ifp);
}

export function speedo_link_down(sc: speedo_dev): void {
  const { cfg } = sc;
  cfg.media_rate = -1;
  cfg.duplex = -1;
  cfg.flags |= NIC_FLAG_LINK_DOWN;
  if_link_state_change(sc.ecom.ec_if, LINK_STATE_DOWN);
}
