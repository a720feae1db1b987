// A guest: a machine in an emulator, with an operating system of its own, whose NICs are our chip models on our wires.

import type { Clock } from '../kernel/clock.ts';
import type { CardBooks } from './card-books.ts';
import type { GuestNicSpec, GuestSpec } from './spec.ts';
import type { Wires } from './wires.ts';

export interface GuestNic {
  readonly spec: GuestNicSpec;
  readonly card: CardBooks;
}

export interface LabGuest {
  readonly spec: GuestSpec;
  readonly nics: readonly GuestNic[];
  /** Lets it run. */
  start(): void;
  /** What its console has shown, the latest last. */
  consoleTail(): string[];
  /** Calls with what it writes to its serial line, until the returned function is called. */
  listen(listener: (text: string) => void): () => void;
  /** Sends to its serial line. */
  type(bytes: Uint8Array): void;
  close(): void;
}

export interface GuestParts {
  clock: Clock;
  wires: Wires;
  log: (message: string) => void;
}

export type OpenGuest = (spec: GuestSpec, parts: GuestParts) => LabGuest;
