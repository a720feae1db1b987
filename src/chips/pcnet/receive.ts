// The receiver: address match, runts, pad stripping, descriptors. Data sheets 19436 and 21510, "Receive Operation",
// "Address Matching", "Receive Descriptor Table Entry"; layouts in ring.ts.
// The FIFO is not modelled: a frame arrives whole, so OFLO cannot happen. Frames on our wire have whole bytes, so FRAM
// cannot either. Look-ahead packet processing (LAPPEN) is left out.

import { copyBytes } from '../../kernel/copy.ts';
import { crc32Words } from '../../wire/crc32.ts';
import { FRAME_START, type Frame } from '../../wire/frame.ts';
import type { Core } from './core.ts';
import { RMD1 } from './ring.ts';
import { CSR, CSR0, CSR4, CSR5, CSR15 } from './sheet.ts';

const { OWN, ERR, CRC, BUFF, STP, ENP, PAM, LAFM, BAM } = RMD1;
const { RINT, MISS, RXON } = CSR0;
const { PROM, DRCVBC } = CSR15;
const { ASTRP_RCV, MFCO, RCVCCO } = CSR4;

const FCS_BYTES = 4;
/** Shortest frame without FCS. */
const MINIMUM_BYTES = 60;
/** Longest untagged frame without FCS. */
const MAXIMUM_BYTES = 1514;
const HEADER_BYTES = 14;
const ADDRESS_BYTES = 6;
/** Payload below which an 802.3 frame carries a pad. */
const UNPADDED_BYTES = 46;
const MCNT_MASK = 0xfff;
/** `match` says: not for us. */
const NO_MATCH = -1;

export class Receiver {
  private readonly core: Core;
  /** For RMD2: runts for this station and collisions seen since the last frame received; at most 255 are told. */
  runts = 0;
  collisions = 0;
  /** FCS of the frame at hand, low byte first, as a signed number. */
  private fcs = 0;

  constructor(core: Core) {
    this.core = core;
  }

  /** H_RESET. */
  reset(): void {
    this.runts = 0;
    this.collisions = 0;
  }

  /** A frame from the medium; lent, not taken. */
  receive(frame: Frame): void {
    const { core } = this;
    const { counters } = core;
    counters.received++;
    counters.receivedBytes += frame.length;
    if (core.rxOpen) this.accept(frame, core.runtsAccepted);
    else this.refuse(frame);
  }

  /** The chip's own frame in loopback, where runts are always accepted ("Loopback Operation"). */
  loop(frame: Frame): void {
    const { core } = this;
    core.counters.looped++;
    if ((core.csr0 & RXON) !== 0) this.accept(frame, true);
    else core.counters.rxOff++;
  }

  /** Names the reason for not listening; a Magic Packet is looked for here. */
  private refuse(frame: Frame): void {
    const { core } = this;
    const { counters } = core;
    if (!core.linkUp) counters.linkDown++;
    else if (core.magicPacketMode) {
      counters.magicPacketMode++;
      if (this.isMagicPacket(frame)) {
        core.csr5 |= CSR5.MPINT;
        core.updateInterrupt();
      }
    } else if ((core.csr0 & RXON) === 0 || (core.csr5 & CSR5.SPND) !== 0) counters.rxOff++;
    else counters.loopbackMode++;
  }

