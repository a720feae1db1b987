// The receive unit (RU): its states and commands (6.5.4), the address filter, and the receive frame descriptors (6.4.3);
// layouts in blocks.ts. A frame arrives whole, so no overrun can happen, and none has bits left over.
// Flexible mode (RBDs) and receive DMA redirection are left out: the manual does not describe the first.

import { copyBytes } from '../../kernel/copy.ts';
import { crc32Words } from '../../wire/crc32.ts';
import { FRAME_START, type Frame } from '../../wire/frame.ts';
import { RFD, RFD_COMMAND, RFD_COUNT, RFD_SIZE_MASK, RFD_STATUS } from './blocks.ts';
import { LOOPBACK } from './config.ts';
import type { Core } from './core.ts';
import { internetChecksum, isMacControl, strippedLength, tagged } from './frames.ts';
import { RUS, STAT_ACK, STATISTIC } from './sheet.ts';

const { IDLE, SUSPENDED, NO_RESOURCES, READY } = RUS;
const { C, OK, CRC, NO_SPACE, SHORT, TYPE, NO_ADDRESS_MATCH, NO_IA_MATCH, VLAN } = RFD_STATUS;
const { FR, RNR, ER } = STAT_ACK;
const { EL, S, H, SF } = RFD_COMMAND;
const { RX_GOOD, RX_CRC_ERRORS, RX_RESOURCE_ERRORS, RX_SHORT } = STATISTIC;

const FCS_BYTES = 4;
const CHECKSUM_BYTES = 2;
const ADDRESS_BYTES = 6;
/** Shortest and longest frame without FCS. */
const MINIMUM_BYTES = 60;
const MAXIMUM_BYTES = 1514;
const LONGEST_LENGTH = 1500;
const VLAN_TAG_BYTES = 4;
/** Destination and source, in front of a tag. */
const ADDRESSES_BYTES = 12;
/** `match` says: not for us. */
const NO_MATCH = -1;

export class Receiver {
  private readonly core: Core;
  /** Physical address of the descriptor that the next frame goes to. */
  rfd = 0;
  /** Looks at a MAC control frame; true: the frame is not stored. */
  onControl: (frame: Frame) => boolean = () => false;

  constructor(core: Core) {
    this.core = core;
  }

  // ---- commands

  /** RU start: the first descriptor is `link` from the RU base. */
  start(link: number): void {
    const { core } = this;
    this.rfd = (core.ruBase + link) >>> 0;
    // The RU reads its first descriptor ahead: a bad address shows here.
    if (core.reaches(this.rfd, RFD.DATA)) core.ruState = READY;
    else this.fault();
  }

  /** RU resume; false when the RU is not suspended. */
  resume(): boolean {
    const { core } = this;
    if (core.ruState !== SUSPENDED) return false;
    core.ruState = READY;
    return true;
  }

  /** RU abort. The caller updates the interrupt. */
  abort(): void {
    const { core } = this;
    if (core.ruState === READY) core.causes |= RNR;
    core.ruState = IDLE;
  }

  // ---- frames

  /** A frame from the medium; lent, not taken. */
  receive(frame: Frame): void {
    const { core } = this;
    const { counters } = core;
    counters.received++;
    counters.receivedBytes += frame.length;
    if (!core.linkUp) counters.linkDown++;
    else if (core.loopback === LOOPBACK.INTERNAL || core.loopback === LOOPBACK.EXTERNAL_PIN)
      counters.loopbackMode++;
    else this.accept(frame);
  }

  /** The chip's own frame in loopback. */
  loop(frame: Frame): void {
    this.core.counters.looped++;
    this.accept(frame);
  }

  private accept(frame: Frame): void {
    const { core } = this;
    const { counters } = core;
    if (core.seesControl && isMacControl(frame) && this.onControl(frame)) {
      counters.flowControl++;
      return;
    }
    let flags = frame.length < ADDRESS_BYTES ? NO_MATCH : this.match(frame);
    if (flags === NO_MATCH) {
      counters.filtered++;
      return;
    }
    const errors = this.errorsOf(frame);
    if (errors < 0) return;
    flags |= errors;
    if (core.ruState === READY) this.store(frame, flags);
    else this.refuse(errors);
  }

