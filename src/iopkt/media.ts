// What io-pkt itself asks a driver about its media, for the device layer's link state, nicinfo and ifconfig.

import { EOK } from './errno.ts';
import { IFM_AVALID } from './ifmedia-words.ts';
import type { ifnet } from './ifnet.ts';
import type { IoPkt } from './manager.ts';
import { type ifmediareq, ifmediareq_init, SIOCGIFMEDIA } from './sockio.ts';

/** Words that are asked for at first: more than a driver of copper Ethernet has. */
const ROOM = 32;

/** The driver's answer to SIOCGIFMEDIA; null: it does not do media. Stack context. */
export function askMedia(io: IoPkt, ifp: ifnet): ifmediareq | null {
  const imr = ifmediareq_init(ifp.if_xname, ROOM);
  const error = io.call(ifp.if_dev, 'if_ioctl', () => ifp.if_ioctl!(ifp, SIOCGIFMEDIA, imr));
  return error === EOK ? imr : null;
}

/** The active media word, or null when the driver does not say. Stack context. */
export function activeMedia(io: IoPkt, ifp: ifnet): number | null {
  const imr = askMedia(io, ifp);
  return imr === null || (imr.ifm_status & IFM_AVALID) === 0 ? null : imr.ifm_active;
}
