// Error numbers of the driver interface. The manuals give the names; the numbers are NetBSD's (errno(2)).

export const EOK = 0;
export const EPERM = 1;
export const ENOENT = 2;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const ENOEXEC = 8;
export const ENOMEM = 12;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENOTTY = 25;
export const EAGAIN = 35;
export const EALREADY = 37;
export const EOPNOTSUPP = 45;
export const EADDRNOTAVAIL = 49;
export const ENETDOWN = 50;
export const ENETRESET = 52;
export const ENOBUFS = 55;
export const ETIMEDOUT = 60;
export const ENOTSUP = 86;

const NAMES: Record<number, string> = {
  [EOK]: 'EOK',
  [EPERM]: 'EPERM',
  [ENOENT]: 'ENOENT',
  [EIO]: 'EIO',
  [ENXIO]: 'ENXIO',
  [E2BIG]: 'E2BIG',
  [ENOEXEC]: 'ENOEXEC',
  [ENOMEM]: 'ENOMEM',
  [EBUSY]: 'EBUSY',
  [EEXIST]: 'EEXIST',
  [ENODEV]: 'ENODEV',
  [EINVAL]: 'EINVAL',
  [ENOTTY]: 'ENOTTY',
  [EAGAIN]: 'EAGAIN',
  [EALREADY]: 'EALREADY',
  [EOPNOTSUPP]: 'EOPNOTSUPP',
  [EADDRNOTAVAIL]: 'EADDRNOTAVAIL',
  [ENETDOWN]: 'ENETDOWN',
  [ENETRESET]: 'ENETRESET',
  [ENOBUFS]: 'ENOBUFS',
  [ETIMEDOUT]: 'ETIMEDOUT',
  [ENOTSUP]: 'ENOTSUP',
};

/** `EINVAL` for 22; the number itself when it has no name here. */
export function errnoName(errno: number): string {
  return NAMES[errno] ?? `errno ${errno}`;
}

/** A request to io-pkt that failed with an error number, as the program that made it sees it. */
export class ErrnoError extends Error {
  readonly errno: number;

  constructor(errno: number, what: string) {
    super(`${what} (${errnoName(errno)})`);
    this.name = 'ErrnoError';
    this.errno = errno;
  }
}
