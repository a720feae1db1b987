// A card as the verifier sees it, from outside: its register accesses, its interrupt line, the frames on its wire. What kind
// of card it is nobody asks.

import type { Dma, Width } from '../bus/host.ts';
import { LocalFunction } from '../bus/local-function.ts';
import type { PciFunction } from '../bus/pci.ts';
import { COMMAND_INTX_DISABLE, PCI_COMMAND } from '../bus/pci-config.ts';
import type { TestCard } from '../iopkt/testing-card.ts';
import type { Random } from '../kernel/random.ts';
import type { Frame, FramePool } from '../wire/frame.ts';
import type { Medium, Station } from '../wire/medium.ts';

/** Writes of a card up to so long are status and no frames. */
const STATUS_BYTES = 16;
/** Of its words that are not true. */
const LIES = 0.25;

export interface Card {
  readonly mac: Uint8Array;
  /** Register accesses so far. */
  accesses: number;
  /** Called before each takes effect. */
  onAccess: ((register: number, write: boolean) => void) | null;
  /** Called when it reaches for memory: always for frames to send, and whatever else goes by DMA. */
  onDma: ((address: number, length: number) => void) | null;
  /** Frames that left it, oldest first. */
  readonly sent: Uint8Array[];
  /** A frame arrives, now; lost without a link. */
  deliver(bytes: Uint8Array): void;
  /** The cable is plugged in, or pulled out. */
  setLink(up: boolean): void;
  /** From now on what it tells of its work is wrong now and then, by this chance; null: right again. */
  lie(random: Random | null): void;
  /** The card is pulled out of its slot: nobody answers any more. */
  pull(): void;
}

// ---- chips of ours

/** Sits between a model and its bus, and between it and its wire. */
export class ModelCard implements Card {
  readonly mac: Uint8Array;
  accesses = 0;
  onAccess: ((register: number, write: boolean) => void) | null = null;
  onDma: ((address: number, length: number) => void) | null = null;
  readonly sent: Uint8Array[] = [];
  /** Set when the subject is there. */
  plug: (up: boolean) => void = () => {};
  private pulled = false;
  private liar: Random | null = null;
  private card: PciFunction | null = null;
  private wire: CardWire | null = null;

  constructor(mac: Uint8Array) {
    this.mac = mac;
  }

  onBus(card: PciFunction): PciFunction {
    this.card = card;
    if (card instanceof LocalFunction) this.watchDma(card.dma);
    const ones = (width: Width): number => (2 ** (8 * width) - 1) >>> 0;
    return {
      readConfig: (offset, width) => (this.pulled ? ones(width) : card.readConfig(offset, width)),
      writeConfig: (offset, width, value) => {
        if (!this.pulled) card.writeConfig(offset, width, value);
      },
      readBar: (bar, offset, width) => {
        this.touch(offset, false);
        return this.pulled ? ones(width) : card.readBar(bar, offset, width);
      },
      writeBar: (bar, offset, width, value) => {
        this.touch(offset, true);
        if (!this.pulled) card.writeBar(bar, offset, width, value);
      },
    };
  }

  private watchDma(dma: Dma): void {
    // Models copy from memory by themselves, and ask first whether anybody answers there.
    const { answers } = dma;
    dma.answers = (address, length) => {
      this.onDma?.(address, length);
      return answers.call(dma, address, length);
    };
    const { wrote } = dma;
    dma.wrote = (address, length) => {
      // A descriptor's status, in the driver's memory.
      if (this.liar !== null && length <= STATUS_BYTES && this.liar.chance(LIES))
        dma.memory.u8[address + this.liar.below(length)] ^= 1 + this.liar.below(255);
      wrote.call(dma, address, length);
    };
  }

  onWire(medium: Medium): Medium {
    this.wire = new CardWire(medium, this.sent);
    return this.wire;
  }

  deliver(bytes: Uint8Array): void {
    this.wire?.deliver(bytes);
  }

  setLink(up: boolean): void {
    this.plug(up);
  }

  lie(random: Random | null): void {
    this.liar = random;
  }

  /** Decoding, DMA and the interrupt pin end. */
  pull(): void {
    this.card?.writeConfig(PCI_COMMAND, 2, COMMAND_INTX_DISABLE);
    this.pulled = true;
  }

  private touch(offset: number, write: boolean): void {
    this.accesses++;
    this.onAccess?.(offset, write);
  }
}

/** The card's end of its cable: what leaves is kept, and frames arrive without a journey. */
class CardWire implements Medium {
  private readonly medium: Medium;
  private readonly sent: Uint8Array[];
  private station: Station | null = null;

  constructor(medium: Medium, sent: Uint8Array[]) {
    this.medium = medium;
    this.sent = sent;
  }

  get name(): string {
    return this.medium.name;
  }

  get pool(): FramePool {
    return this.medium.pool;
  }

  get carrier(): boolean {
    return this.medium.carrier;
  }

  get bitsPerSecond(): number {
    return this.medium.bitsPerSecond;
  }

  get fullDuplex(): boolean {
    return this.medium.fullDuplex;
  }

  attach(station: Station | null): void {
    this.station = station;
    this.medium.attach(station);
  }

  send(frame: Frame): void {
    if (this.medium.carrier) this.sent.push(frame.bytes().slice());
    this.medium.send(frame);
  }

  deliver(bytes: Uint8Array): void {
    if (this.medium.carrier) this.station?.receive(this.medium.pool.from(bytes));
  }
}

// ---- the made-up card

/** Filters by address, as a card does: the made-up one leaves that to its wire. */
export class MadeUpCard implements Card {
  readonly mac: Uint8Array;
  readonly card: TestCard;
  accesses = 0;
  onAccess: ((register: number, write: boolean) => void) | null = null;
  onDma: ((address: number, length: number) => void) | null = null;
  private link = true;

  constructor(card: TestCard) {
    this.card = card;
    this.mac = card.mac;
    card.onAccess = (register, write) => {
      this.accesses++;
      this.onAccess?.(register, write);
    };
    card.onRead = (address, length) => this.onDma?.(address, length);
  }

  get sent(): Uint8Array[] {
    return this.card.frames;
  }

  deliver(bytes: Uint8Array): void {
    if (this.link && this.accepts(bytes)) this.card.arrive(bytes);
  }

  lie(random: Random | null): void {
    this.card.tell =
      random === null
        ? null
        : (length) => (random.chance(LIES) ? length ^ (1 << random.below(31)) || length : length);
  }

  setLink(up: boolean): void {
    this.link = up;
    this.card.setLink(up);
  }

  pull(): void {
    this.card.pull();
  }

  private accepts(bytes: Uint8Array): boolean {
    const { card } = this;
    const to = bytes.subarray(0, 6);
    if (card.promiscuous || to.every((octet) => octet === 0xff)) return true;
    if ((to[0] & 1) === 0) return to.every((octet, i) => octet === card.mac[i]);
    return card.filter.some((range) => {
      const [low, high] = range.split('-').map((text) => text.split(',').map(Number));
      return !less(to, low) && !less(high, to);
    });
  }
}

function less(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < 6; i++) if (a[i] !== b[i]) return a[i] < b[i];
  return false;
}
