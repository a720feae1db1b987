// The serial EEPROM beside an 8255x: a 93C46 (64 words) or 93C66 (256 words) on four pins that software moves one by one
// through the EEPROM control register (chapter 5 and 6.3.4), and what Intel's adapters keep in it.
//
//   word 0-2   MAC address, low byte first          word 0a      identification: bits 15 and 14 are 01 when valid
//   word 3     compatibility bits                   word 0b, 0c  subsystem, subsystem vendor
//   word 5     controller type | connectors         last word    makes the sum of all words 0xbaba
//   word 6     PHY: device code | address
//
//   command: CS up, 1, opcode (2 bits), address (6 or 8 bits), data. Bits are taken at rising edges of SK. DO says 0 at
//   the last address bit of a read (the dummy bit), by which drivers find out how long the address is.

import { EEPROM_CONTROL } from './sheet.ts';

const { EEDO, EEDI, EECS, EESK } = EEPROM_CONTROL;

export const CHECKSUM = 0xbaba;
const COMPATIBILITY = 0x0003;
/** RJ-45. */
const CONNECTORS = 0x01;
/** PHY device code 7 (82555) at address 1. */
const PRIMARY_PHY = 0x4701;
/** Signature 01 in the upper two bits. */
const IDENTIFICATION = 0x4000;
const PCI_VENDOR_INTEL = 0x8086;

/** Words of an adapter's EEPROM. */
export function eepromWords(
  words: number,
  mac: ArrayLike<number>,
  controllerType: number,
  subsystemId: number,
): Uint16Array {
  const content = new Uint16Array(words);
  for (let i = 0; i < 3; i++) content[i] = mac[2 * i] | (mac[2 * i + 1] << 8);
  content[0x03] = COMPATIBILITY;
  content[0x05] = (controllerType << 8) | CONNECTORS;
  content[0x06] = PRIMARY_PHY;
  if (subsystemId !== 0) {
    content[0x0a] = IDENTIFICATION;
    content[0x0b] = subsystemId;
    content[0x0c] = PCI_VENDOR_INTEL;
  }
  content[words - 1] = CHECKSUM - content.reduce((sum, word) => sum + word, 0);
  return content;
}

const WORD_BITS = 16;
/** Opcodes, without the start bit. */
const SPECIAL = 0;
const WRITE = 1;
const READ = 2;
const ERASE = 3;
/** Upper two address bits of SPECIAL. */
const WRITE_DISABLE = 0;
const WRITE_ALL = 1;
const ERASE_ALL = 2;
const WRITE_ENABLE = 3;

export class Eeprom {
  readonly words: Uint16Array;
  private readonly addressBits: number;
  /** Opcode and address. */
  private readonly headBits: number;
  /** Pins that software drives: EEDI, EECS, EESK. */
  pins = 0;
  /** What DO says: 1 when it is not driven. */
  out = 1;
  /** Taken since the start bit; -1 while there was none. */
  bits = -1;
  head = 0;
  data = 0;
  writeEnabled = false;

  /** `words`: 64 or 256 of them; it keeps and changes them. */
  constructor(words: Uint16Array) {
    this.words = words;
    this.addressBits = words.length === 256 ? 8 : 6;
    this.headBits = 2 + this.addressBits;
  }

  /** The EEPROM control register. */
  read(): number {
    return this.pins | (this.out !== 0 ? EEDO : 0);
  }

  write(value: number): void {
    const old = this.pins;
    const pins = value & (EEDI | EECS | EESK);
    this.pins = pins;
    if ((pins & EECS) === 0) {
      if ((old & EECS) !== 0) this.deselected();
    } else if ((pins & EESK) !== 0 && (old & EESK) === 0) this.clock((pins & EEDI) !== 0 ? 1 : 0);
  }

  private get opcode(): number {
    return this.head >>> this.addressBits;
  }

  private clock(bit: number): void {
    const { headBits } = this;
    if (this.bits < 0) {
      if (bit === 0) return;
      this.bits = 0;
      this.head = 0;
      this.data = 0;
      return;
    }
    this.bits++;
    if (this.bits <= headBits) {
      this.head = (this.head << 1) | bit;
      if (this.bits === headBits && this.opcode === READ) this.out = 0;
    } else if (this.opcode === READ) this.readBit(this.bits - headBits - 1);
    else if (this.bits <= headBits + WORD_BITS) this.data = (this.data << 1) | bit;
    // A clock that never ends stays within the number's range.
    if (this.bits > headBits + WORD_BITS * this.words.length) this.bits -= WORD_BITS * this.words.length;
  }

  /** Data bit `index`, high one first; the next words follow. */
  private readBit(index: number): void {
    const { words, head } = this;
    const address = (head + (index >>> 4)) & (words.length - 1);
    this.out = (words[address] >>> (15 - (index & 15))) & 1;
  }

  /** CS falls: a complete command is carried out, at once: the EEPROM is never seen busy. */
  private deselected(): void {
    const { bits, headBits, words, data } = this;
    this.bits = -1;
    this.out = 1;
    if (bits < headBits) return;
    const address = this.head & (words.length - 1);
    const whole = bits >= headBits + WORD_BITS;
    switch (this.opcode) {
      case WRITE:
        if (this.writeEnabled && whole) words[address] = data;
        return;
      case ERASE:
        if (this.writeEnabled) words[address] = 0xffff;
        return;
      case SPECIAL:
        this.special(address >>> (this.addressBits - 2), whole);
    }
  }

  private special(what: number, whole: boolean): void {
    if (what === WRITE_ENABLE) this.writeEnabled = true;
    else if (what === WRITE_DISABLE) this.writeEnabled = false;
    else if (!this.writeEnabled) return;
    else if (what === ERASE_ALL) this.words.fill(0xffff);
    else if (what === WRITE_ALL && whole) this.words.fill(this.data);
  }
}
