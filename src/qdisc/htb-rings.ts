// htb's lists of who may send: rings of classes, one for each level and priority (classes that may send by themselves) and one
// for each inner class and priority (children that borrow from it). A class is in at most one ring of a priority at a time.
//
//   row(level, prio):   ─► A ⇄ B ⇄ C ─┐        turn: whose turn it is
//                       └─────────────┘        first: where a round begins and ends

/** Priorities: 0 is served first. */
export const PRIOS = 8;
const NONE = -1;

/** Rings by number; members are numbers below `members`. All arrays grow by doubling. */
export class Rings {
  private turns: Int32Array;
  private firsts: Int32Array;
  private next: Int32Array;
  private previous: Int32Array;
  /** Who left a ring in its turn, and has it again when it is back before anybody else was asked for. */
  private lost: Int32Array;

  constructor(rings: number, members: number) {
    this.turns = new Int32Array(rings).fill(NONE);
    this.firsts = new Int32Array(rings).fill(NONE);
    this.next = new Int32Array(members).fill(NONE);
    this.previous = new Int32Array(members).fill(NONE);
    this.lost = new Int32Array(rings).fill(NONE);
  }

  grow(rings: number, members: number): void {
    this.turns = grown(this.turns, rings);
    this.firsts = grown(this.firsts, rings);
    this.next = grown(this.next, members);
    this.previous = grown(this.previous, members);
    this.lost = grown(this.lost, rings);
  }

  isEmpty(ring: number): boolean {
    return this.turns[ring] === NONE;
  }

  /** Whose turn it is. */
  turn(ring: number): number {
    this.lost[ring] = NONE;
    return this.turns[ring];
  }

  /** At the end of the round. */
  add(ring: number, member: number): void {
    const { turns, firsts, next, previous } = this;
    const first = firsts[ring];
    if (first === NONE) {
      turns[ring] = member;
      firsts[ring] = member;
      next[member] = member;
      previous[member] = member;
      return;
    }
    const last = previous[first];
    next[last] = member;
    previous[member] = last;
    next[member] = first;
    previous[first] = member;
    if (this.lost[ring] === member) turns[ring] = member;
  }

  remove(ring: number, member: number): void {
    const { turns, firsts, next, previous } = this;
    if (turns[ring] === member) this.lost[ring] = member;
    if (next[member] === member) {
      turns[ring] = NONE;
      firsts[ring] = NONE;
    } else {
      if (turns[ring] === member) turns[ring] = next[member];
      if (firsts[ring] === member) firsts[ring] = next[member];
      next[previous[member]] = next[member];
      previous[next[member]] = previous[member];
    }
    next[member] = NONE;
    previous[member] = NONE;
  }

  /** The next one's turn; true when a new round begins with it. */
  advance(ring: number): boolean {
    const { turns, firsts, next } = this;
    if (turns[ring] === NONE) return true;
    turns[ring] = next[turns[ring]];
    return turns[ring] === firsts[ring];
  }

  clear(): void {
    this.turns.fill(NONE);
    this.firsts.fill(NONE);
    this.next.fill(NONE);
    this.previous.fill(NONE);
    this.lost.fill(NONE);
  }
}

function grown(from: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length).fill(NONE);
  to.set(from);
  return to;
}
