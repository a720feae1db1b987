// What a DHCP client reads in an OFFER or ACK.

import { isMartian, readAddress } from './address.ts';
import {
  addressOption,
  type DhcpMessage,
  OPTION_DNS,
  OPTION_LEASE_TIME,
  OPTION_MASK,
  OPTION_REBINDING_TIME,
  OPTION_RENEWAL_TIME,
  OPTION_ROUTER,
  OPTION_SERVER_ID,
  secondsOption,
} from './dhcp-packet.ts';

/** All ones: for ever. */
const INFINITE = 0xffffffff;
/** A lease must be worth its renewals. */
const SHORTEST_SECONDS = 4;

/** Addresses are int32, 0 for none. */
export interface DhcpLease {
  readonly address: number;
  readonly prefix: number;
  readonly router: number;
  readonly dns: readonly number[];
  readonly server: number;
  /** From its start to its end, to T1, to T2; Infinity: for ever. */
  readonly seconds: number;
  readonly renewalSeconds: number;
  readonly rebindingSeconds: number;
  /** TFTP server and file, for those who boot. */
  readonly nextServer: number;
  readonly bootFile: string;
}

/** Null: it offers nothing that a station could use. */
export function leaseFrom(message: DhcpMessage): DhcpLease | null {
  const { options, yiaddr } = message;
  const server = addressOption(options, OPTION_SERVER_ID);
  const prefix = prefixOf(yiaddr, addressOption(options, OPTION_MASK));
  const said = secondsOption(options, OPTION_LEASE_TIME);
  if (isMartian(yiaddr) || isMartian(server) || prefix === null || said === null) return null;
  const host = yiaddr & (prefix === 32 ? 0 : -1 >>> prefix);
  if (prefix < 31 && (host === 0 || host === -1 >>> prefix)) return null;
  const seconds = said === INFINITE ? Infinity : Math.max(said, SHORTEST_SECONDS);
  const t2 = secondsOption(options, OPTION_REBINDING_TIME) ?? 0;
  const rebindingSeconds = t2 > 0 && t2 < seconds ? t2 : (seconds * 7) / 8;
  const t1 = secondsOption(options, OPTION_RENEWAL_TIME) ?? 0;
  const renewalSeconds = t1 > 0 && t1 < rebindingSeconds ? t1 : Math.min(seconds / 2, rebindingSeconds);
  const dns = options.get(OPTION_DNS) ?? new Uint8Array(0);
  return {
    address: yiaddr,
    prefix,
    router: addressOption(options, OPTION_ROUTER),
    dns: Array.from({ length: dns.length >> 2 }, (_, i) => readAddress(dns, 4 * i)),
    server,
    seconds,
    renewalSeconds,
    rebindingSeconds,
    nextServer: message.siaddr,
    bootFile: message.file,
  };
}

/** Null: not a mask. Without one the address's class says it (RFC 950). */
function prefixOf(address: number, mask: number): number | null {
  if (mask === 0) {
    const top = address >>> 24;
    if (top < 128) return 8;
    return top < 192 ? 16 : 24;
  }
  const hostPart = ~mask;
  // Ones below zeros: adding one carries through all of them.
  if ((hostPart & (hostPart + 1)) !== 0) return null;
  return Math.clz32(hostPart);
}
