// Prints a register value with the names its data sheet gives the bits: 0x0480<INTR,RINT>. For logs, the command line
// and failing tests; never on the path of a packet.

/** Names of a register and the bits they stand for. A name of several adjacent bits is a field. */
export type BitTable = Readonly<Record<string, number>>;

/**
 * The value in hex, as wide as the table's highest bit asks for, then what is set, lowest bit first: a bit by its
 * name, a field as NAME=value, bits that no name covers as hex. 0x0000<> when nothing is set.
 */
export function formatBits(value: number, table: BitTable): string {
  const word = value >>> 0;
  const entries = Object.entries(table).sort((a, b) => lowestBit(a[1]) - lowestBit(b[1]));
  const names: string[] = [];
  let known = 0;
  for (const [name, mask] of entries) {
    known |= mask;
    const shift = lowestBit(mask);
    const field = (word & mask) >>> shift;
    if (field === 0) continue;
    const widest = mask >>> shift;
    names.push(widest === 1 ? name : `${name}=${field}`);
  }
  const unknown = (word & ~known) >>> 0;
  if (unknown !== 0) names.push(`0x${unknown.toString(16)}`);
  const highest = (known | word) >>> 0;
  const digits = highest > 0xffff ? 8 : highest > 0xff ? 4 : 2;
  return `0x${word.toString(16).padStart(digits, '0')}<${names.join(',')}>`;
}

/** Number of the lowest bit that is set; 32 when none is. */
function lowestBit(mask: number): number {
  return mask === 0 ? 32 : 31 - Math.clz32(mask & -mask);
}
