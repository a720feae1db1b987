// The MDI library: PHYs behind management registers, for drivers of both kinds. The driver gives the two accesses and a
// callback; the library finds PHYs, negotiates, and MDI_MonitorPhy, called every two seconds by a callout of the driver's
// (native) or by an event (io-net), calls back when the link has changed. After the Network DDK; registers after IEEE
// 802.3 clauses 22 and 28.

import { ANAR, BMCR, BMSR, MII } from '../chips/phy/sheet.ts';
import { Callout } from '../kernel/callout.ts';
import type { IoPkt } from './manager.ts';
import {
  abilities,
  capable,
  MDI_10bTFD,
  MDI_100bT,
  MDI_100bTFD,
  MDI_1000bT,
  MDI_1000bTFD,
  resolve,
} from './mdi-media.ts';
import { nic_delay } from './nic-delay.ts';
import { current, NOT_IN_HOOK } from './self.ts';

export const MDI_SUCCESS = 0;
export const MDI_FAILURE = -1;
export const MDI_BADPARAM = -2;
/** @public */
export const MDI_NOMEM = -3;
export const MDI_UNSUPPORTED = -4;
export const MDI_LINK_UP = 16;
export const MDI_LINK_DOWN = 17;
export const MDI_LINK_UNKNOWN = 18;
/** Code of the event that io-net drivers get. */
export const MDI_TIMER = 19;

export const NoWait = 0;
/** As long as it takes, at most 4 s. */
export const WaitBusy = -1;
const WAIT_MS = 4000;
/** Between two looks while waiting. */
const LOOK_MS = 10;

const PHYS = 32;
const GONE = 0xffff;
/** Registers 9 and 10: 1000BASE-T control and status (clause 40.5). */
const MSCR = 9;
const MSSR = 10;
const ESTATUS = 0x0100;
const SPEED_1000 = 0x0040;

export type MdiRead = (handle: unknown, phy: number, reg: number) => number;
export type MdiWrite = (handle: unknown, phy: number, reg: number, value: number) => void;
export type MdiCallback = (handle: unknown, phy: number, newstate: number) => void;
/** What an io-net driver has its monitor called by. */
export interface MdiEvent {
  deliver(code: number): void;
}

interface Phy {
  present: boolean;
  state: number;
  /** The link has been down since the monitor looked: it may be back, and another one. */
  lost: boolean;
  /** What was active when it was told to be up; 0: unknown. */
  media: number;
}

/** mdi_t. */
export class mdi_t {
  readonly handle: unknown;
  readonly read: MdiRead;
  readonly write: MdiWrite;
  readonly callback: MdiCallback;
  readonly phys: Phy[] = Array.from({ length: PHYS }, () => ({
    present: false,
    state: MDI_LINK_UNKNOWN,
    lost: false,
    media: 0,
  }));
  monitored = false;
  /** A link that is down is negotiated again by MDI_MonitorPhy. */
  ldown_test = false;
  timer: Callout | null = null;

  constructor(handle: unknown, write: MdiWrite, read: MdiRead, callback: MdiCallback) {
    this.handle = handle;
    this.write = write;
    this.read = read;
    this.callback = callback;
  }
}

/** `event` null: the driver calls MDI_MonitorPhy itself. `interval`: seconds between events. */
export function MDI_Register_Extended(
  handle: unknown,
  write: MdiWrite,
  read: MdiRead,
  callback: MdiCallback,
  mdip: { value: mdi_t | null },
  event: MdiEvent | null,
  _priority: number,
  interval: number,
): number {
  if (!(interval >= 0)) return MDI_BADPARAM;
  const mdi = new mdi_t(handle, write, read, callback);
  mdip.value = mdi;
  if (event !== null) startTimer(mdi, event, interval);
  return MDI_SUCCESS;
}

