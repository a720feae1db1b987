// Media words (net/if_media.h of NetBSD): one 32-bit number says type, subtype, options and instance.
//
//   31    28 27        20 19      16 15         8 7   5 4      0
//   +-------+------------+----------+------------+-----+--------+
//   | inst  | global     |          | type opts  | type| subtype|
//   +-------+------------+----------+------------+-----+--------+

export const IFM_NMASK = 0xe0;
export const IFM_TMASK = 0x1f;
export const IFM_IMASK = 0xf0000000;
export const IFM_OMASK = 0x0000ff00;
export const IFM_GMASK = 0x0ff00000;

export const IFM_ETHER = 0x20;

export const IFM_AUTO = 0;
export const IFM_MANUAL = 1;
export const IFM_NONE = 2;
export const IFM_10_T = 3;
export const IFM_10_2 = 4;
export const IFM_10_5 = 5;
export const IFM_100_TX = 6;
export const IFM_100_FX = 7;
export const IFM_100_T4 = 8;
export const IFM_100_T2 = 10;
export const IFM_1000_SX = 11;
export const IFM_1000_LX = 14;
export const IFM_1000_CX = 15;
export const IFM_1000_T = 16;

export const IFM_FDX = 0x100000;
export const IFM_HDX = 0x200000;
export const IFM_FLOW = 0x400000;
export const IFM_LOOP = 0x8000000;
export const IFM_ETH_MASTER = 0x100;
export const IFM_ETH_RXPAUSE = 0x200;
export const IFM_ETH_TXPAUSE = 0x400;

/** Status: ACTIVE says something, and the link is there. */
export const IFM_AVALID = 1;
export const IFM_ACTIVE = 2;

interface Subtype {
  readonly value: number;
  readonly name: string;
  /** bit/s. */
  readonly rate: number;
  readonly alias?: string;
}

const M = 1_000_000;
const SUBTYPES: readonly Subtype[] = [
  { value: IFM_AUTO, name: 'autoselect', rate: 0, alias: 'auto' },
  { value: IFM_MANUAL, name: 'manual', rate: 0 },
  { value: IFM_NONE, name: 'none', rate: 0 },
  { value: IFM_10_T, name: '10baseT', rate: 10 * M },
  { value: IFM_10_2, name: '10base2', rate: 10 * M },
  { value: IFM_10_5, name: '10base5', rate: 10 * M },
  { value: IFM_100_TX, name: '100baseTX', rate: 100 * M },
  { value: IFM_100_FX, name: '100baseFX', rate: 100 * M },
  { value: IFM_100_T4, name: '100baseT4', rate: 100 * M },
  { value: IFM_100_T2, name: '100baseT2', rate: 100 * M },
  { value: IFM_1000_SX, name: '1000baseSX', rate: 1000 * M },
  { value: IFM_1000_LX, name: '1000baseLX', rate: 1000 * M },
  { value: IFM_1000_CX, name: '1000baseCX', rate: 1000 * M },
  { value: IFM_1000_T, name: '1000baseT', rate: 1000 * M },
];

const OPTIONS: readonly { value: number; name: string; alias?: string }[] = [
  { value: IFM_FDX, name: 'full-duplex', alias: 'fdx' },
  { value: IFM_HDX, name: 'half-duplex', alias: 'hdx' },
  { value: IFM_FLOW, name: 'flowcontrol', alias: 'flow' },
  { value: IFM_LOOP, name: 'loopback' },
  { value: IFM_ETH_MASTER, name: 'master' },
  { value: IFM_ETH_RXPAUSE, name: 'rxpause' },
  { value: IFM_ETH_TXPAUSE, name: 'txpause' },
];

export function IFM_SUBTYPE(word: number): number {
  return word & IFM_TMASK;
}

export function IFM_TYPE(word: number): number {
  return word & IFM_NMASK;
}

export function IFM_INST(word: number): number {
  return word >>> 28;
}

export function IFM_MAKEWORD(type: number, subtype: number, options: number, instance: number): number {
  return (type | subtype | options | (instance << 28)) >>> 0;
}

/** bit/s of a media word; 0 when it does not say. */
export function ifmedia_baudrate(word: number): number {
  return SUBTYPES.find(({ value }) => value === IFM_SUBTYPE(word))?.rate ?? 0;
}

/** `100baseTX full-duplex`. */
export function mediaName(word: number): string {
  const subtype =
    SUBTYPES.find(({ value }) => value === IFM_SUBTYPE(word))?.name ?? `subtype ${IFM_SUBTYPE(word)}`;
  return [subtype, ...mediaOptionNames(word)].join(' ');
}

export function mediaSubtypeName(word: number): string {
  return SUBTYPES.find(({ value }) => value === IFM_SUBTYPE(word))?.name ?? `subtype ${IFM_SUBTYPE(word)}`;
}

export function mediaOptionNames(word: number): string[] {
  return OPTIONS.filter(({ value }) => (word & value) !== 0).map(({ name }) => name);
}

/** Subtype of a name, case ignored; null: there is none. */
export function mediaSubtype(name: string): number | null {
  const wanted = name.toLowerCase();
  return (
    SUBTYPES.find((entry) => entry.name.toLowerCase() === wanted || entry.alias === wanted)?.value ?? null
  );
}

/** Option bits of `full-duplex,flowcontrol`; null: one of them is unknown. */
export function mediaOptions(names: string): number | null {
  let bits = 0;
  for (const name of names.toLowerCase().split(',')) {
    const option = OPTIONS.find((entry) => entry.name === name || entry.alias === name);
    if (option === undefined) return null;
    bits |= option.value;
  }
  return bits;
}

export const MEDIA_SUBTYPE_NAMES = SUBTYPES.map(({ name }) => name);
export const MEDIA_OPTION_NAMES = OPTIONS.map(({ name }) => name);