  /** Status bits of what is wrong with a frame; below 0 when it is dropped for it. Counts it either way. */
  private errorsOf(frame: Frame): number {
    const { core } = this;
    const { counters, statistics } = core;
    // A short frame is counted as that and nothing else (table 17).
    if (frame.length < MINIMUM_BYTES) {
      statistics[RX_SHORT]++;
      if (!core.discardShort) return SHORT;
      counters.runt++;
      return NO_MATCH;
    }
    if (frame.damaged) {
      statistics[RX_CRC_ERRORS]++;
      if (core.saveBad) return CRC;
      counters.crcError++;
      return NO_MATCH;
    }
    if (frame.length > MAXIMUM_BYTES && !core.longOk && !core.saveBad) {
      counters.tooLong++;
      return NO_MATCH;
    }
    return 0;
  }

  private refuse(errors: number): void {
    const { core } = this;
    const { counters } = core;
    if (core.ruState === NO_RESOURCES) {
      counters.noResources++;
      // Only good frames, unless bad ones would have been stored (table 17).
      if (errors === 0 || core.saveBad) core.statistics[RX_RESOURCE_ERRORS]++;
    } else if (core.ruState === SUSPENDED) counters.suspended++;
    else counters.idle++;
    core.updateInterrupt();
  }

  /** Stores the frame behind the descriptor at hand. */
  private store(frame: Frame, flags: number): void {
    const { core } = this;
    const { dma, memory, counters } = core;
    const at = this.rfd;
    const dataAt = at + (core.extendedRfd ? RFD.EXTENDED_DATA : RFD.DATA);
    if (!core.reaches(at, dataAt - at)) {
      this.lose();
      return;
    }
    const command = core.read16(at + RFD.COMMAND);
    const link = core.read32(at + RFD.LINK);
    if ((command & SF) !== 0)
      core.host.warn(
        `${core.model}: flexible receive descriptors are not modelled: taken as simplified ones`,
      );
    let space = core.read16(at + RFD.SIZE) & RFD_SIZE_MASK;
    // Nothing is ever written to a descriptor without space that ends the list: drivers wait there with an empty one.
    if (space === 0 && (command & EL) !== 0) {
      core.ruState = NO_RESOURCES;
      core.causes |= RNR;
      this.refuse(flags & (CRC | SHORT));
      return;
    }
    const header = (command & H) !== 0 ? core.headerBytes : 0;
    space += header;

    let hasTag = false;
    let cut = 0;
    let data = frame.length;
    let trailer = 0;
    // Stored as it came, unless it is configured otherwise.
    if (!core.storesPlainly) {
      hasTag = core.extendedRfd && tagged(frame);
      if (hasTag && core.vlanStrip) cut = VLAN_TAG_BYTES;
      data = (core.stripping ? strippedLength(frame) : frame.length) - cut;
      const whole = data === frame.length - cut;
      trailer = (whole && core.transferCrc ? FCS_BYTES : 0) + (core.checksum ? CHECKSUM_BYTES : 0);
    }
    const total = data + trailer;
    const stored = Math.min(total, space);
    if (!core.reaches(dataAt, stored)) {
      this.lose();
      return;
    }
    const body = Math.min(data, stored);
    if (cut === 0) copyBytes(frame, FRAME_START, memory, dataAt, body);
    else this.copyWithoutTag(frame, dataAt, body);
    if (body < stored) this.writeTrailer(frame, dataAt + body, stored - body, trailer);
    if (core.extendedRfd) this.writeExtension(frame, at, hasTag);

    if (total > space) flags |= NO_SPACE;
    if ((flags & (CRC | SHORT | NO_SPACE)) === 0 && (frame.length <= MAXIMUM_BYTES || core.longOk))
      flags |= OK;
    if (hasTag) flags |= VLAN;
    const { u8 } = frame;
    if (((u8[FRAME_START + 12] << 8) | u8[FRAME_START + 13]) > LONGEST_LENGTH) flags |= TYPE;
    // A header's bytes are not in the data area that the count is of.
    const counted = stored > header ? stored - header : 0;
    core.write16(at + RFD.ACTUAL_COUNT, RFD_COUNT.EOF | RFD_COUNT.F | counted);
    // From the store of the status on, the driver owns the descriptor.
    core.write16(at + RFD.STATUS, flags | C);
    dma.wrote(at, dataAt - at + stored);
    this.rfd = (core.ruBase + link) >>> 0;

    if (total > space) {
      counters.truncated++;
      core.statistics[RX_RESOURCE_ERRORS]++;
    } else this.delivered(frame, flags);
    this.finish(command, (flags & TYPE) === 0);
  }

