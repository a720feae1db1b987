// A guest's serial line as a Unix socket: whoever connects sees what it writes from then on and types to it. Several may
// be connected at a time.

import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { resolve } from 'node:path';
import type { GuestConsole } from './guest-console.ts';

/** Bytes that wait for a reader who does not read, after which he is let go. */
const SLOW_READER_BYTES = 1024 * 1024;

export class ConsoleSocket {
  private readonly path: string;
  private readonly server;
  private readonly readers = new Set<Socket>();

  /** Trouble with the socket is logged: the lab goes on without it. */
  constructor(path: string, console: GuestConsole, log: (message: string) => void) {
    this.path = resolve(path);
    this.server = createServer((reader) => {
      this.readers.add(reader);
      reader.on('data', (bytes) => console.write(bytes as Uint8Array));
      reader.on('error', () => reader.destroy());
      reader.on('close', () => this.readers.delete(reader));
    });
    this.server.on('error', (error) => log(`console ${path}: ${error.message}; another path would be right`));
    this.server.listen(this.path);
    console.listen((text) => this.show(text));
  }

  close(): void {
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
