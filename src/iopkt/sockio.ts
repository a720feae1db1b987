// ioctl requests to an interface and what goes with them. Requests and numbers are NetBSD's (sys/sockio.h): direction in
// the top bits, size of the argument, group 'i', number. SIOCGDRVCOM is QNX's.

const IOC_VOID = 0x20000000;
const IOC_OUT = 0x40000000;
const IOC_IN = 0x80000000;

/** _IO, _IOR, _IOW, _IOWR of group 'i'. */
function request(direction: number, number: number, size: number): number {
  return (direction | (size << 16) | (0x69 << 8) | number) >>> 0;
}

/** sizeof(struct ifreq), 64-bit. */
const IFREQ = 144;
const INOUT = IOC_IN | IOC_OUT;

export const SIOCSIFADDR = request(IOC_IN, 12, IFREQ);
export const SIOCSIFFLAGS = request(IOC_IN, 16, IFREQ);
export const SIOCGIFFLAGS = request(INOUT, 17, IFREQ);
export const SIOCADDMULTI = request(IOC_IN, 49, IFREQ);
export const SIOCDELMULTI = request(IOC_IN, 50, IFREQ);
export const SIOCSIFMEDIA = request(INOUT, 53, IFREQ);
export const SIOCGIFMEDIA = request(INOUT, 54, 48);
export const SIOCGIFCAP = request(INOUT, 118, 32);
export const SIOCSIFCAP = request(IOC_IN, 117, 32);
export const SIOCIFDESTROY = request(IOC_IN, 121, IFREQ);
export const SIOCIFCREATE = request(IOC_IN, 122, IFREQ);
export const SIOCGDRVSPEC = request(INOUT, 123, 40);
export const SIOCSDRVSPEC = request(IOC_IN, 123, 40);
export const SIOCGIFMTU = request(INOUT, 126, IFREQ);
export const SIOCSIFMTU = request(IOC_IN, 127, IFREQ);
export const SIOCGIFDATA = request(INOUT, 128, 152);
export const SIOCZIFDATA = request(INOUT, 129, 152);
export const SIOCGDRVCOM = request(INOUT | IOC_VOID, 200, 0);

const NAMES = new Map<number, string>([
  [SIOCSIFADDR, 'SIOCSIFADDR'],
  [SIOCSIFFLAGS, 'SIOCSIFFLAGS'],
  [SIOCGIFFLAGS, 'SIOCGIFFLAGS'],
  [SIOCADDMULTI, 'SIOCADDMULTI'],
  [SIOCDELMULTI, 'SIOCDELMULTI'],
  [SIOCSIFMEDIA, 'SIOCSIFMEDIA'],
  [SIOCGIFMEDIA, 'SIOCGIFMEDIA'],
  [SIOCGIFCAP, 'SIOCGIFCAP'],
  [SIOCSIFCAP, 'SIOCSIFCAP'],
  [SIOCIFDESTROY, 'SIOCIFDESTROY'],
  [SIOCIFCREATE, 'SIOCIFCREATE'],
  [SIOCGDRVSPEC, 'SIOCGDRVSPEC'],
  [SIOCSDRVSPEC, 'SIOCSDRVSPEC'],
  [SIOCGIFMTU, 'SIOCGIFMTU'],
  [SIOCSIFMTU, 'SIOCSIFMTU'],
  [SIOCGIFDATA, 'SIOCGIFDATA'],
  [SIOCZIFDATA, 'SIOCZIFDATA'],
  [SIOCGDRVCOM, 'SIOCGDRVCOM'],
]);

export function requestName(cmd: number): string {
  return NAMES.get(cmd) ?? `request 0x${(cmd >>> 0).toString(16)}`;
}

/** struct ifreq: the fields that the request at hand uses. */
export interface ifreq {
  ifr_name: string;
  ifr_flags?: number;
  ifr_mtu?: number;
  ifr_media?: number;
  /** Six bytes; with ifr_addrhi the first of a range of group addresses. */
  ifr_addr?: Uint8Array;
  ifr_addrhi?: Uint8Array;
}

/** struct ifmediareq. */
export interface ifmediareq {
  ifm_name: string;
  ifm_current: number;
  ifm_mask: number;
  ifm_status: number;
  ifm_active: number;
  /** Room in ifm_ulist, then how many words there are. */
  ifm_count: number;
  ifm_ulist: number[] | null;
}

/** struct ifcapreq, with QNX's two directions. */
export interface ifcapreq {
  ifcr_name: string;
  ifcr_capenable_tx: number;
  ifcr_capenable_rx: number;
}

/** An empty one, to be filled by SIOCGIFMEDIA; `room` for so many words. */
export function ifmediareq_init(name: string, room: number): ifmediareq {
  return {
    ifm_name: name,
    ifm_current: 0,
    ifm_mask: 0,
    ifm_status: 0,
    ifm_active: 0,
    ifm_count: room,
    ifm_ulist: room > 0 ? [] : null,
  };
}
