// Media of the MDI library: a bit each, those of 10 and 100 Mb/s where register 4 (advertisement) has them.

import { BMSR } from '../chips/phy/sheet.ts';

export const MDI_10bT = 0x20;
export const MDI_10bTFD = 0x40;
export const MDI_100bT = 0x80;
export const MDI_100bTFD = 0x100;
export const MDI_100bT4 = 0x200;
export const MDI_FLOW = 0x400;
export const MDI_FLOW_ASYM = 0x800;
export const MDI_1000bT = 0x1000;
export const MDI_1000bTFD = 0x2000;

/** Those that register 4 has. */
export const abilities = 0xfe0;

interface Medium {
  readonly bit: number;
  /** kbit/s. */
  readonly rate: number;
  readonly duplex: number;
}

/** In the order of IEEE 802.3 annex 28B.3: the first that both can do wins. */
const PRIORITY: readonly Medium[] = [
  { bit: MDI_1000bTFD, rate: 1_000_000, duplex: 1 },
  { bit: MDI_1000bT, rate: 1_000_000, duplex: 0 },
  { bit: MDI_100bTFD, rate: 100_000, duplex: 1 },
  { bit: MDI_100bT4, rate: 100_000, duplex: 0 },
  { bit: MDI_100bT, rate: 100_000, duplex: 0 },
  { bit: MDI_10bTFD, rate: 10_000, duplex: 1 },
  { bit: MDI_10bT, rate: 10_000, duplex: 0 },
];

/** The medium that wins among those both can do; 0: none. */
export function resolve(common: number): number {
  return PRIORITY.find(({ bit }) => (common & bit) !== 0)?.bit ?? 0;
}

/** kbit/s of a medium, as media_rate wants it; -1: unknown. */
export function mediaRate(media: number): number {
  return PRIORITY.find(({ bit }) => bit === media)?.rate ?? -1;
}

/** 1 full, 0 half, -1 unknown. */
export function mediaDuplex(media: number): number {
  return PRIORITY.find(({ bit }) => bit === media)?.duplex ?? -1;
}

/** Media a PHY can do, by its status register. */
export function capable(status: number): number {
  let media = 0;
  if ((status & BMSR.T4) !== 0) media |= MDI_100bT4;
  if ((status & BMSR.TXFD) !== 0) media |= MDI_100bTFD;
  if ((status & BMSR.TX) !== 0) media |= MDI_100bT;
  if ((status & BMSR.T10FD) !== 0) media |= MDI_10bTFD;
  if ((status & BMSR.T10) !== 0) media |= MDI_10bT;
  return media;
}
