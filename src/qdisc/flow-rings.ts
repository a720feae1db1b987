// New and old flows of fq: two lists of flow numbers, and what each flow is doing. Grows by doubling.

export const NO_FLOW = -1;
/** A list, and the place of a flow that is in it. */
export const NEW_FLOWS = 1;
export const OLD_FLOWS = 2;
const IDLE = 0;
const THROTTLED = 3;

export class FlowRings {
  private readonly firsts = new Int32Array(3).fill(NO_FLOW);
  private readonly lasts = new Int32Array(3).fill(NO_FLOW);
  private next = new Int32Array(64);
  private places = new Uint8Array(64);

  first(list: number): number {
    return this.firsts[list];
  }

  /** 0: it is idle. */
  place(flow: number): number {
    return flow < this.places.length ? this.places[flow] : IDLE;
  }

  setThrottled(flow: number): void {
    this.places[flow] = THROTTLED;
  }

  append(list: number, flow: number): void {
    if (flow >= this.next.length) this.grow(flow);
    const { next, firsts, lasts } = this;
    next[flow] = NO_FLOW;
    if (firsts[list] === NO_FLOW) firsts[list] = flow;
    else next[lasts[list]] = flow;
    lasts[list] = flow;
    this.places[flow] = list;
  }

  removeFirst(list: number): void {
    const { firsts, lasts } = this;
    const flow = firsts[list];
    firsts[list] = this.next[flow];
    if (firsts[list] === NO_FLOW) lasts[list] = NO_FLOW;
    this.places[flow] = IDLE;
  }

  clear(): void {
    this.firsts.fill(NO_FLOW);
    this.lasts.fill(NO_FLOW);
    this.places.fill(IDLE);
  }

  private grow(flow: number): void {
    const size = Math.max(flow + 1, 2 * this.next.length);
    const next = new Int32Array(size);
    next.set(this.next);
    this.next = next;
    const places = new Uint8Array(size);
    places.set(this.places);
    this.places = places;
  }
}
