// The flows that wait for a time, soonest first: a binary heap of flow numbers in typed arrays. Of equal times the one that came
// first is first. Grows by doubling, allocates nothing else.

export class FlowTimes {
  length = 0;
  private flows = new Int32Array(64);
  private times = new Float64Array(64);
  private orders = new Float64Array(64);
  private order = 0;

  /** Flow of the earliest time; -1: none waits. */
  get first(): number {
    return this.length === 0 ? -1 : this.flows[0];
  }

  /** Ns; 0: none waits. */
  get firstTime(): number {
    return this.length === 0 ? 0 : this.times[0];
  }

  /** Puts in a flow that is not there, with the time `at[index]`. */
  push(flow: number, at: Float64Array, index: number): void {
    if (this.length === this.flows.length) this.grow();
    const { flows, times, orders } = this;
    const time = at[index];
    const order = this.order++;
    let here = this.length++;
    while (here > 0) {
      const parent = (here - 1) >> 1;
      if (times[parent] <= time) break;
      this.move(parent, here);
      here = parent;
    }
    flows[here] = flow;
    times[here] = time;
    orders[here] = order;
  }

  /** Takes out the first. */
  shift(): void {
    const { flows, times, orders } = this;
    const last = --this.length;
    const time = times[last];
    const order = orders[last];
    const flow = flows[last];
    let here = 0;
    for (;;) {
      let child = 2 * here + 1;
      if (child >= last) break;
      if (child + 1 < last && this.isBefore(child + 1, child)) child++;
      if (times[child] > time || (times[child] === time && orders[child] > order)) break;
      this.move(child, here);
      here = child;
    }
    flows[here] = flow;
    times[here] = time;
    orders[here] = order;
  }

  clear(): void {
    this.length = 0;
  }

  private isBefore(a: number, b: number): boolean {
    const { times, orders } = this;
    return times[a] < times[b] || (times[a] === times[b] && orders[a] < orders[b]);
  }

  private move(from: number, to: number): void {
    this.flows[to] = this.flows[from];
    this.times[to] = this.times[from];
    this.orders[to] = this.orders[from];
  }

  private grow(): void {
    const size = 2 * this.flows.length;
    const flows = new Int32Array(size);
    flows.set(this.flows);
    this.flows = flows;
    for (const name of ['times', 'orders'] as const) {
      const larger = new Float64Array(size);
      larger.set(this[name]);
      this[name] = larger;
    }
  }
}
