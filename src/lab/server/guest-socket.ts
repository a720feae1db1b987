// A guest's serial line as a Unix socket: whoever connects sees what it writes from then on and types to it. Several may
// be connected at a time.

import { lstatSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { resolve } from 'node:path';
import type { GuestConsole } from './guest-console.ts';

/** sockaddr_un.sun_path without the terminating zero: what is longer would be cut off without a word. */
const PATH_BYTES = 107;
/** Bytes that wait for a reader who does not read, after which he is let go. */
const SLOW_READER_BYTES = 1024 * 1024;

export class ConsoleSocket {
  private readonly path: string;
  private readonly server;
  private readonly readers = new Set<Socket>();
  private closed = false;

  /** Trouble with the socket is logged: the lab goes on without it. */
  constructor(path: string, console: GuestConsole, log: (message: string) => void) {
    this.path = resolve(path);
    this.server = createServer((reader) => {
      this.readers.add(reader);
      reader.on('data', (bytes) => console.write(bytes as Uint8Array));
      reader.on('error', () => reader.destroy());
      reader.on('close', () => this.readers.delete(reader));
    });
    const fail = (why: string): void => log(`console ${path}: ${why}; another path would be right`);
    this.server.once('error', (error: NodeJS.ErrnoException) => {
      this.server.on('error', (again) => fail(again.message));
      if (error.code === 'EADDRINUSE') this.takeOver(fail);
      else fail(error.message);
    });
    console.listen((text) => this.show(text));
    if (Buffer.byteLength(this.path) > PATH_BYTES) fail(`a socket's path has at most ${PATH_BYTES} bytes`);
    else this.server.listen(this.path);
  }

  /** Something is there already: the socket of a run that was killed makes way, anything else stays. */
  private takeOver(fail: (why: string) => void): void {
    if (lstatSync(this.path, { throwIfNoEntry: false })?.isSocket() === false) {
      fail('there is such a file already');
      return;
    }
    const caller = createConnection(this.path);
    caller.on('connect', () => {
      caller.destroy();
      fail('somebody serves it already');
    });
    caller.on('error', () => {
      if (this.closed) return;
      rmSync(this.path, { force: true });
      this.server.listen(this.path);
    });
  }

  close(): void {
    this.closed = true;
    for (const reader of this.readers) reader.destroy();
    if (!this.server.listening) return;
    this.server.close();
    rmSync(this.path, { force: true });
  }

  private show(text: string): void {
    for (const reader of this.readers) {
      if (reader.writableLength > SLOW_READER_BYTES) reader.destroy();
      else reader.write(text);
    }
  }
}
