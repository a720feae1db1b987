// Descriptor rings of the PCnet family as the host sees them: where the fields are in each software style, and a class
// over the host's memory to use a ring by index. Data sheets 19436 and 21510, "Receive Descriptors" and "Transmit
// Descriptors". Style 1 (ILACC) is left out: nobody programs it.
//
//   style 2, 16 bytes                                     style 3, 16 bytes: words 0 and 2 change places
//          31   30   29   28    27   26  25  24  23  22  21   20  19-16 15-12 11-0
//   RMD0   buffer address
//   RMD1   OWN  ERR  FRAM OFLO  CRC BUFF STP ENP BPE PAM LAFM BAM  -    1111  BCNT
//   RMD2   RCC (31-24)  RPC (23-16)                                     0000  MCNT
//   RMD3   free for the host
//   TMD0   buffer address
//   TMD1   OWN  ERR  AFCS MORE  ONE DEF  STP ENP BPE  -                 1111  BCNT      MORE is LTINT to the chip
//   TMD2   BUFF UFLO EXDEF LCOL LCAR RTRY   TDR (25-16, 970A)    -             TRC (3-0)
//   TMD3   free for the host
//
//   style 0, 8 bytes of four half-words, here as two words
//          31   30   29   28    27   26  25  24  23-16             15-0
//   word 0 OWN ... as above ...          STP ENP address (23-16)   address (15-0)
//   word 1 RMD: MCNT (27-16)  TMD: BUFF ... RTRY, TDR (25-16)      1111, BCNT (11-0)
//
// BCNT is the two's complement of the buffer's length in 12 bits. The upper byte of the status is the same in every
// style, so status() speaks of RMD1 and TMD1 bits whatever the style.

/**
 * SWSTYLE of CSR58 and BCR20: 0 is the LANCE's 16-bit structures with 24-bit addresses, 2 has 32-bit structures, 3 has
 * them ordered so that the chip can burst.
 */
export type SoftwareStyle = 0 | 2 | 3;

/** RMD1: receive status. */
export const RMD1 = {
  OWN: 0x80000000, // the controller's
  ERR: 0x40000000, // FRAM, OFLO, CRC, BUFF or BPE
  FRAM: 0x20000000, // no whole number of bytes, and the FCS is wrong
  OFLO: 0x10000000, // the FIFO overflowed
  CRC: 0x08000000, // FCS is wrong
  BUFF: 0x04000000, // the next descriptor of the chain was not the controller's
  STP: 0x02000000, // first buffer of a frame
  ENP: 0x01000000, // last buffer of a frame
  BPE: 0x00800000, // parity error on the bus
  PAM: 0x00400000, // matched the physical address
  LAFM: 0x00200000, // matched the logical address filter
  BAM: 0x00100000, // matched broadcast
  ONES: 0x0000f000, // written as ones
  BCNT: 0x00000fff, // minus the length of the buffer
} as const;

/** RMD2: receive counts. */
export const RMD2 = {
  RCC: 0xff000000, // collisions seen since the last frame received
  RPC: 0x00ff0000, // runts seen since the last frame received
  MCNT: 0x00000fff, // bytes of the frame with FCS, unless stripped
} as const;

/** TMD1: transmit command and status. */
export const TMD1 = {
  OWN: 0x80000000, // the controller's
  ERR: 0x40000000, // UFLO, LCOL, LCAR, RTRY or BPE
  ADD_FCS: 0x20000000, // append an FCS to this frame in spite of DXMTFCS
  MORE: 0x10000000, // status: more than one retry; on the way to the chip it is LTINT
  ONE: 0x08000000, // exactly one retry
  DEF: 0x04000000, // had to wait for the medium
  STP: 0x02000000, // first buffer of a frame
  ENP: 0x01000000, // last buffer of a frame
  BPE: 0x00800000, // parity error on the bus
  ONES: 0x0000f000, // written as ones
  BCNT: 0x00000fff, // minus the length of the buffer
} as const;
/** TMD1 bit 28 on the way to the chip: with LTINTEN, only this descriptor interrupts. */
export const TMD1_LTINT = 0x10000000;

/** TMD2: transmit errors. */
export const TMD2 = {
  BUFF: 0x80000000, // the chain ended in a descriptor that was not the controller's
  UFLO: 0x40000000, // the FIFO ran empty
  EXDEF: 0x20000000, // waited for the medium too long
  LCOL: 0x10000000, // collision after the slot time
  LCAR: 0x08000000, // no carrier
  RTRY: 0x04000000, // sixteen tries failed
  TDR: 0x03ff0000, // time domain reflectometry (970A)
  TRC: 0x0000000f, // retries
} as const;

const { OWN } = RMD1;
const ONES = 0xf000;
const COUNT_MASK = 0x0fff;
const FLAGS = 0x7f000000;

/** Bytes of a descriptor; the ring starts on a multiple of it. */
export function descriptorBytes(style: SoftwareStyle): number {
  return style === 0 ? 8 : 16;
}

/** Word of a descriptor that holds the buffer address (styles 2 and 3). */
export function addressWord(style: SoftwareStyle): number {
  return style === 3 ? 2 : 0;
}

/** Word of a descriptor that holds RMD2 or TMD2 (styles 2 and 3). */
export function extraWord(style: SoftwareStyle): number {
  return style === 3 ? 0 : 2;
}

