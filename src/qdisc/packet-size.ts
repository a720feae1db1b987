// What a packet costs on the wire, for disciplines that pay for bytes (tbf, htb). After tc-stab(8) and the rate options of
// tc-tbf(8) and tc-htb(8): overhead is added to each packet, none counts for less than mpu, and on ATM (ITU-T I.361) what is
// sent are whole cells, 48 bytes of packet in 53 bytes of line.

/** @public */
export interface WireSize {
  /** Bytes: the least a packet counts for. */
  mpu: number;
  /** Bytes added to each packet. */
  overhead: number;
  /** `adsl` is another name of `atm`. */
  linklayer: 'ethernet' | 'atm' | 'adsl';
}

export const PLAIN_WIRE: Readonly<WireSize> = { mpu: 0, overhead: 0, linklayer: 'ethernet' };

const CELL_BYTES = 53;
const CELL_PAYLOAD = 48;
const MOST_BYTES = 65_535;

/** Bytes on the wire of a packet with `bytes`, its Ethernet header among them. */
export function wireBytes(bytes: number, wire: Readonly<WireSize>): number {
  const sent = Math.max(bytes + wire.overhead, wire.mpu);
  if (wire.linklayer === 'ethernet') return sent;
  // In whole numbers all the way: a fraction that is returned may be given a box.
  return (((sent + CELL_PAYLOAD - 1) / CELL_PAYLOAD) | 0) * CELL_BYTES;
}

/** Throws RangeError unless the options make sense. */
export function validateWire(kind: string, { mpu, overhead, linklayer }: WireSize): void {
  for (const [name, bytes] of [
    ['mpu', mpu],
    ['overhead', overhead],
  ] as const) {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > MOST_BYTES)
      throw new RangeError(`${kind}: ${name} ${bytes}: bytes from 0 to ${MOST_BYTES} wanted`);
  }
  if (linklayer !== 'ethernet' && linklayer !== 'atm' && linklayer !== 'adsl')
    throw new RangeError(`${kind}: linklayer ${linklayer}: ethernet, atm or adsl wanted`);
}
