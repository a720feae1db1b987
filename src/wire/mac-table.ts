// The address table of a switch: which station was last heard at which port. Built like the ones in silicon, so that it
// is bounded and a lookup costs the same whatever is in it: buckets of four, chosen by a hash of the address.
//
//   bucket 0          bucket 1
//   +----+----+----+----+----+----+----+----+
//   |    |    |    |    |    |    |    |    |  ...     an entry: address (32 + 16 bits), port, time last heard
//   +----+----+----+----+----+----+----+----+
//
// A bucket that is full forgets the station it has not heard for the longest time.

const WAYS = 4;
const EMPTY = -1;

export class MacTable {
  /** Entries thrown out for lack of room. */
  evicted = 0;
  private readonly mask: number;
  private readonly ageingNs: number;
  private readonly high: Uint32Array;
  private readonly low: Uint16Array;
  private readonly port: Int16Array;
  private readonly heardNs: Float64Array;

  /** `size` entries at most, a power of two, 4 or more; an entry is good for `ageingNs` after it was heard. */
  constructor(size: number, ageingNs: number) {
    if (size < WAYS || (size & (size - 1)) !== 0) {
      throw new RangeError(`a MAC table of ${size} entries: a power of two, ${WAYS} or more`);
    }
    this.mask = size / WAYS - 1;
    this.ageingNs = ageingNs;
    this.high = new Uint32Array(size);
    this.low = new Uint16Array(size);
    this.port = new Int16Array(size).fill(EMPTY);
    this.heardNs = new Float64Array(size);
  }

  /** Notes that the address at `at` was heard at `port`. */
  learn(u8: Uint8Array, at: number, port: number, nowNs: number): void {
    const high = high32(u8, at);
    const low = low16(u8, at);
    const first = this.bucket(high, low);
    let victim = first;
    for (let i = first; i < first + WAYS; i++) {
      if (this.port[i] !== EMPTY && this.high[i] === high && this.low[i] === low) {
        this.port[i] = port;
        this.heardNs[i] = nowNs;
        return;
      }
      if (this.heard(i) < this.heard(victim)) victim = i;
    }
    if (this.isLive(victim, nowNs)) this.evicted++;
    this.high[victim] = high;
    this.low[victim] = low;
    this.port[victim] = port;
    this.heardNs[victim] = nowNs;
  }

  /** The port of the address at `at`, or -1 when it is unknown or was not heard for too long. */
  lookup(u8: Uint8Array, at: number, nowNs: number): number {
    const high = high32(u8, at);
    const low = low16(u8, at);
    const first = this.bucket(high, low);
    for (let i = first; i < first + WAYS; i++) {
      if (this.high[i] === high && this.low[i] === low && this.isLive(i, nowNs)) return this.port[i];
    }
    return EMPTY;
  }

  /** Forgets whom it heard at `port`. */
  flush(port: number): void {
    for (let i = 0; i < this.port.length; i++) if (this.port[i] === port) this.port[i] = EMPTY;
  }

  /** Entries that are good. */
  count(nowNs: number): number {
    let count = 0;
    for (let i = 0; i < this.port.length; i++) if (this.isLive(i, nowNs)) count++;
    return count;
  }

  private heard(index: number): number {
    return this.port[index] === EMPTY ? -Infinity : this.heardNs[index];
  }

  private isLive(index: number, nowNs: number): boolean {
    return this.port[index] !== EMPTY && nowNs - this.heardNs[index] < this.ageingNs;
  }

  private bucket(high: number, low: number): number {
    let hash = Math.imul(high, 0x9e3779b1) ^ Math.imul(low, 0x85ebca6b); // odd constants with well-spread bits
    hash ^= hash >>> 15;
    return (hash & this.mask) * WAYS;
  }
}

function high32(u8: Uint8Array, at: number): number {
  return ((u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3]) >>> 0;
}

function low16(u8: Uint8Array, at: number): number {
  return (u8[at + 4] << 8) | u8[at + 5];
}
