// The threads of a CPU: who runs next.

import type { Thread } from './thread.ts';

export class RunQueue {
  private readonly threads: Thread[] = [];

  add(thread: Thread): void {
    this.threads.push(thread);
  }

  /** Highest priority first, in turn among equals: the chosen one goes to the end of the list. */
  next(): Thread | null {
    const { threads } = this;
    let best = -1;
    for (let i = 0; i < threads.length; i++) {
      if (threads[i].runnable && (best < 0 || threads[i].priority > threads[best].priority)) best = i;
    }
    if (best < 0) return null;
    const thread = threads[best];
    for (let i = best + 1; i < threads.length; i++) threads[i - 1] = threads[i];
    threads[threads.length - 1] = thread;
    return thread;
  }

  /** Whether any thread wants to run; forgets those that have ended. */
  wanted(): boolean {
    for (let i = this.threads.length - 1; i >= 0; i--) {
      if (this.threads[i].runnable) return true;
      if (this.threads[i].finished) this.threads.splice(i, 1);
    }
    return false;
  }
}
