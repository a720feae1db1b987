// The clock of the kernel's packet scheduler, as far as tc's figures show it.

/** ns. */
const NS_PER_TICK = 64;

export function ticks(ns: number): number {
  return Math.trunc(ns / NS_PER_TICK);
}

/**
 * A bucket as tc prints it: it hands the kernel the time that it takes to send it, in whole microseconds and then whole ticks,
 * and gets its bytes back from that.
 */
export function inTicks(bytes: number, rate: number): number {
  const perUs = 1000 / NS_PER_TICK;
  const time = Math.floor(Math.floor((1e6 * bytes) / rate) * perUs);
  return Math.floor((rate * Math.floor(time / perUs)) / 1e6);
}