/** The same with an interval of 2 s. */
export function MDI_Register(
  handle: unknown,
  write: MdiWrite,
  read: MdiRead,
  callback: MdiCallback,
  mdip: { value: mdi_t | null },
  event: MdiEvent | null,
): number {
  return MDI_Register_Extended(handle, write, read, callback, mdip, event, 0, 2);
}

function startTimer(mdi: mdi_t, event: MdiEvent, seconds: number): void {
  const io: IoPkt = current(NOT_IN_HOOK, 'MDI_Register_Extended');
  const period = Math.max(seconds, 1) * 1_000_000_000;
  const timer = new Callout(io.machine, 'MDI timer', () => {
    if (io.dead) return;
    timer.reset(period);
    if (mdi.monitored) event.deliver(MDI_TIMER);
  });
  mdi.timer = timer;
  timer.reset(period);
}

export function MDI_DeRegister(mdip: { value: mdi_t | null }): void {
  mdip.value?.timer?.stop();
  mdip.value = null;
}

/** MDI_SUCCESS when a PHY answers at this address. */
export function MDI_FindPhy(mdi: mdi_t, phy: number): number {
  if (!Number.isInteger(phy) || phy < 0 || phy >= PHYS) return MDI_BADPARAM;
  const status = readStatus(mdi, phy);
  return status === 0 || status === GONE ? MDI_FAILURE : MDI_SUCCESS;
}

/** Takes a PHY under care, its link unknown. */
export function MDI_InitPhy(mdi: mdi_t, phy: number): number {
  const found = MDI_FindPhy(mdi, phy);
  if (found !== MDI_SUCCESS) return found;
  mdi.phys[phy].present = true;
  mdi.phys[phy].state = MDI_LINK_UNKNOWN;
  mdi.phys[phy].lost = false;
  return MDI_SUCCESS;
}

export function MDI_ResetPhy(mdi: mdi_t, phy: number, wait: number): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  mdi.write(mdi.handle, phy, MII.BMCR, BMCR.RESET);
  return waitFor(wait, () => (mdi.read(mdi.handle, phy, MII.BMCR) & BMCR.RESET) === 0);
}

/** Forgets what was known of the link: the next monitor tells it anew. */
export function MDI_SyncPhy(mdi: mdi_t, phy: number): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  mdi.phys[phy].state = MDI_LINK_UNKNOWN;
  mdi.phys[phy].lost = false;
  return MDI_SUCCESS;
}

/** MDI_LINK_UP, MDI_LINK_DOWN, or MDI_LINK_UNKNOWN when nobody answers. */
export function MDI_GetLinkStatus(mdi: mdi_t, phy: number): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  // A loss latches until it is read.
  readStatus(mdi, phy);
  const status = readStatus(mdi, phy);
  if (status === GONE) return MDI_LINK_UNKNOWN;
  return (status & BMSR.LINK) !== 0 ? MDI_LINK_UP : MDI_LINK_DOWN;
}

/** The medium in use, one bit (mdi-media.ts). MDI_FAILURE while it is not known. */
export function MDI_GetActiveMedia(mdi: mdi_t, phy: number, media: { value: number }): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  const control = mdi.read(mdi.handle, phy, MII.BMCR);
  if (control === GONE) return MDI_FAILURE;
  if ((control & BMCR.ANENABLE) === 0) {
    const full = (control & BMCR.DUPLEX) !== 0;
    if ((control & SPEED_1000) !== 0) media.value = full ? MDI_1000bTFD : MDI_1000bT;
    else if ((control & BMCR.SPEED) !== 0) media.value = full ? MDI_100bTFD : MDI_100bT;
    else media.value = full ? MDI_10bTFD : MDI_10bTFD >> 1;
    return MDI_SUCCESS;
  }
  const status = readStatus(mdi, phy);
  if ((status & BMSR.ANCOMP) === 0) return MDI_FAILURE;
  const common = resolve(advertised(mdi, phy) & partner(mdi, phy));
  if (common === 0) return MDI_FAILURE;
  media.value = common;
  return MDI_SUCCESS;
}

