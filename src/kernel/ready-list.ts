// CPUs with something to do, as the clock keeps them until their turn.

import type { Activity } from './clock.ts';

/** Activities that wait for their turn. A list, since there are as many as CPUs; it never shrinks either. */
export class ReadyList {
  private readonly waiting: Activity[] = [];
  private best = 0;
  count = 0;

  add(activity: Activity): void {
    if (activity.isReady) return;
    activity.isReady = true;
    this.waiting[this.count++] = activity;
  }

  /** Lends the one that has been ready longest; ties go to the one that came first. */
  longest(): Activity {
    const { waiting } = this;
    let best = 0;
    for (let i = 1; i < this.count; i++) if (waiting[i].readySince < waiting[best].readySince) best = i;
    this.best = best;
    return waiting[best];
  }

  /** Takes off what `longest` lent. */
  take(activity: Activity): void {
    activity.isReady = false;
    this.count--;
    for (let i = this.best; i < this.count; i++) this.waiting[i] = this.waiting[i + 1];
  }
}