  private accept(frame: Frame, runtsAccepted: boolean): void {
    const { core } = this;
    const { counters } = core;
    const { length } = frame;
    if (length < MINIMUM_BYTES && !this.runtPasses(frame, runtsAccepted)) return;
    let flags = this.match(frame);
    if (flags === NO_MATCH) {
      counters.filtered++;
      return;
    }

    const { rx, memory } = core;
    const address = rx.base + rx.index * core.descriptorBytes;
    if (!core.reaches(address, core.descriptorBytes)) {
      counters.busError++;
      core.busFault();
      return;
    }
    const { u32 } = memory;
    const at = address >>> 2;
    const status = u32[at + core.statusWord];
    if ((status & OWN) === 0) {
      this.miss();
      return;
    }

    let total = length + FCS_BYTES;
    if ((core.csr4 & ASTRP_RCV) !== 0) total = strippedLength(frame);
    if (total > length) {
      this.fcs = frame.goodFcs();
      if (frame.fcsExplicit && (frame.fcs | 0) !== this.fcs) {
        this.fcs = frame.fcs | 0;
        flags |= ERR | CRC;
      }
    } else if (frame.damaged) flags |= ERR | CRC;

    const buffer = core.bufferAddress(at);
    if (total > core.bufferBytes(at)) {
      this.chain(frame, total, flags);
      return;
    }
    if (!core.dma.answers(buffer, total)) {
      counters.busError++;
      core.busFault();
      return;
    }
    if (total > length) {
      copyBytes(frame, FRAME_START, memory, buffer, length);
      const { u8 } = memory;
      const { fcs } = this;
      const end = buffer + length;
      u8[end] = fcs;
      u8[end + 1] = fcs >>> 8;
      u8[end + 2] = fcs >>> 16;
      u8[end + 3] = fcs >>> 24;
    } else copyBytes(frame, FRAME_START, memory, buffer, total);
    core.dma.wrote(buffer, total);
    this.finish(at, flags | STP | ENP, total);
    this.delivered(length, flags);
  }

  /** Writes MCNT and status; the driver may take the descriptor from the store of the status on. */
  private finish(at: number, flags: number, total: number): void {
    const { core } = this;
    const { u32 } = core.memory;
    if (core.style === 0) {
      u32[at + 1] = (u32[at + 1] & 0xffff) | ((total & MCNT_MASK) << 16);
      u32[at] = (u32[at] & 0x00ffffff) | (flags & 0x7f000000);
    } else {
      const runts = Math.min(this.runts, 255);
      const collisions = Math.min(this.collisions, 255);
      u32[at + core.extraWord] = (collisions << 24) | (runts << 16) | (total & MCNT_MASK);
      u32[at + core.statusWord] = (u32[at + core.statusWord] & 0x0000ffff) | flags;
    }
    core.dma.wrote(at * 4, core.descriptorBytes);
    core.rx.advance();
  }

  private delivered(length: number, flags: number): void {
    const { core } = this;
    const { counters } = core;
    this.runts = 0;
    this.collisions = 0;
    counters.delivered++;
    counters.deliveredBytes += length;
    if ((flags & CRC) !== 0) counters.crcErrors++;
    if (length > MAXIMUM_BYTES) counters.giants++;
    core.raise(RINT);
  }

  /**
   * A frame longer than its buffer goes on in the next descriptor. When that one is not ours, the frame ends there with
   * BUFF and without ENP ("RMD1", BUFF). A ring is used at most once per frame.
   */
  private chain(frame: Frame, total: number, flags: number): void {
    const { core } = this;
    const { counters, memory, rx } = core;
    const { u32 } = memory;
    let offset = 0;
    for (let step = 1; ; step++) {
      const at = core.descriptorAddress(rx, rx.index) >>> 2;
      const buffer = core.bufferAddress(at);
      const room = core.bufferBytes(at);
      const bytes = Math.min(room, total - offset);
      if (!core.reaches(buffer, bytes)) {
        counters.busError++;
        core.busFault();
        return;
      }
      this.copyPart(frame, offset, bytes, buffer);
      const first = offset === 0 ? STP : 0;
      offset += bytes;
      if (offset === total) {
        this.finish(at, flags | first | ENP, total);
        this.delivered(frame.length, flags);
        return;
      }
      const next = core.descriptorAddress(rx, rx.at(1));
      if (!core.reaches(next, core.descriptorBytes)) {
        counters.busError++;
        core.busFault();
        return;
      }
      if (step === rx.length || (u32[(next >>> 2) + core.statusWord] & OWN) === 0) {
        this.finish(at, first | ERR | BUFF, 0);
        counters.bufferError++;
        core.raise(RINT);
        return;
      }
      this.release(at, first);
    }
  }

  /** Gives back a full buffer that is not the frame's last: only OWN, STP and ENP mean something in it. */
  private release(at: number, first: number): void {
    const { core } = this;
    const { u32 } = core.memory;
    const keep = core.style === 0 ? 0x00ffffff : 0x0000ffff;
    u32[at + core.statusWord] = (u32[at + core.statusWord] & keep) | first;
    core.dma.wrote(at * 4, core.descriptorBytes);
    core.rx.advance();
  }

