// Queues of frames, for whoever holds some. FrameQueue is a list threaded through Frame.next: no allocation, and a frame
// is in one queue at most. FrameHeap gives frames back by Frame.time, equal times in the order they came.

import type { Frame, FramePool } from './frame.ts';

/** The next one to have a frame. */
export interface FrameSink {
  /** Takes the frame. */
  take(frame: Frame): void;
}

export class FrameQueue {
  length = 0;
  head: Frame | null = null;
  private tail: Frame | null = null;

  /** Takes a frame. */
  push(frame: Frame): void {
    if (this.tail === null) this.head = frame;
    else this.tail.next = frame;
    this.tail = frame;
    this.length++;
  }

  /** Returns the oldest frame, or null. */
  shift(): Frame | null {
    const frame = this.head;
    if (frame === null) return null;
    this.head = frame.next;
    if (this.head === null) this.tail = null;
    frame.next = null;
    this.length--;
    return frame;
  }

  /** Gives all of them back to the pool; says how many. */
  clear(pool: FramePool): number {
    const count = this.length;
    for (let frame = this.shift(); frame !== null; frame = this.shift()) pool.put(frame);
    return count;
  }
}

export class FrameHeap {
  private readonly frames: Frame[] = [];
  /** Order of arrival, beside `frames`: decides between equal times. */
  private readonly order: number[] = [];
  private arrivals = 0;

  get length(): number {
    return this.frames.length;
  }

  /** The frame with the least time, lent. */
  first(): Frame | null {
    return this.frames.length === 0 ? null : this.frames[0];
  }

  push(frame: Frame): void {
    const { frames, order } = this;
    const arrival = this.arrivals++;
    let index = frames.length;
    frames.push(frame);
    order.push(arrival);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (frames[parent].time <= frame.time) break; // the parent came earlier, so equal times stay
      frames[index] = frames[parent];
      order[index] = order[parent];
      index = parent;
    }
    frames[index] = frame;
    order[index] = arrival;
  }

  shift(): Frame | null {
    const { frames, order } = this;
    if (frames.length === 0) return null;
    const top = frames[0];
    const frame = frames.pop() as Frame;
    const arrival = order.pop() as number;
    const count = frames.length;
    if (count > 0) {
      let index = 0;
      for (let child = 1; child < count; child = 2 * index + 1) {
        if (child + 1 < count && this.before(child + 1, frames[child].time, order[child])) child++;
        if (!this.before(child, frame.time, arrival)) break;
        frames[index] = frames[child];
        order[index] = order[child];
        index = child;
      }
      frames[index] = frame;
      order[index] = arrival;
    }
    return top;
  }

  private before(index: number, time: number, arrival: number): boolean {
    const other = this.frames[index].time;
    return other < time || (other === time && this.order[index] < arrival);
  }

  clear(pool: FramePool): number {
    const count = this.frames.length;
    for (const frame of this.frames) pool.put(frame);
    this.frames.length = 0;
    this.order.length = 0;
    return count;
  }
}
