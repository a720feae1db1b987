// ifioctl: requests from programs to an interface. Some are io-pkt's own, the others are the driver's.

import { EINVAL, ENETRESET, ENXIO, EOK } from './errno.ts';
import { IFF_CANTCHANGE, IFF_UP } from './flags.ts';
import { type if_data, interfaceData, zeroInterfaceData } from './if-data.ts';
import type { ifnet } from './ifnet.ts';
import type { IoPkt } from './manager.ts';
import { destroy } from './mount.ts';
import { initInterface, request } from './net-device.ts';
import { ruleError } from './self.ts';
import {
  type ifreq,
  requestName,
  SIOCADDMULTI,
  SIOCDELMULTI,
  SIOCGIFDATA,
  SIOCIFDESTROY,
  SIOCSIFFLAGS,
  SIOCZIFDATA,
} from './sockio.ts';

/** Stack context. Returns an errno. */
export function ifioctl(io: IoPkt, name: string, cmd: number, data: unknown): number {
  const ifp = io.find(name);
  if (ifp === null) return ENXIO;
  switch (cmd) {
    case SIOCIFDESTROY:
      destroy(io, name);
      return EOK;
    case SIOCSIFFLAGS:
      return setFlags(io, ifp, (data as ifreq).ifr_flags);
    case SIOCGIFDATA:
      Object.assign(data as if_data, interfaceData(ifp));
      return EOK;
    case SIOCZIFDATA:
      Object.assign(data as if_data, interfaceData(ifp));
      zeroInterfaceData(ifp);
      return EOK;
    default:
      return pass(io, ifp, cmd, data);
  }
}

/** Up and down go the device layer's way, so that its users hear of it. */
function setFlags(io: IoPkt, ifp: ifnet, flags: number | undefined): number {
  if (flags === undefined) return EINVAL;
  const device = ifp.if_netdev!;
  const before = ifp.if_flags;
  const wanted = (before & IFF_CANTCHANGE) | (flags & ~IFF_CANTCHANGE);
  ifp.if_flags = (wanted & ~IFF_UP) | (before & IFF_UP);
  const up = (wanted & IFF_UP) !== 0;
  if (up && !device.up) device.open();
  else if (!up && device.up) device.close();
  else if (up && ifp.if_flags !== before)
    return request(io, ifp, SIOCSIFFLAGS, { ifr_name: ifp.if_xname, ifr_flags: wanted });
  return EOK;
}

function pass(io: IoPkt, ifp: ifnet, cmd: number, data: unknown): number {
  const error = request(io, ifp, cmd, data);
  if (error !== ENETRESET) return error;
  if (cmd === SIOCADDMULTI || cmd === SIOCDELMULTI)
    throw ruleError(io, 'P17', `if_ioctl of ${ifp.if_xname} returned ENETRESET for ${requestName(cmd)}`);
  return ifp.up ? initInterface(io, ifp) : EOK;
}