export function MDI_IsolatePhy(mdi: mdi_t, phy: number): number {
  return change(mdi, phy, BMCR.ISOLATE, 0);
}

export function MDI_DeIsolatePhy(mdi: mdi_t, phy: number): number {
  return change(mdi, phy, 0, BMCR.ISOLATE);
}

export function MDI_PowerdownPhy(mdi: mdi_t, phy: number): number {
  return change(mdi, phy, BMCR.POWERDOWN, 0);
}

export function MDI_PowerupPhy(mdi: mdi_t, phy: number): number {
  return change(mdi, phy, 0, BMCR.POWERDOWN);
}

/** Forces speed (10, 100 or 1000) and duplex (0, 1): no negotiation. */
export function MDI_SetSpeedDuplex(mdi: mdi_t, phy: number, speed: number, duplex: number): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  const bits = speed === 1000 ? SPEED_1000 : speed === 100 ? BMCR.SPEED : speed === 10 ? 0 : -1;
  if (bits < 0 || (duplex !== 0 && duplex !== 1)) return MDI_BADPARAM;
  mdi.write(mdi.handle, phy, MII.BMCR, bits | (duplex === 1 ? BMCR.DUPLEX : 0));
  return MDI_SUCCESS;
}

/** Media bits to offer in the next negotiation. MDI_UNSUPPORTED: the PHY cannot do one of them. */
export function MDI_SetAdvert(mdi: mdi_t, phy: number, media: number): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  const able = { value: 0 };
  MDI_GetMediaCapable(mdi, phy, able);
  const links = media & ~(ANAR.PAUSE | ANAR.ASMDIR);
  if ((links & ~able.value) !== 0) return MDI_UNSUPPORTED;
  mdi.write(mdi.handle, phy, MII.ANAR, (media & abilities) | 1);
  if (((able.value | media) & (MDI_1000bT | MDI_1000bTFD)) !== 0) {
    mdi.write(mdi.handle, phy, MSCR, (media & (MDI_1000bT | MDI_1000bTFD)) >> 4);
  }
  return MDI_SUCCESS;
}

export function MDI_GetAdvert(mdi: mdi_t, phy: number, media: { value: number }): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  media.value = advertised(mdi, phy);
  return MDI_SUCCESS;
}

/** MDI_FAILURE while negotiation is not complete. */
export function MDI_GetPartnerAdvert(mdi: mdi_t, phy: number, media: { value: number }): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  if ((readStatus(mdi, phy) & BMSR.ANCOMP) === 0) return MDI_FAILURE;
  media.value = partner(mdi, phy);
  return MDI_SUCCESS;
}

export function MDI_GetMediaCapable(mdi: mdi_t, phy: number, media: { value: number }): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  const status = readStatus(mdi, phy);
  if (status === GONE) return MDI_FAILURE;
  // Bits 12 and 13 of the extended status say what of 1000BASE-T it can do (22.2.4.4).
  const extended = (status & ESTATUS) !== 0 ? mdi.read(mdi.handle, phy, 15) : 0;
  media.value = capable(status) | (extended & (MDI_1000bT | MDI_1000bTFD));
  return MDI_SUCCESS;
}

/** Negotiates. `wait`: NoWait, WaitBusy, or seconds; MDI_FAILURE when it is not complete by then. */
export function MDI_AutoNegotiate(mdi: mdi_t, phy: number, wait: number): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  if ((readStatus(mdi, phy) & BMSR.ANEG) === 0) return MDI_UNSUPPORTED;
  mdi.write(mdi.handle, phy, MII.BMCR, BMCR.ANENABLE | BMCR.ANRESTART);
  return waitFor(wait, () => (readStatus(mdi, phy) & BMSR.ANCOMP) !== 0);
}

