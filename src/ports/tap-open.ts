// Opens a TAP interface: /dev/net/tun, TUNSETIFF, then address, MTU and flags. Every refusal says what would help.
// After the kernel's networking/tuntap documentation.

import { closeSync, constants, openSync } from 'node:fs';
import {
  configureInterface,
  type InterfaceSettings,
  ifreq,
  ifreqName,
  setShort,
} from './interface-config.ts';
import { type Linux, PortError } from './linux.ts';

const DEVICE = '/dev/net/tun';
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
/** Frames alone, without four bytes of protocol number before each. */
const IFF_NO_PI = 0x1000;

export interface TapSettings extends InterfaceSettings {
  /** Name of the interface; `tap%d` lets the kernel choose the number. */
  name: string;
}

/** Makes the interface in the thread's namespace; returns its descriptor, non-blocking, and its name. */
export function openTap(linux: Linux, options: TapSettings): { fd: number; name: string } {
  const request = ifreq(options.name);
  setShort(request, IFF_TAP | IFF_NO_PI);
  const fd = openDevice();
  try {
    if (linux.ioctl(fd, TUNSETIFF, request) !== 0) {
      const code = linux.errorName(linux.errno());
      throw new PortError(`TAP ${options.name}: ${code}; ${tunAdvice(code, options.name)}`, code);
    }
    const name = ifreqName(request);
    configureInterface(linux, name, { ...options, up: options.up ?? true });
    return { fd, name };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openDevice(): number {
  try {
    return openSync(DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const advice =
      code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO'
        ? 'modprobe tun, or give the container the device: --device /dev/net/tun --cap-add NET_ADMIN'
        : 'run it as root, or let this user open the device';
    throw new PortError(`${DEVICE}: ${code}; ${advice}`, code);
  }
}

function tunAdvice(code: string, name: string): string {
  if (code === 'EPERM') {
    return `run it as root or with CAP_NET_ADMIN, or let root make it for you: ip tuntap add ${name} mode tap user NAME`;
  }
  if (code === 'EBUSY') return 'another program uses it: choose another name';
  if (code === 'EINVAL') return 'an interface of that name exists and is no TAP: choose another name';
  return 'the kernel refused it';
}
