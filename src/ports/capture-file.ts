// Captures and files, on Node: the one part of the capture code that does not run in a browser.

import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { type ByteSink, type Capture, CaptureError } from './capture.ts';
import { openCapture } from './open-capture.ts';

/** Node reads no larger file into one array. */
const MAX_FILE_BYTES = 0x7fffffff;

/** Reads a whole pcap or pcapng file. A CaptureError names the file. */
export function readCaptureFile(path: string): Capture {
  const { size } = statSync(path);
  if (size > MAX_FILE_BYTES) {
    throw new CaptureError(0, `${path} has ${size} bytes`, 'split it first: editcap -c 1000000 IN OUT');
  }
  try {
    return openCapture(readFileSync(path));
  } catch (error) {
    if (error instanceof CaptureError) error.message = `${path}: ${error.message}`;
    throw error;
  }
}

/** Writes to a file, or to standard output when the path is `-`. Each chunk is on its way when `write` returns. */
export class FileSink implements ByteSink {
  private readonly descriptor: number;

  constructor(path: string) {
    this.descriptor = path === '-' ? 1 : openSync(path, 'w');
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.descriptor, bytes, at);
  }

  close(): void {
    if (this.descriptor !== 1) closeSync(this.descriptor);
  }
}
