// The link, by the MDI library: its timer sends the driver's thread a pulse every two seconds. The PHY's management registers are
// behind the MDI register (Software Developer Manual 6.3.5). Speed and duplex are options: io-net has no other way. The MAC
// follows the duplex by its pin.

import {
  CSR,
  MDI_CONTROL,
  MDI_OPCODE_SHIFT,
  MDI_PHY_SHIFT,
  MDI_READ,
  MDI_REGISTER_SHIFT,
  MDI_WRITE,
} from '../../chips/i8255x/sheet.ts';
import { BMCR, MII } from '../../chips/phy/sheet.ts';
import {
  MDI_10bT,
  MDI_10bTFD,
  MDI_100bT,
  MDI_100bTFD,
  MDI_AutoNegotiate,
  MDI_EnableMonitor,
  MDI_FindPhy,
  MDI_GetActiveMedia,
  MDI_GetMediaCapable,
  MDI_InitPhy,
  MDI_LINK_UP,
  MDI_MonitorPhy,
  MDI_Register_Extended,
  MDI_SetAdvert,
  MDI_SetSpeedDuplex,
  MDI_SUCCESS,
  MDI_SyncPhy,
  type mdi_t,
  mediaDuplex,
  mediaRate,
  NIC_FLAG_LINK_DOWN,
  NoWait,
} from '../../ionet/shared.ts';
import type { speedo_t } from './state.ts';

const INTERVAL_S = 2;
/** Of these, how many in a row may go by what arrives: the link could be another one than it was. */
const UNSEEN_MOST = 4;
/** Reads until a management frame is over: 64 bits at 2.5 MHz are 26 us, and a read takes about one. */
const MDI_READS = 1000;
const NO_PHY = 0xffff;
const PHYS = 32;
const FULL = MDI_10bTFD | MDI_100bTFD;
const HALF = MDI_10bT | MDI_100bT;
/** Bits of its control register that would keep a PHY that negotiates from a link. */
const PHY_OFF = BMCR.RESET | BMCR.LOOPBACK | BMCR.ANENABLE | BMCR.POWERDOWN | BMCR.ISOLATE;

/** Finds the PHY: where the options say, else the EEPROM (`hint`), else the first that answers. False: there is none. */
export function speedo_init_phy(speedo: speedo_t, hint: number): boolean {
  const { cfg, priority } = speedo;
  MDI_Register_Extended(
    speedo,
    mdi_write,
    mdi_read,
    speedo_MDI_Callback,
    speedo.mdi,
    speedo.timer_event,
    priority,
    INTERVAL_S,
  );
  const mdi = speedo.mdi.value!;
  const candidates = [cfg.phy_addr, hint, 1, ...Array.from({ length: PHYS }, (_, i) => i)];
  const phy = candidates.find((address) => address >= 0 && MDI_FindPhy(mdi, address) === MDI_SUCCESS);
  if (phy === undefined || MDI_InitPhy(mdi, phy) !== MDI_SUCCESS) return false;
  cfg.phy_addr = phy;
  MDI_EnableMonitor(mdi, 0);
  return true;
}

/** Brings the PHY to what the options want, unless it is there: the link stays up then. */
export function speedo_set_phy(speedo: speedo_t): void {
  const mdi = speedo.mdi.value!;
  if (speedo.options.rate > 0) force(speedo, mdi);
  else negotiate(speedo, mdi);
  MDI_SyncPhy(mdi, speedo.cfg.phy_addr);
}

function force(speedo: speedo_t, mdi: mdi_t): void {
  const phy = speedo.cfg.phy_addr;
  const { rate, duplex } = speedo.options;
  const wanted = (rate === 100_000 ? BMCR.SPEED : 0) | (duplex === 1 ? BMCR.DUPLEX : 0);
  if (mdi_read(speedo, phy, MII.BMCR) !== wanted) MDI_SetSpeedDuplex(mdi, phy, rate / 1000, duplex);
}

function negotiate(speedo: speedo_t, mdi: mdi_t): void {
  const phy = speedo.cfg.phy_addr;
  const { duplex } = speedo.options;
  const able = { value: 0 };
  MDI_GetMediaCapable(mdi, phy, able);
  let offer = able.value;
  if (duplex >= 0) offer &= duplex === 1 ? FULL : HALF;
  // As it comes out of reset it negotiates already, or has; whoever had it before us may have left it otherwise.
  const idle = (mdi_read(speedo, phy, MII.BMCR) & PHY_OFF) === BMCR.ANENABLE;
  if (idle && (mdi_read(speedo, phy, MII.ANAR) & (FULL | HALF)) === (offer & (FULL | HALF))) return;
  MDI_SetAdvert(mdi, phy, offer);
  MDI_AutoNegotiate(mdi, phy, NoWait);
}

/** Looks at the link, unless what arrives says that there is one, if not which; a forced one never failed to be. */
export function speedo_monitor(speedo: speedo_t): void {
  const { cfg, stats, options } = speedo;
  const silent = speedo.rx_seen === stats.rxed_ok;
  speedo.rx_seen = stats.rxed_ok;
  const look = silent || cfg.media_rate <= 0 || options.rate > 0 || speedo.phy_unseen === UNSEEN_MOST;
  speedo.phy_unseen = look ? 0 : speedo.phy_unseen + 1;
  if (look) MDI_MonitorPhy(speedo.mdi.value!);
}

/** The MDI library: the link has changed. */
function speedo_MDI_Callback(handle: unknown, phy: number, newstate: number): void {
  const speedo = handle as speedo_t;
  const { cfg } = speedo;
  const media = { value: 0 };
  const mdi = speedo.mdi.value!;
  speedo.link_up =
    newstate === MDI_LINK_UP && MDI_GetActiveMedia(mdi, phy, media) === MDI_SUCCESS && media.value !== 0;
  cfg.media_rate = speedo.link_up ? mediaRate(media.value) : -1;
  cfg.duplex = speedo.link_up ? mediaDuplex(media.value) : -1;
  cfg.flags = speedo.link_up ? cfg.flags & ~NIC_FLAG_LINK_DOWN : cfg.flags | NIC_FLAG_LINK_DOWN;
}

// ---- management frames

function mdi_read(handle: unknown, phy: number, reg: number): number {
  return manage(handle as speedo_t, (MDI_READ << MDI_OPCODE_SHIFT) | address(phy, reg));
}

function mdi_write(handle: unknown, phy: number, reg: number, value: number): void {
  manage(handle as speedo_t, (MDI_WRITE << MDI_OPCODE_SHIFT) | address(phy, reg) | value);
}

function address(phy: number, reg: number): number {
  return (phy << MDI_PHY_SHIFT) | (reg << MDI_REGISTER_SHIFT);
}

/** One management frame; its data, or ones when it does not come to an end. */
function manage({ regs }: speedo_t, word: number): number {
  regs.write32(CSR.MDI_CONTROL, word);
  for (let i = 0; i < MDI_READS; i++) {
    const answer = regs.read32(CSR.MDI_CONTROL);
    if ((answer & MDI_CONTROL.READY) !== 0) return answer & MDI_CONTROL.DATA;
  }
  return NO_PHY;
}
