// Handles of disciplines and numbers of classes, as tc(8) has them: 16 bits in front of the colon, 16 behind it, in hex.
//
//   31            16 15             0
//   [  major number ][ minor number ]      1: is 0x00010000, class 1:10 is 0x00010010, ffff: is of ingress

/** No class: at the root of a device, and of ingress. */
export const TC_H_ROOT = 0xffffffff;
export const TC_H_INGRESS = 0xfffffff1;
/** ffff:, the handle of ingress and clsact. */
export const INGRESS_HANDLE = 0xffff;
/** ffff:fff2 and ffff:fff3: the two hooks of clsact. */
export const TC_H_MIN_INGRESS = 0xfff2;
export const TC_H_MIN_EGRESS = 0xfff3;

export function majorOf(id: number): number {
  return id >>> 16;
}

export function minorOf(id: number): number {
  return id & 0xffff;
}

export function classId(major: number, minor: number): number {
  return ((major << 16) | minor) >>> 0;
}

/** `1:` or `1` as 1; null: it is none. */
export function parseHandle(text: string): number | null {
  const match = /^([0-9a-f]{1,4}):?$/i.exec(text);
  return match === null ? null : Number.parseInt(match[1], 16);
}

/** `1:10`, `:10` (of major 0), `1:` as a number; null: it is none. */
export function parseClassId(text: string): number | null {
  if (text === 'root') return TC_H_ROOT;
  if (text === 'none') return 0;
  const match = /^([0-9a-f]{0,4}):([0-9a-f]{0,4})$/i.exec(text);
  if (match === null || text === ':') return null;
  return classId(Number.parseInt(match[1] || '0', 16), Number.parseInt(match[2] || '0', 16));
}

/** 0x00010010 as `1:10`. */
export function formatClassId(id: number): string {
  if (id === TC_H_ROOT) return 'root';
  if (id === 0) return 'none';
  const major = majorOf(id) === 0 ? '' : majorOf(id).toString(16);
  return minorOf(id) === 0 ? `${major}:` : `${major}:${minorOf(id).toString(16)}`;
}