  private delivered(frame: Frame, flags: number): void {
    const { core } = this;
    const { counters } = core;
    counters.delivered++;
    counters.deliveredBytes += frame.length;
    if ((flags & OK) !== 0) core.statistics[RX_GOOD]++;
    else if ((flags & CRC) !== 0) counters.savedCrcErrors++;
    else if ((flags & SHORT) !== 0) counters.savedShort++;
    else counters.savedLong++;
  }

  /** The RU's next state, and the interrupt. An early one (6.4.3) comes only for frames whose length is known. */
  private finish(command: number, hasLength: boolean): void {
    const { core } = this;
    core.causes |= FR;
    if (core.earlyReceive !== 0 && hasLength) core.causes |= ER;
    if ((command & EL) !== 0) {
      core.ruState = NO_RESOURCES;
      core.causes |= RNR;
    } else if ((command & S) !== 0) {
      core.ruState = SUSPENDED;
      core.causes |= RNR;
    }
    core.updateInterrupt();
  }

  /** Descriptor or data are out of reach. */
  private lose(): void {
    this.core.counters.busError++;
    this.fault();
    this.core.updateInterrupt();
  }

  private fault(): void {
    this.core.busFault();
    this.core.ruState = IDLE;
  }

  private copyWithoutTag(frame: Frame, dataAt: number, bytes: number): void {
    const { memory } = this.core;
    const head = Math.min(bytes, ADDRESSES_BYTES);
    copyBytes(frame, FRAME_START, memory, dataAt, head);
    const from = FRAME_START + ADDRESSES_BYTES + VLAN_TAG_BYTES;
    copyBytes(frame, from, memory, dataAt + head, bytes - head);
  }

  /** FCS and checksum behind the data, as much as there is room for. */
  private writeTrailer(frame: Frame, at: number, bytes: number, trailer: number): void {
    const { core } = this;
    const { u8 } = core.memory;
    const fcsBytes = trailer >= FCS_BYTES ? FCS_BYTES : 0;
    const fcs = fcsBytes === 0 ? 0 : frame.fcsExplicit ? frame.fcs | 0 : frame.goodFcs();
    const sum = trailer > fcsBytes ? internetChecksum(frame) : 0;
    for (let i = 0; i < bytes; i++)
      u8[at + i] = i < fcsBytes ? fcs >>> (8 * i) : sum >>> (8 * (i - fcsBytes));
  }

  /** The tag as it was on the wire; parser results say: not parsed. */
  private writeExtension(frame: Frame, at: number, hasTag: boolean): void {
    const { dma, memory } = this.core;
    const { u8 } = memory;
    for (let i = RFD.VLAN; i < RFD.EXTENDED_DATA; i++) u8[at + i] = 0;
    if (hasTag) {
      u8[at + RFD.VLAN] = frame.u8[FRAME_START + 14];
      u8[at + RFD.VLAN + 1] = frame.u8[FRAME_START + 15];
    }
    dma.wrote(at + RFD.VLAN, RFD.EXTENDED_DATA - RFD.VLAN);
  }

  /** Status bits for the destination address, or NO_MATCH. */
  private match(frame: Frame): number {
    const { core } = this;
    const low = frame.u32[0] >>> 16;
    const high = frame.u32[1];
    if ((low & core.stationMask) === core.stationLow && high === core.stationHigh) return 0;
    if ((low & 1) !== 0) {
      if (low === 0xffff && high === 0xffffffff) {
        if (core.broadcast) return NO_IA_MATCH;
      } else if (core.multicastAll || this.hashMatches(frame)) return NO_IA_MATCH;
    } else if (core.multiIa && this.hashMatches(frame)) return NO_IA_MATCH;
    return core.promiscuous ? NO_ADDRESS_MATCH | NO_IA_MATCH : NO_MATCH;
  }

  private hashMatches(frame: Frame): boolean {
    const { core } = this;
    if ((core.hashLow | core.hashHigh) === 0) return false;
    const bit = hashOf(crc32Words(frame, FRAME_START, ADDRESS_BYTES));
    return ((bit < 32 ? core.hashLow : core.hashHigh) & (1 << (bit & 31))) !== 0;
  }
}

/**
 * Which of 64 bits stands for an address: bits 2 to 7 of the transmit CRC register (6.4.2.4), which is not inverted and
 * shifts the other way than ours. `crc`: CRC-32 of the six octets.
 */
export function hashOf(crc: number): number {
  const register = ~crc;
  let bit = 0;
  for (let i = 0; i < 6; i++) bit |= ((register >>> (29 - i)) & 1) << i;
  return bit;
}
