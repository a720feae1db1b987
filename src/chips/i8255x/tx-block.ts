// A transmit command block read from memory: where its bytes are, in simplified and flexible mode, with TBD arrays and
// the extended TxCBs of the 82558 (6.4.2.5). Everything in it is the driver's word: counts and addresses are checked, and
// a TBD array has at most 255 entries, however it is made.

import { copyBytes } from '../../kernel/copy.ts';
import { FRAME_START, type Frame, MAX_FRAME_BYTES } from '../../wire/frame.ts';
import { CB, COMMAND, SIMPLIFIED_TBD_ARRAY, TBD, TBD_BYTES, TX_COUNT } from './blocks.ts';
import type { Core } from './core.ts';

/** What `read` found. */
export const TX_BLOCK = {
  FRAME: 0,
  /** Something is out of reach. */
  FAULT: 1,
  /** The TBDs ended before the frame did, or there is not one byte. */
  UNDERRUN: 2,
  /** More than a wire frame holds. */
  OVERSIZE: 3,
} as const;

const { FRAME, FAULT, UNDERRUN, OVERSIZE } = TX_BLOCK;
const { NC, SF } = COMMAND;

/** A TBD number is a byte; with immediate data there is one piece more. */
const MAX_TBDS = 255;
/** TBDs inside an extended TxCB. */
const INNER_TBDS = 2;
const FCS_BYTES = 4;
const MINIMUM_BYTES = 60;
const SOURCE_AT = 6;
const ADDRESS_BYTES = 6;

export class TxBlock {
  private readonly core: Core;
  /** The pieces of the frame. */
  private readonly addresses = new Uint32Array(MAX_TBDS + 1);
  private readonly sizes = new Uint16Array(MAX_TBDS + 1);
  private pieces = 0;
  private total = 0;
  private command = 0;
  /** Bytes that the frame will have, pad and FCS of its own included. */
  bytes = 0;

  constructor(core: Core) {
    this.core = core;
  }

  /** Reads the block at `at` with this command word; says what it is. */
  read(at: number, command: number): number {
    const { core } = this;
    this.command = command;
    this.pieces = 0;
    this.total = 0;
    const flexible = (command & SF) !== 0;
    const extended = flexible && core.extendedTcb;
    const head = extended ? CB.EXTENDED_DATA : CB.DATA;
    if (!core.reaches(at, head)) return FAULT;
    const immediate = core.read16(at + CB.BYTE_COUNT) & TX_COUNT.BYTES;
    if (!this.add(at + head, immediate)) return FAULT;
    if (flexible) {
      const found = this.readTbds(at, extended);
      if (found !== FRAME) return found;
    }
    const { total } = this;
    if (total === 0) return UNDERRUN;
    // A frame with its own FCS is sent as it is.
    const pads = total < MINIMUM_BYTES && core.padding && (command & NC) === 0;
    this.bytes = pads ? MINIMUM_BYTES : total;
    return total > MAX_FRAME_BYTES ? OVERSIZE : FRAME;
  }

  /** The frame that `read` found, from the medium's pool. */
  make(): Frame {
    const { core, total, bytes } = this;
    const frame = core.medium.pool.get(bytes);
    const { u8 } = frame;
    let offset = FRAME_START;
    for (let i = 0; i < this.pieces; i++) {
      copyBytes(core.memory, this.addresses[i], frame, offset, this.sizes[i]);
      offset += this.sizes[i];
    }
    if (bytes > total) u8.fill(0, FRAME_START + total, FRAME_START + bytes);
    if ((this.command & NC) !== 0) takeFcs(frame);
    else if (core.insertSource && total >= SOURCE_AT + ADDRESS_BYTES)
      for (let i = 0; i < ADDRESS_BYTES; i++) u8[FRAME_START + SOURCE_AT + i] = core.address[i];
    return frame;
  }

  private readTbds(at: number, extended: boolean): number {
    const { core } = this;
    const { memory, dynamicTbd } = core;
    const number = dynamicTbd ? MAX_TBDS : memory.u8[at + CB.TBD_NUMBER];
    const inner = extended ? INNER_TBDS : 0;
    let tbd = at + CB.DATA;
    for (let i = 0; i < number; i++, tbd += TBD_BYTES) {
      if (i === inner) {
        tbd = core.read32(at + CB.TBD_ARRAY);
        if (tbd === SIMPLIFIED_TBD_ARRAY) return dynamicTbd ? UNDERRUN : FRAME;
      }
      // Those inside the block came with it.
      if (i >= inner && !core.reaches(tbd, TBD_BYTES)) return FAULT;
      const address = core.read32(tbd);
      const word = core.read32(tbd + 4);
      // A null pointer says that the driver has not made this one yet: the frame cannot wait for it.
      if (dynamicTbd && address === 0) return UNDERRUN;
      if (!this.add(address, word & TBD.SIZE)) return FAULT;
      if (((word >>> 16) & TBD.EL) !== 0) return FRAME;
    }
    return dynamicTbd ? UNDERRUN : FRAME;
  }

  private add(address: number, size: number): boolean {
    if (size === 0) return true;
    if (!this.core.reaches(address, size)) return false;
    this.addresses[this.pieces] = address;
    this.sizes[this.pieces] = size;
    this.pieces++;
    this.total += size;
    return true;
  }
}

/** The last four bytes in memory are the sender's own FCS. */
function takeFcs(frame: Frame): void {
  const { u8 } = frame;
  const length = frame.length > FCS_BYTES ? frame.length - FCS_BYTES : 0;
  const at = FRAME_START + length;
  let fcs = 0;
  for (let i = 0; i < frame.length - length; i++) fcs |= u8[at + i] << (8 * i);
  frame.length = length;
  frame.fcs = fcs >>> 0;
  frame.fcsExplicit = true;
}
