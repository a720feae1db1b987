// Writes what a frame tap sees into a pcapng file. One sink may serve many taps: each is an interface of the file.

import type { FrameObserver } from '../wire/frame-tap.ts';
import type { ByteSink } from './capture.ts';
import { PcapngWriter } from './pcapng-writer.ts';

export interface CaptureSinkOptions {
  /** Seconds since 1970 at the clock's time 0. 0 when not given: a virtual lab starts in 1970. */
  epochSeconds?: number;
  /** Longer frames are cut; no limit when not given. */
  snapLength?: number;
  byteOrder?: 'little' | 'big';
}

const BILLION = 1_000_000_000;

export class CaptureSink {
  private readonly writer: PcapngWriter;
  private readonly options: CaptureSinkOptions;
  private readonly wholeSeconds: number;
  private readonly fraction: number;
  private readonly seen: number[] = [];
  private lastSeconds = 0;
  private lastNanoseconds = 0;

  constructor(sink: ByteSink, options: CaptureSinkOptions = {}) {
    const epoch = options.epochSeconds ?? 0;
    this.options = options;
    this.writer = new PcapngWriter(sink, { byteOrder: options.byteOrder });
    this.wholeSeconds = Math.floor(epoch);
    this.fraction = Math.round((epoch - this.wholeSeconds) * BILLION);
  }

  /** Frames written so far. */
  get packets(): number {
    return this.writer.packets;
  }

  /** Adds an interface to the file; gives the observer for its tap. */
  observer(name: string): FrameObserver {
    const id = this.writer.addInterface({ name, snapLength: this.options.snapLength });
    this.seen.push(0);
    return (frame, timeNs, direction) => {
      this.seen[id]++;
      this.setTime(timeNs);
      this.writer.frame(
        id,
        this.lastSeconds,
        this.lastNanoseconds,
        frame,
        direction === 'in' ? 'inbound' : 'outbound',
      );
    };
  }

  /** Hands on what is buffered, so that the file can be read up to here. */
  flush(): void {
    this.writer.flush();
  }

  /** Writes the statistics of each interface and what is buffered; nothing may come after. */
  close(): void {
    for (let id = 0; id < this.seen.length; id++) {
      this.writer.statistics(id, this.lastSeconds, this.lastNanoseconds, this.seen[id], 0);
    }
    this.writer.flush();
  }

  private setTime(timeNs: number): void {
    const seconds = Math.floor(timeNs / BILLION);
    const nanoseconds = Math.floor(timeNs - seconds * BILLION) + this.fraction;
    const carry = nanoseconds >= BILLION ? 1 : 0;
    this.lastSeconds = this.wholeSeconds + seconds + carry;
    this.lastNanoseconds = nanoseconds - carry * BILLION;
  }
}
