// The serial EEPROM (93C46, 93C66 or 93C56), bit by bit through the EEPROM control register. Software Developer Manual
// 6.3.4 and chapter 5. Written words are not needed: it is only read. Both drivers of the chip do it with this.

import type { Registers } from '../../bus/registers.ts';
import { CSR, EEPROM_CONTROL } from '../../chips/i8255x/sheet.ts';

/** A card: all that is wanted of it. */
interface Card {
  readonly regs: Registers;
}

const { EEDO, EEDI, EECS, EESK } = EEPROM_CONTROL;

/** Start bit and opcode of a read. */
const READ = 0b110;
const READ_BITS = 3;
const WORD_BITS = 16;
const MOST_ADDRESS_BITS = 8;

/** Station address: words 0 to 2, low byte first. */
const WORD_ADDRESS = 0;
/** Primary PHY: its address in the low byte. */
const WORD_PHY = 6;

/** Bits of an address, by the dummy zero that follows the last of them; 0: no EEPROM answers. */
function addressBits(card: Card): number {
  select(card);
  shiftOut(card, READ, READ_BITS);
  let bits = 0;
  let answered = false;
  while (bits < MOST_ADDRESS_BITS && !answered) {
    answered = clock(card, 0) === 0;
    bits++;
  }
  // The word that it wants to say now is not waited for.
  deselect(card);
  return answered ? bits : 0;
}

function readWord(card: Card, bits: number, address: number): number {
  select(card);
  shiftOut(card, READ, READ_BITS);
  shiftOut(card, address, bits);
  let word = 0;
  for (let i = 0; i < WORD_BITS; i++) word = (word << 1) | clock(card, 0);
  deselect(card);
  return word;
}

/** The station address and where the PHY is (-1: it does not say); null: no EEPROM answers. */
export function speedo_read_eeprom(card: Card): { address: Uint8Array; phy: number } | null {
  const bits = addressBits(card);
  if (bits === 0) return null;
  const address = new Uint8Array(6);
  for (let i = 0; i < 3; i++) {
    const word = readWord(card, bits, WORD_ADDRESS + i);
    address[2 * i] = word;
    address[2 * i + 1] = word >> 8;
  }
  const phy = readWord(card, bits, WORD_PHY) & 0xff;
  return { address, phy: phy < 32 ? phy : -1 };
}

function select(card: Card): void {
  pins(card, 0);
  pins(card, EECS);
}

function deselect(card: Card): void {
  pins(card, 0);
}

function shiftOut(card: Card, value: number, bits: number): void {
  for (let i = bits - 1; i >= 0; i--) clock(card, (value >> i) & 1);
}

/** One bit in; what DO says after the rising edge. */
function clock(card: Card, bit: number): number {
  const data = EECS | (bit !== 0 ? EEDI : 0);
  pins(card, data);
  const out = pins(card, data | EESK);
  pins(card, data);
  return out;
}

/** Sets the pins; the read behind it takes the time that the EEPROM wants, and says what DO is. */
function pins({ regs }: Card, value: number): number {
  regs.write16(CSR.EEPROM_CONTROL, value);
  return (regs.read16(CSR.EEPROM_CONTROL) & EEDO) !== 0 ? 1 : 0;
}
