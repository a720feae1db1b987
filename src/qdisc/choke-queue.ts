// The queue of choke: a FIFO from whose middle packets are drawn at random and taken. A ring of places, with a hole where one was
// taken; when the ring is full, its packets move together.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Dice } from './dice.ts';

/** Draws that hit holes before the oldest packet is taken for drawn. */
const MOST_DRAWS = 32;

export class ChokeQueue {
  length = 0;
  /** Bytes. */
  backlog = 0;
  private places: (Mbuf | null)[] = new Array<Mbuf | null>(64).fill(null);
  private hashes = new Int32Array(64);
  /** First place with a packet, and number of places from there to the last; holes among them. */
  private head = 0;
  private span = 0;

  push(m: Mbuf, hash: number): void {
    if (this.span === this.places.length) this.makeRoom();
    const place = (this.head + this.span++) & (this.places.length - 1);
    m.nextPacket = null;
    this.places[place] = m;
    this.hashes[place] = hash;
    this.length++;
    this.backlog += m.packetLength;
  }

  shift(): Mbuf | null {
    return this.length === 0 ? null : this.take(this.head);
  }

  /** The place of a packet, each as likely as any other while holes are few; there must be packets. */
  draw(dice: Dice): number {
    for (let i = 0; i < MOST_DRAWS; i++) {
      const place = (this.head + Math.floor(dice.floats[dice.draw()] * this.span)) & (this.places.length - 1);
      if (this.places[place] !== null) return place;
    }
    return this.head;
  }

  /** The flow of the packet at that place. */
  hashAt(place: number): number {
    return this.hashes[place];
  }

  /** Takes the packet at that place, where one must be. */
  take(place: number): Mbuf {
    const m = this.places[place];
    if (m === null) throw new Error(`choke has no packet at place ${place}`);
    this.places[place] = null;
    this.length--;
    this.backlog -= m.packetLength;
    const mask = this.places.length - 1;
    if (this.length === 0) this.span = 0;
    while (this.span > 0 && this.places[this.head] === null) {
      this.head = (this.head + 1) & mask;
      this.span--;
    }
    while (this.span > 0 && this.places[(this.head + this.span - 1) & mask] === null) this.span--;
    return m;
  }

  /** Closes the holes; few there are, and it grows first. */
  private makeRoom(): void {
    const { places, hashes } = this;
    const mask = places.length - 1;
    if (2 * this.length > places.length) {
      this.places = new Array<Mbuf | null>(2 * places.length).fill(null);
      this.hashes = new Int32Array(2 * places.length);
      let to = 0;
      for (let i = 0; i < this.span; i++) {
        const from = (this.head + i) & mask;
        if (places[from] === null) continue;
        this.places[to] = places[from];
        this.hashes[to++] = hashes[from];
      }
      this.head = 0;
      this.span = to;
      return;
    }
    let to = 0;
    for (let i = 0; i < this.span; i++) {
      const from = (this.head + i) & mask;
      const m = places[from];
      if (m === null) continue;
      const target = (this.head + to++) & mask;
      places[from] = null;
      places[target] = m;
      hashes[target] = hashes[from];
    }
    this.span = to;
  }
}