/** `ldown_test`: MDI_MonitorPhy negotiates again while the link is down. */
export function MDI_EnableMonitor(mdi: mdi_t, ldown_test: number): void {
  mdi.monitored = true;
  mdi.ldown_test = ldown_test !== 0;
}

export function MDI_DisableMonitor(mdi: mdi_t): void {
  mdi.monitored = false;
}

/**
 * Looks at each PHY under care; the driver's callback is told of every change, and of the first look. A link that went and came
 * in between is told, as both, when it came as another.
 */
export function MDI_MonitorPhy(mdi: mdi_t): void {
  if (!mdi.monitored) return;
  for (let phy = 0; phy < PHYS; phy++) {
    const entry = mdi.phys[phy];
    if (!entry.present) continue;
    const state = MDI_GetLinkStatus(mdi, phy);
    const replaced =
      entry.lost &&
      entry.state === MDI_LINK_UP &&
      state === MDI_LINK_UP &&
      activeNow(mdi, phy) !== entry.media;
    entry.lost = false;
    if (replaced) {
      entry.state = MDI_LINK_DOWN;
      mdi.callback(mdi.handle, phy, MDI_LINK_DOWN);
    }
    if (state !== MDI_LINK_UP && mdi.ldown_test && entry.state === state) MDI_AutoNegotiate(mdi, phy, NoWait);
    if (state === entry.state) continue;
    entry.state = state;
    if (state === MDI_LINK_UP) entry.media = activeNow(mdi, phy);
    mdi.callback(mdi.handle, phy, state);
  }
}

function activeNow(mdi: mdi_t, phy: number): number {
  const media = { value: 0 };
  return MDI_GetActiveMedia(mdi, phy, media) === MDI_SUCCESS ? media.value : 0;
}

/** The status register. Reading it ends what latches, so every reading is remembered. */
function readStatus(mdi: mdi_t, phy: number): number {
  const status = mdi.read(mdi.handle, phy, MII.BMSR);
  if (status !== GONE && (status & BMSR.LINK) === 0) mdi.phys[phy].lost = true;
  return status;
}

function known(mdi: mdi_t, phy: number): boolean {
  return mdi.phys[phy]?.present === true;
}

function change(mdi: mdi_t, phy: number, set: number, clear: number): number {
  if (!known(mdi, phy)) return MDI_BADPARAM;
  const control = mdi.read(mdi.handle, phy, MII.BMCR);
  if (control === GONE) return MDI_FAILURE;
  mdi.write(mdi.handle, phy, MII.BMCR, (control & ~clear) | set);
  return MDI_SUCCESS;
}

function advertised(mdi: mdi_t, phy: number): number {
  const gigabit = (readStatus(mdi, phy) & ESTATUS) !== 0 ? mdi.read(mdi.handle, phy, MSCR) : 0;
  return (mdi.read(mdi.handle, phy, MII.ANAR) & abilities) | ((gigabit << 4) & (MDI_1000bT | MDI_1000bTFD));
}

/** The partner's 1000BASE-T bits stand two places higher than ours (40.5.1.1). */
function partner(mdi: mdi_t, phy: number): number {
  const gigabit = (readStatus(mdi, phy) & ESTATUS) !== 0 ? mdi.read(mdi.handle, phy, MSSR) : 0;
  return (mdi.read(mdi.handle, phy, MII.ANLPAR) & abilities) | ((gigabit << 2) & (MDI_1000bT | MDI_1000bTFD));
}

function waitFor(wait: number, done: () => boolean): number {
  if (wait === NoWait) return MDI_SUCCESS;
  const limit = wait === WaitBusy ? WAIT_MS : Math.min(wait * 1000, 60_000);
  for (let waited = 0; waited < limit; waited += LOOK_MS) {
    if (done()) return MDI_SUCCESS;
    nic_delay(LOOK_MS);
  }
  return done() ? MDI_SUCCESS : MDI_FAILURE;
}