  /** Copies bytes `offset` to `offset + bytes` of the frame with its FCS to memory. */
  private copyPart(frame: Frame, offset: number, bytes: number, buffer: number): void {
    const { memory, dma } = this.core;
    const data = offset < frame.length ? Math.min(bytes, frame.length - offset) : 0;
    copyBytes(frame, FRAME_START + offset, memory, buffer, data);
    for (let i = data; i < bytes; i++) {
      memory.u8[buffer + i] = this.fcs >>> (8 * (offset + i - frame.length));
    }
    dma.wrote(buffer, bytes);
  }

  /** No descriptor: the frame is lost, MISS is set and counted in CSR112. */
  private miss(): void {
    const { core } = this;
    core.counters.missed++;
    core.count(CSR.MFC, MFCO);
    core.raise(MISS);
    // With MISS set already, `raise` does not look at the rest.
    if ((core.csr4 & MFCO) !== 0) core.updateInterrupt();
  }

  /** Whether a short frame is received; the rest are counted for RMD2 when they are for this station. */
  private runtPasses(frame: Frame, accepted: boolean): boolean {
    const addressed = frame.length >= 6;
    if (accepted && addressed) return true;
    const { core } = this;
    core.counters.runt++;
    if (frame.fcsExplicit && (frame.fcs | 0) !== crc32Words(frame, FRAME_START, frame.length)) {
      // A fragment is what others' collision leaves.
      this.collisions++;
      core.count(CSR.RCC, RCVCCO);
      core.updateInterrupt();
    } else if (addressed && this.match(frame) !== NO_MATCH) this.runts++;
    return false;
  }

  /** PAM, LAFM or BAM for the destination address; 0 when only promiscuous mode lets it in; NO_MATCH. */
  private match(frame: Frame): number {
    const { core } = this;
    const low = frame.u32[0] >>> 16;
    const high = frame.u32[1];
    if (low === core.stationLow && high === core.stationHigh) return PAM;
    const mode = core.csr15;
    if ((low & 1) !== 0) {
      // With DRCVBC a broadcast is a multicast like any other and may pass the filter (RMD1, LAFM).
      if (low === 0xffff && high === 0xffffffff && (mode & DRCVBC) === 0) return BAM;
      // logicalAddressHash of the sheet, by table: this is done for every multicast frame.
      const hash = ~crc32Words(frame, FRAME_START, ADDRESS_BYTES) >>> 26;
      if ((core.csr[CSR.LADRF + (hash >> 4)] & (1 << (hash & 15))) !== 0) return LAFM;
    }
    return (mode & PROM) !== 0 ? 0 : NO_MATCH;
  }

  /** Six bytes of ones, then the station address sixteen times, anywhere ("Magic Packet Mode"). */
  private isMagicPacket(frame: Frame): boolean {
    const { core } = this;
    const flags = this.match(frame);
    if (flags === NO_MATCH || (flags !== PAM && (core.csr5 & CSR5.MPPLBA) === 0)) return false;
    const { u8 } = frame;
    const end = FRAME_START + frame.length;
    let ones = 0;
    for (let i = FRAME_START + 12; i < end; i++) {
      // Where enough ones were seen, sixteen addresses may begin here.
      if (ones >= 6 && end - i >= 96 && this.sixteenAddresses(u8, i)) return true;
      ones = u8[i] === 0xff ? ones + 1 : 0;
    }
    return false;
  }

  private sixteenAddresses(u8: Uint8Array, at: number): boolean {
    const { csr } = this.core;
    for (let i = 0; i < 96; i++) {
      const octet = i % 6;
      if (u8[at + i] !== ((csr[CSR.PADR + (octet >> 1)] >>> (8 * (octet & 1))) & 0xff)) return false;
    }
    return true;
  }
}

/**
 * Bytes of a frame that reach the host with ASTRP_RCV: an 802.3 length below 46 says how much is not pad, and pad and
 * FCS are left out; every other frame keeps its FCS ("Automatic Pad Stripping").
 */
function strippedLength(frame: Frame): number {
  const { u8, length } = frame;
  if (length >= HEADER_BYTES) {
    const payload = (u8[FRAME_START + 12] << 8) | u8[FRAME_START + 13];
    if (payload < UNPADDED_BYTES && HEADER_BYTES + payload <= length) return HEADER_BYTES + payload;
  }
  return length + FCS_BYTES;
}
