// What a command sees of the process: where it prints, how it is interrupted. Tests pass their own.

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Progress may redraw a line. */
  readonly errIsTerminal: boolean;
  /** Columns of the terminal; 0 when output is not one. */
  readonly columns: number;
  /** Calls `handler` at each Ctrl-C until the returned function is called. */
  onInterrupt(handler: () => void): () => void;
  /** Passes on every key that is pressed, unchanged, until the returned function is called. */
  onInput(handler: (bytes: Uint8Array) => void): () => void;
  /** ms that never go back. */
  now(): number;
}

/** A mistake of whoever called: its message is all there is to say. */
export class UserError extends Error {}

/** Exit codes. */
export const EXIT_OK = 0;
export const EXIT_USER_ERROR = 1;
/** The lab ran, but something vanished or a flow got nothing through. */
export const EXIT_LAB_FAILED = 2;
/** softnet itself is at fault. */
export const EXIT_BROKEN = 70;
/** Ctrl-C a second time. */
export const EXIT_INTERRUPTED = 130;

export function processIo(): Io {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    errIsTerminal: process.stderr.isTTY === true,
    columns: process.stdout.columns ?? 0,
    onInterrupt: (handler) => {
      process.on('SIGINT', handler);
      process.on('SIGTERM', handler);
      return () => {
        process.off('SIGINT', handler);
        process.off('SIGTERM', handler);
      };
    },
    onInput: (handler) => {
      const { stdin } = process;
      if (stdin.isTTY === true) stdin.setRawMode(true);
      stdin.on('data', handler);
      return () => {
        stdin.off('data', handler);
        if (stdin.isTTY === true) stdin.setRawMode(false);
        stdin.pause();
      };
    },
    now: () => performance.now(),
  };
}
