// Numbers by time: the earliest first, equal times by number. Each is there once at most, and can be taken out.

const OUT = -1;

export class TimeHeap {
  /** Of each number that is there, ns. */
  times: Float64Array;
  private heap: Int32Array;
  private places: Int32Array;
  private count = 0;

  constructor(numbers: number) {
    this.times = new Float64Array(numbers);
    this.heap = new Int32Array(numbers);
    this.places = new Int32Array(numbers).fill(OUT);
  }

  get length(): number {
    return this.count;
  }

  /** Room for so many numbers. */
  grow(numbers: number): void {
    const times = new Float64Array(numbers);
    const heap = new Int32Array(numbers);
    const places = new Int32Array(numbers).fill(OUT);
    times.set(this.times);
    heap.set(this.heap);
    places.set(this.places);
    this.times = times;
    this.heap = heap;
    this.places = places;
  }

  has(number: number): boolean {
    return this.places[number] !== OUT;
  }

  /** The earliest; -1: there is none. */
  get first(): number {
    return this.count === 0 ? OUT : this.heap[0];
  }

  /** Adds a number whose `times` entry has been set. */
  add(number: number): void {
    const at = this.count++;
    this.heap[at] = number;
    this.places[number] = at;
    this.up(at);
  }

  remove(number: number): void {
    const { heap, places } = this;
    const at = places[number];
    if (at === OUT) return;
    places[number] = OUT;
    const last = heap[--this.count];
    if (last === number) return;
    heap[at] = last;
    places[last] = at;
    this.up(at);
    this.down(places[last]);
  }

  clear(): void {
    this.count = 0;
    this.places.fill(OUT);
  }

  private before(a: number, b: number): boolean {
    const { times } = this;
    return times[a] < times[b] || (times[a] === times[b] && a < b);
  }

  private up(from: number): void {
    const { heap, places } = this;
    let at = from;
    const number = heap[at];
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(number, heap[parent])) break;
      heap[at] = heap[parent];
      places[heap[at]] = at;
      at = parent;
    }
    heap[at] = number;
    places[number] = at;
  }

  private down(from: number): void {
    const { heap, places, count } = this;
    let at = from;
    const number = heap[at];
    for (let child = 2 * at + 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count && this.before(heap[child + 1], heap[child])) child++;
      if (!this.before(heap[child], number)) break;
      heap[at] = heap[child];
      places[heap[at]] = at;
      at = child;
    }
    heap[at] = number;
    places[number] = at;
  }
}
