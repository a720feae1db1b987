// The queue of a clock's events: a binary heap in an array.

import type { ClockEvent } from './clock.ts';

/** Binary heap of events by (when, sequence). Nothing is allocated once it has grown: the array never shrinks. */
export class EventHeap {
  private readonly events: (ClockEvent | null)[] = [];
  private count = 0;
  private sequence = 0;

  get size(): number {
    return this.count;
  }

  first(): ClockEvent | null {
    return this.count === 0 ? null : this.events[0];
  }

  arm(event: ClockEvent, when: number): void {
    const later = when >= event.when;
    event.when = when;
    this.place(event, later);
  }

  /** Puts an event whose `when` has been set where it belongs; `later`: than before, if it was armed. */
  place(event: ClockEvent, later: boolean): void {
    event.sequence = this.sequence++;
    if (event.heapIndex < 0) {
      event.heapIndex = this.count;
      this.events[this.count++] = event;
      this.up(event.heapIndex);
    } else if (later) {
      this.down(event.heapIndex);
    } else {
      this.up(event.heapIndex);
    }
  }

  remove(event: ClockEvent): void {
    const index = event.heapIndex;
    if (index < 0) return;
    event.heapIndex = -1;
    const last = this.events[--this.count] as ClockEvent;
    this.events[this.count] = null;
    if (last === event) return;
    this.events[index] = last;
    last.heapIndex = index;
    this.up(index);
    this.down(last.heapIndex);
  }

  private up(start: number): void {
    const { events } = this;
    const event = events[start] as ClockEvent;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const other = events[parent] as ClockEvent;
      if (!earlier(event, other)) break;
      events[index] = other;
      other.heapIndex = index;
      index = parent;
    }
    events[index] = event;
    event.heapIndex = index;
  }

  private down(start: number): void {
    const { events } = this;
    const event = events[start] as ClockEvent;
    const half = this.count >> 1;
    let index = start;
    while (index < half) {
      let child = 2 * index + 1;
      let other = events[child] as ClockEvent;
      if (child + 1 < this.count) {
        const right = events[child + 1] as ClockEvent;
        if (earlier(right, other)) {
          other = right;
          child++;
        }
      }
      if (!earlier(other, event)) break;
      events[index] = other;
      other.heapIndex = index;
      index = child;
    }
    events[index] = event;
    event.heapIndex = index;
  }
}

function earlier(a: ClockEvent, b: ClockEvent): boolean {
  return a.when < b.when || (a.when === b.when && a.sequence < b.sequence);
}
