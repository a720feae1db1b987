// The ceiling that everything else is measured against: a descriptor ring with nothing around it. A fake device writes
// a frame into the next buffer and gives the descriptor back; a fake driver swaps in a fresh buffer from its pool,
// finds the taker in a Map by Ethernet type, and frees the buffer. No registers, no interrupts, no filter, no FCS.

const RING = 256;
const BUFFER_BYTES = 2048;
const WORDS = 4;
const OWN = 0x80000000;
/** Frames the device writes before the driver looks: NAPI's weight. */
const BATCH = 64;

/** A packet buffer with a view of its storage that it keeps for good. */
class Buffer {
  readonly bytes: Uint8Array;
  readonly address: number;
  length = 0;

  constructor(memory: Uint8Array, address: number) {
    this.address = address;
    this.bytes = memory.subarray(address, address + BUFFER_BYTES);
  }
}

export interface BareRing {
  /** Frames in a batch. */
  readonly batch: number;
  /** Runs so many batches; returns the frames delivered so far. */
  run(batches: number): number;
}

export function bareRing(frameBytes: number): BareRing {
  const memory = new Uint8Array(RING * 2 * BUFFER_BYTES);
  const ring = new Uint32Array(RING * WORDS);
  const frame = new Uint8Array(frameBytes);
  frame[12] = 0x08;
  const inRing: Buffer[] = [];
  const byAddress: Buffer[] = [];
  const pool: Buffer[] = [];
  for (let i = 0; i < RING * 2; i++) {
    const buffer = new Buffer(memory, i * BUFFER_BYTES);
    byAddress.push(buffer);
    if (i < RING) {
      inRing.push(buffer);
      ring[i * WORDS] = buffer.address;
      ring[i * WORDS + 1] = OWN;
    } else pool.push(buffer);
  }
  let delivered = 0;
  const takers = new Map<number, (buffer: Buffer) => void>();
  takers.set(0x0800, (buffer) => {
    delivered++;
    pool.push(buffer);
  });
  let deviceAt = 0;
  let driverAt = 0;

  function deviceReceives(): void {
    for (let i = 0; i < BATCH; i++) {
      const at = deviceAt * WORDS;
      if ((ring[at + 1] & OWN) === 0) return;
      byAddress[ring[at] / BUFFER_BYTES].bytes.set(frame);
      ring[at + 2] = frameBytes;
      ring[at + 1] = 0;
      deviceAt = (deviceAt + 1) & (RING - 1);
    }
  }

  function driverReceives(): void {
    for (let i = 0; i < BATCH; i++) {
      const at = driverAt * WORDS;
      if ((ring[at + 1] & OWN) !== 0) return;
      const buffer = inRing[driverAt];
      const fresh = pool.pop() as Buffer;
      inRing[driverAt] = fresh;
      buffer.length = ring[at + 2];
      ring[at] = fresh.address;
      ring[at + 1] = OWN;
      driverAt = (driverAt + 1) & (RING - 1);
      takers.get((buffer.bytes[12] << 8) | buffer.bytes[13])?.(buffer);
    }
  }

  function run(batches: number): number {
    for (let i = 0; i < batches; i++) {
      deviceReceives();
      driverReceives();
    }
    return delivered;
  }
  return { run, batch: BATCH };
}