/** The low 12 bits of a length's two's complement under four ones, as BCNT wants it; 1 to 4096 bytes. */
function byteCount(bytes: number): number {
  return ONES | (-bytes & COUNT_MASK);
}

/** What both kinds of ring have: place in memory, style and the OWN bit. */
class DescriptorRing {
  readonly words: Uint32Array;
  /** Physical address of descriptor 0. */
  readonly address: number;
  readonly count: number;
  readonly style: SoftwareStyle;
  protected readonly base: number;
  protected readonly shift: number;
  /** Offsets in words of the status, the address and the extra word. */
  protected readonly statusAt: number;
  protected readonly addressAt: number;
  protected readonly extraAt: number;

  /** `words`: the host's memory from physical address 0; `address`: of descriptor 0 in it. */
  constructor(words: Uint32Array, address: number, count: number, style: SoftwareStyle) {
    const size = descriptorBytes(style);
    if (address % size !== 0)
      throw new RangeError(`ring at 0x${address.toString(16)}: must be a multiple of ${size}`);
    if (count < 1 || count > 65535) throw new RangeError(`ring of ${count} descriptors: must be 1 to 65535`);
    if (address + count * size > words.length * 4) throw new RangeError('ring lies outside memory');
    this.words = words;
    this.address = address;
    this.count = count;
    this.style = style;
    this.base = address >>> 2;
    this.shift = style === 0 ? 1 : 2;
    this.statusAt = this.base + (style === 0 ? 0 : 1);
    this.addressAt = this.base + addressWord(style);
    this.extraAt = this.base + (style === 0 ? 1 : extraWord(style));
  }

  /** The controller owns it: hands off. */
  owned(index: number): boolean {
    return (this.words[this.statusAt + (index << this.shift)] & OWN) !== 0;
  }

  /** Gives a prepared descriptor to the controller. From here the controller owns it and its buffer. */
  give(index: number): void {
    this.words[this.statusAt + (index << this.shift)] |= OWN;
  }

  /** Takes a descriptor back from a controller that is stopped. */
  take(index: number): void {
    this.words[this.statusAt + (index << this.shift)] &= ~OWN;
  }

  /** RMD1 or TMD1 without the byte count; in style 0 the bits below ENP do not exist and are 0. */
  status(index: number): number {
    const word = this.words[this.statusAt + (index << this.shift)];
    return (word & (this.style === 0 ? 0xff000000 : 0xfff00000)) >>> 0;
  }

  /** Physical address of the buffer. */
  bufferAddress(index: number): number {
    const word = this.words[this.addressAt + (index << this.shift)];
    return this.style === 0 ? word & 0x00ffffff : word;
  }

  /** Length of the buffer, from BCNT. */
  bufferBytes(index: number): number {
    const at = index << this.shift;
    const word = this.words[(this.style === 0 ? this.extraAt : this.statusAt) + at];
    return 4096 - (word & COUNT_MASK);
  }

  /** Zeroes a descriptor: owned by the host, no buffer. */
  clear(index: number): void {
    const at = this.base + (index << this.shift);
    const words = this.style === 0 ? 2 : 4;
    for (let word = 0; word < words; word++) this.words[at + word] = 0;
  }

  /** Writes everything but OWN, which `give` stores last. */
  protected write(index: number, address: number, bytes: number, flags: number): void {
    const { words } = this;
    const at = index << this.shift;
    if (this.style === 0) {
      words[this.base + at] = (flags & FLAGS) | (address & 0x00ffffff);
      words[this.base + at + 1] = byteCount(bytes);
      return;
    }
    words[this.addressAt + at] = address;
    words[this.extraAt + at] = 0;
    words[this.statusAt + at] = (flags & FLAGS) | byteCount(bytes);
  }
}

/** A receive ring as a driver uses it: prepare, give; later owned, status, messageBytes. */
export class ReceiveRing extends DescriptorRing {
  /** Puts an empty buffer of 1 to 4096 bytes in place; the host still owns the descriptor. */
  prepare(index: number, address: number, bytes: number): void {
    this.write(index, address, bytes, 0);
  }

  /** MCNT: bytes of the frame, all its buffers together; valid with ENP and without ERR. */
  messageBytes(index: number): number {
    const word = this.words[this.extraAt + (index << this.shift)];
    return (this.style === 0 ? word >>> 16 : word) & COUNT_MASK;
  }

  /** RPC: runts since the last frame received; 0 in style 0, which has no such field. */
  runts(index: number): number {
    return this.style === 0 ? 0 : (this.words[this.extraAt + (index << this.shift)] >>> 16) & 0xff;
  }

  /** RCC: collisions since the last frame received; 0 in style 0. */
  collisions(index: number): number {
    return this.style === 0 ? 0 : this.words[this.extraAt + (index << this.shift)] >>> 24;
  }
}

/** A transmit ring as a driver uses it: prepare every descriptor of a frame, give the first one last. */
export class TransmitRing extends DescriptorRing {
  /** Puts a buffer of 1 to 4096 bytes in place; `flags` of STP, ENP, ADD_FCS, LTINT. The host still owns it. */
  prepare(index: number, address: number, bytes: number, flags: number): void {
    this.write(index, address, bytes, flags);
  }

  /** TMD2: why a frame with ERR failed; the low four bits count retries in styles 2 and 3. */
  errors(index: number): number {
    const word = this.words[this.extraAt + (index << this.shift)];
    return this.style === 0 ? (word & 0xffff0000) >>> 0 : word;
  }
}
