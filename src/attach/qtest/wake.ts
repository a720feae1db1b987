// Sleeps in libuv's epoll until one of some descriptors has something. As a TAP's waitReadable, for several.

import type { Linux } from '../../ports/linux.ts';

type PollHandle = ReturnType<Linux['koffi']['node']['poll']>;

export class Sleeper {
  private readonly watches: PollHandle[] = [];
  private sleeping: { wake: (readable: boolean) => void; done: Promise<boolean> } | null = null;

  constructor(linux: Linux, descriptors: readonly number[]) {
    for (const fd of descriptors) {
      const watch = linux.koffi.node.poll(fd, { readable: true }, () => this.wake(true));
      watch.stop();
      this.watches.push(watch);
    }
  }

  /**
   * Until a descriptor is readable, or writable where `writable` says so by its place (true), or the time is over or the
   * wait is ended (false). One wait at a time: a second call joins the first.
   */
  wait(timeoutMs: number, writable: (index: number) => boolean): Promise<boolean> {
    if (this.sleeping !== null) return this.sleeping.done;
    let wake: (readable: boolean) => void = () => {};
    const timer = setTimeout(() => this.wake(false), timeoutMs);
    const done = new Promise<boolean>((resolve) => {
      wake = (readable) => {
        clearTimeout(timer);
        resolve(readable);
      };
    });
    this.sleeping = { wake, done };
    this.watches.forEach((watch, i) => {
      watch.start({ readable: true, writable: writable(i) }, () => this.wake(true));
    });
    return done;
  }

  /** Ends the wait; harmless when there is none. */
  wake(readable: boolean): void {
    const { sleeping } = this;
    if (sleeping === null) return;
    this.sleeping = null;
    for (const watch of this.watches) watch.stop();
    sleeping.wake(readable);
  }

  /** To be called before the descriptors are closed. A wait after that takes its time: a loop must not run hot on it. */
  close(): void {
    this.wake(false);
    for (const watch of this.watches.splice(0)) watch.close();
  }
}
