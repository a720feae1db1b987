// The native io-pkt drivers and the chips that each is tested on, and what they all must still do after whatever a test did.

import { expect } from 'vitest';
import { EOK, ErrnoError } from '../../src/iopkt/errno.ts';
import { frame, returned, SECOND } from './bench.ts';
import { type AnyChip, IopktHost, type IopktHostOptions } from './iopkt-host.ts';

export const IOPKT_SUBJECTS: readonly (readonly ['pcn' | 'speedo', AnyChip])[] = [
  ['pcn', 'Am79C970A'],
  ['pcn', 'Am79C973'],
  ['speedo', 'i82557b'],
  ['speedo', 'i82559er'],
  ['speedo', 'i82550'],
];

/** Makes hosts with this driver on this chip, their buffers guarded by poison and red zones. */
export function maker(driver: 'pcn' | 'speedo', chip: AnyChip) {
  return (options: Partial<IopktHostOptions> = {}): IopktHost =>
    new IopktHost({ driver, chip, ...options, machine: { debugMbufs: true, ...options.machine } });
}

/** Frames pass both ways, byte for byte, and nothing of them is left. */
export function expectWorks(host: IopktHost): void {
  host.run(3 * SECOND);
  host.received.length = 0;
  host.wire.frames.length = 0;
  host.keep = true;
  host.echo = true;
  for (const size of [60, 61, 200, 999, 1514]) {
    host.wire.deliver(frame(size, size));
    host.run();
    host.expectReceived(frame(size, size));
    host.expectFrame(returned(frame(size, size)));
  }
  host.echo = false;
  host.run(3 * SECOND);
  expect(host.device().ops.held!()).toBe(0);
  host.expectConserved();
}

/** The error number that it fails with; EOK when it does not. */
export function errnoOf(work: () => unknown): number {
  try {
    work();
  } catch (error) {
    if (error instanceof ErrnoError) return error.errno;
    throw error;
  }
  return EOK;
}
