// What every capture format has in common: records, interfaces, the error for files that are wrong, the place bytes
// are written to. Pure: works over a Uint8Array in a browser; capture-file.ts brings files in on Node.
//
// Times are two plain numbers, seconds since 1970 and nanoseconds, since one double does not hold both exactly.

/** LINKTYPE_ETHERNET: frames from the destination address on. Numbers from the registry, draft-ietf-opsawg-pcaplinktype. */
export const LINKTYPE_ETHERNET = 1;

const LINKTYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'BSD loopback',
  1: 'Ethernet',
  9: 'PPP',
  101: 'raw IP',
  105: 'IEEE 802.11',
  108: 'OpenBSD loopback',
  113: 'Linux cooked',
  127: 'IEEE 802.11 with radiotap',
  228: 'raw IPv4',
  229: 'raw IPv6',
  249: 'USB',
  276: 'Linux cooked v2',
};

/** Name of a link type for people: `113 (Linux cooked)`. */
export function linkTypeName(linkType: number): string {
  const name = LINKTYPE_NAMES[linkType];
  return name === undefined ? `${linkType}` : `${linkType} (${name})`;
}

/** Why frames of this link type cannot go onto an Ethernet, or null when they can. */
export function notEthernet(linkType: number): string | null {
  if (linkType === LINKTYPE_ETHERNET) return null;
  return (
    `link type ${linkTypeName(linkType)}: its packets have no Ethernet header; ` +
    `link type 1 (Ethernet) would be right: capture on one Ethernet interface (tcpdump -i eth0, not -i any)`
  );
}

export type CaptureDirection = 'unknown' | 'inbound' | 'outbound';

/** One packet of a capture. */
export interface CaptureRecord {
  /** Nanoseconds after the first packet of the file; negative when it is older than the first. */
  timeNs: number;
  /** Seconds since 1970. */
  seconds: number;
  /** 0 to 999,999,999, to be added to `seconds`. */
  nanoseconds: number;
  /** Bytes in `data`. */
  capturedLength: number;
  /** Bytes the packet had on the wire; more than captured when it was cut. */
  originalLength: number;
  /** Index into `Capture.interfaces`. */
  interfaceId: number;
  linkType: number;
  direction: CaptureDirection;
  /** Bytes of FCS at the end of `data`; 0 when there are none or nothing is said. */
  fcsLength: number;
  /** A view of the file's bytes, not a copy. */
  data: Uint8Array;
}

export interface CaptureInterface {
  /** Index over all sections of the file. */
  readonly id: number;
  readonly name: string;
  readonly linkType: number;
  /** Longest capture per packet; 0 means no limit. */
  readonly snapLength: number;
  /** What one tick of its timestamps is: `1e-6 s`, `2^-20 s`. */
  readonly resolution: string;
  readonly fcsLength: number;
  /** From the statistics block, where there is one. */
  received?: number;
  dropped?: number;
}

/**
 * A capture in memory. Iterating reads it from the start, each time anew; a fault in the file throws a CaptureError
 * after all records before it were given.
 */
export interface Capture extends Iterable<CaptureRecord> {
  readonly format: 'pcap' | 'pcapng';
  /** Those met so far: a pcapng file may bring new ones between its packets. */
  readonly interfaces: readonly CaptureInterface[];
}

/** The file is not what its format says. */
export class CaptureError extends Error {
  /** Where in the file, in bytes from its start. */
  readonly offset: number;
  /** What would be right there. */
  readonly expected: string;

  constructor(offset: number, what: string, expected: string) {
    super(`byte ${offset}: ${what}; ${expected}`);
    this.name = 'CaptureError';
    this.offset = offset;
    this.expected = expected;
  }
}

/** Takes bytes in order. It is lent them for the call only: the writer uses the memory again. */
export interface ByteSink {
  write(bytes: Uint8Array): void;
}

/** Keeps all that is written, for tests and downloads. */
export class MemorySink implements ByteSink {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  write(bytes: Uint8Array): void {
    this.parts.push(bytes.slice());
    this.length += bytes.length;
  }

  /** All bytes so far, in one array. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
