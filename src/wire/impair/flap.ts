// A loose plug: takes the carrier away and gives it back by a schedule. Works on whatever has a carrier to set: a link,
// which both ends see, or an impaired medium.
//
//     firstDownNs  downNs  upNs    downNs
//     ────────────┐       ┌───────┐       ┌──────── ...
//                 └───────┘       └───────┘            `times` times

import { type Clock, ClockEvent } from '../../kernel/clock.ts';
import { checkFlap, type FlapOptions } from './options.ts';

export class Flap {
  /** How often it went down. */
  count = 0;
  private readonly clock: Clock;
  private readonly options: FlapOptions;
  private readonly target: { setCarrier(up: boolean): void };
  private readonly event: ClockEvent;
  private down = false;

  constructor(name: string, clock: Clock, options: FlapOptions, target: { setCarrier(up: boolean): void }) {
    checkFlap(options, name);
    this.clock = clock;
    this.options = options;
    this.target = target;
    this.event = new ClockEvent(`${name} flap`, () => this.turn());
    clock.arm(this.event, clock.now() + options.firstDownNs);
  }

  /** Leaves the carrier as it is from now on. */
  stop(): void {
    this.clock.cancel(this.event);
  }

  private turn(): void {
    const { downNs, upNs, times = Infinity } = this.options;
    this.down = !this.down;
    if (this.down) this.count++;
    if (this.down || this.count < times)
      this.clock.arm(this.event, this.event.when + (this.down ? downNs : upNs));
    this.target.setCarrier(!this.down);
  }
}
