// The link, by the MDI library: its timer sends the driver's thread a pulse every two seconds. The Am79C973 has a PHY; the
// twisted pair port of the Am79C970A is shown to the library as one that cannot negotiate. Data sheets AMD 19436, "BCR4",
// "BCR9"; 21510, "MII Management". Speed and duplex are options: io-net has no other way.

import { BCR, BCR4, BCR9 } from '../../chips/pcnet/sheet.ts';
import { BMCR, BMSR, MII } from '../../chips/phy/sheet.ts';
import {
  EINVAL,
  EIO,
  EOK,
  MDI_AutoNegotiate,
  MDI_EnableMonitor,
  MDI_GetActiveMedia,
  MDI_GetMediaCapable,
  MDI_InitPhy,
  MDI_LINK_UP,
  MDI_Register_Extended,
  MDI_SetAdvert,
  MDI_SetSpeedDuplex,
  MDI_SUCCESS,
  type mdi_t,
  mediaDuplex,
  mediaRate,
  NIC_FLAG_LINK_DOWN,
  NoWait,
} from '../../ionet/shared.ts';
import { GONE } from './registers.ts';
import { PRIORITY, type pcnet_t } from './state.ts';

/** Where the PHY of the Am79C973 is; the port of the Am79C970A is shown at the same address. */
const PHY = 30;
/** Bits of its control register that would keep a PHY that negotiates from a link. */
const PHY_OFF = BMCR.RESET | BMCR.LOOPBACK | BMCR.ANENABLE | BMCR.POWERDOWN | BMCR.ISOLATE;
const INTERVAL_S = 2;
/** 10BASE-T in both duplex modes, and no registers beyond those of clause 22. */
const PORT_ABILITIES = 0x1800;

/** `rate`, in kbit/s, and `duplex` are what the user wants; -1: whatever is negotiated. */
export function pcnet_init_phy(pcnet: pcnet_t, rate: number, duplex: number): number {
  if (rate > 0 && rate !== 10_000 && (rate !== 100_000 || !pcnet.fast)) return EINVAL;
  MDI_Register_Extended(
    pcnet,
    writePhy,
    readPhy,
    changed,
    pcnet.mdi,
    pcnet.timer_event,
    PRIORITY,
    INTERVAL_S,
  );
  const mdi = pcnet.mdi.value!;
  if (MDI_InitPhy(mdi, PHY) !== MDI_SUCCESS) return EIO;
  if (rate > 0) MDI_SetSpeedDuplex(mdi, PHY, rate / 1000, duplex);
  else if (!pcnet.fast) pcnet.regs.writeBcr(BCR.FDC, 0);
  else negotiate(pcnet, mdi);
  pcnet.cfg.phy_addr = pcnet.fast ? PHY : -1;
  MDI_EnableMonitor(mdi, 0);
  return EOK;
}

/** As it comes out of reset the PHY negotiates already, or has; whoever had it before us may have left it otherwise. */
function negotiate(pcnet: pcnet_t, mdi: mdi_t): void {
  const able = { value: 0 };
  MDI_GetMediaCapable(mdi, PHY, able);
  const idle = (pcnet.regs.readPhy(PHY, MII.BMCR) & PHY_OFF) === BMCR.ANENABLE;
  if (idle && (pcnet.regs.readPhy(PHY, MII.ANAR) & able.value) === able.value) return;
  MDI_SetAdvert(mdi, PHY, able.value);
  MDI_AutoNegotiate(mdi, PHY, NoWait);
}

function readPhy(handle: unknown, phy: number, reg: number): number {
  const { regs, fast } = handle as pcnet_t;
  if (fast) return regs.readPhy(phy, reg);
  if (reg === MII.BMCR) {
    const fdc = regs.readBcr(BCR.FDC);
    return fdc === GONE ? GONE : (fdc & BCR9.FDEN) !== 0 ? BMCR.DUPLEX : 0;
  }
  if (reg !== MII.BMSR) return 0;
  const led = regs.readBcr(BCR.LNKST);
  return led === GONE ? GONE : PORT_ABILITIES | ((led & BCR4.LEDOUT) !== 0 ? BMSR.LINK : 0);
}

function writePhy(handle: unknown, phy: number, reg: number, value: number): void {
  const { regs, fast } = handle as pcnet_t;
  if (fast) regs.writePhy(phy, reg, value);
  else if (reg === MII.BMCR)
    regs.writeBcr(BCR.FDC, (value & BMCR.DUPLEX) !== 0 ? BCR9.FDEN | BCR9.FDRPAD : 0);
}

function changed(handle: unknown, phy: number, state: number): void {
  const pcnet = handle as pcnet_t;
  const { cfg } = pcnet;
  const media = { value: 0 };
  pcnet.link_up = state === MDI_LINK_UP;
  const known = pcnet.link_up && MDI_GetActiveMedia(pcnet.mdi.value!, phy, media) === MDI_SUCCESS;
  cfg.media_rate = known ? mediaRate(media.value) : -1;
  cfg.duplex = known ? mediaDuplex(media.value) : -1;
  cfg.flags = pcnet.link_up ? cfg.flags & ~NIC_FLAG_LINK_DOWN : cfg.flags | NIC_FLAG_LINK_DOWN;
}
