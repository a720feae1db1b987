// The control socket of a lab that runs: other processes of the same user ask for a tool to be run on one of its hosts.
//
//   request   {"host":"alice","argv":["ifconfig","fxp0"]}\n        host may be null; one request a connection
//   answer    {"ok":true,"text":"...","json":[...]}\n   or   {"ok":false,"error":"...","errno":"ENXIO"}\n
//
// Requests wait in line until the lab's loop takes one between two turns (`serve`); `whenWaiting` wakes it. Whoever sends
// garbage, too much, too slowly, or is one too many, is refused with the reason. Nothing a client does stops the lab.

import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { runTool, ToolError, type ToolLab, toolHosts } from '../tools.ts';
import { ControlFolderError, makeFolder, runningLabs, socketPath } from './control-folder.ts';

/** Longest request in bytes, its newline included. */
export const REQUEST_BYTES = 64 * 1024;
/** Connections at a time; more are refused. */
export const MAX_CLIENTS = 16;
/** Those that are being told so; beyond it nobody is told. */
const MAX_SURPLUS = 64;
/** Words of a command line. */
const MAX_WORDS = 1000;
/** Time in ms to send a whole request, and to take the answer. */
export const REQUEST_MS = 2000;
const ANSWER_MS = 2000;

export interface ControlRequest {
  host: string | null;
  argv: string[];
}

export type ControlAnswer =
  | { ok: true; text: string; json?: unknown }
  | { ok: false; error: string; errno?: string };

/** A lab with what its listing shows. */
export interface ControlledLab extends ToolLab {
  readonly spec: { readonly name: string };
}

/** What a lab's loop needs of it. */
export interface Control {
  /** Answers one request that waits; false: none did. */
  serve(): boolean;
  /** Calls `wake` whenever a request has come in; the last one given counts. */
  whenWaiting(wake: () => void): void;
}

interface Waiting {
  socket: Socket;
  request: ControlRequest;
}

/** Not a request: says what would be one. */
export class RequestError extends Error {}

export class ControlServer implements Control {
  readonly path: string;
  private readonly lab: ControlledLab;
  private readonly log: (message: string) => void;
  private readonly server: Server;
  private readonly clients = new Set<Socket>();
  private readonly waiting: Waiting[] = [];
  private surplus = 0;
  private wake: () => void = () => {};
  private readonly remove = (): void => rmSync(this.path, { force: true });

  /** `open` is the way in. */
  private constructor(path: string, lab: ControlledLab, log: (message: string) => void) {
    this.path = path;
    this.lab = lab;
    this.log = log;
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.accept(socket));
  }

  /** Null, with a warning in the log, where there can be none: the lab runs without. */
  static async open(
    folder: () => string,
    lab: ControlledLab,
    log: (message: string) => void,
  ): Promise<ControlServer | null> {
    try {
      const where = folder();
      makeFolder(where);
      // Takes away what processes that were killed left.
      await runningLabs(where);
      const control = new ControlServer(socketPath(where, lab.spec.name, process.pid), lab, log);
      await control.listen();
      return control;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!(error instanceof ControlFolderError) && code === undefined) throw error;
      log(
        `no control socket, so softnet ifconfig and the like do not reach this lab: ${(error as Error).message}`,
      );
      return null;
    }
  }

  private listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.path, () => {
        this.server.off('error', reject);
        this.server.on('error', (error) => this.log(`control socket: ${error.message}`));
        // Also at Ctrl-C a second time.
        process.once('exit', this.remove);
        resolve();
      });
    });
  }

  // ---- the lab's side

  serve(): boolean {
    const next = this.waiting.shift();
    if (next === undefined) return false;
    this.answer(next.socket, this.run(next.request));
    return true;
  }

  whenWaiting(wake: () => void): void {
    this.wake = wake;
    if (this.waiting.length > 0) wake();
  }

  close(): void {
    for (const { socket } of this.waiting.splice(0))
      this.answer(socket, { ok: false, error: 'the lab has ended' });
    // What is not sent by now is not sent any more.
    for (const socket of this.clients) socket.destroySoon();
    this.clients.clear();
    this.server.close();
    process.off('exit', this.remove);
    this.remove();
  }

  private run({ host, argv }: ControlRequest): ControlAnswer {
    try {
      if (argv[0] === 'lab') {
        const { spec } = this.lab;
        return { ok: true, text: spec.name, json: { name: spec.name, hosts: toolHosts(this.lab) } };
      }
      const { text, json } = runTool(this.lab, host, argv);
      return { ok: true, text, json };
    } catch (error) {
      if (error instanceof ToolError) return { ok: false, error: error.message, errno: error.errno };
      // Of our own making: it is said on both sides, and the lab goes on.
      this.log(`softnet broke in ${argv.join(' ')}: ${(error as Error).stack ?? String(error)}`);
      return { ok: false, error: `softnet broke: ${(error as Error).message}` };
    }
  }

  // ---- the clients' side

  private accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.clients.size >= MAX_CLIENTS) {
      if (this.surplus >= MAX_SURPLUS) {
        socket.destroy();
        return;
      }
      this.surplus++;
      socket.on('close', () => this.surplus--);
      const error = `${MAX_CLIENTS} clients are served at a time: try again`;
      this.answer(socket, { ok: false, error });
      return;
    }
    this.clients.add(socket);
    socket.on('close', () => {
      this.clients.delete(socket);
      const at = this.waiting.findIndex((each) => each.socket === socket);
      if (at >= 0) this.waiting.splice(at, 1);
    });
    const parts: Buffer[] = [];
    let length = 0;
    let done = false;
    const finish = (): void => {
      done = true;
      clearTimeout(timer);
      // What follows a request is not read before it is answered.
      socket.pause();
    };
    const refuse = (error: string): void => {
      if (done) return;
      finish();
      this.answer(socket, { ok: false, error });
    };
    const timer = setTimeout(() => refuse(`no whole request within ${REQUEST_MS} ms`), REQUEST_MS);
    socket.on('close', () => clearTimeout(timer));
    socket.on('data', (bytes) => {
      if (done) return;
      const end = (bytes as Buffer).indexOf(0x0a);
      length += end < 0 ? bytes.length : end + 1;
      if (length > REQUEST_BYTES) {
        refuse(`a request has at most ${REQUEST_BYTES} bytes`);
        return;
      }
      parts.push(end < 0 ? (bytes as Buffer) : (bytes as Buffer).subarray(0, end));
      if (end < 0) return;
      try {
        const request = parseRequest(Buffer.concat(parts).toString('utf8'));
        finish();
        this.waiting.push({ socket, request });
        this.wake();
      } catch (error) {
        refuse((error as Error).message);
      }
    });
    socket.on('end', () => refuse('the request ended before its line did'));
  }

  /**
   * Says the answer and waits until the client has hung up; not for long, and not while it goes on and on: hanging up with
   * something unread could cost it the answer.
   */
  private answer(socket: Socket, answer: ControlAnswer): void {
    if (socket.destroyed) return;
    const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
    socket.on('close', () => clearTimeout(timer));
    let ignored = 0;
    socket.on('data', (bytes) => {
      ignored += bytes.length;
      if (ignored > REQUEST_BYTES) socket.destroy();
    });
    socket.end(`${JSON.stringify(answer)}\n`);
    socket.resume();
  }
}

/** Throws RequestError with what is wrong. */
export function parseRequest(line: string): ControlRequest {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new RequestError('the request is no JSON: {"host":null,"argv":["ifconfig"]} would be right');
  }
  const { host = null, argv } = (value ?? {}) as { host?: unknown; argv?: unknown };
  if (host !== null && typeof host !== 'string') throw new RequestError('"host" is a name or null');
  if (!Array.isArray(argv) || argv.length === 0 || argv.some((word) => typeof word !== 'string'))
    throw new RequestError('"argv" is a list of words: ["ifconfig", "-a"] would be right');
  if (argv.length > MAX_WORDS) throw new RequestError(`"argv" has at most ${MAX_WORDS} words`);
  return { host, argv: argv as string[] };
}
