// Where the control sockets of running labs are: a folder of this user's that nobody else can look into, one socket a lab,
// `NAME-PID.sock`. Other users' folders are refused: whoever serves a socket there would be told what to run.

import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** sockaddr_un.sun_path without the terminating zero. */
const PATH_BYTES = 107;
/** Time in ms that a socket has to take or refuse a connection. */
const CONNECT_MS = 2000;

/** No folder for the sockets: the message says why and what would be right. */
export class ControlFolderError extends Error {}

export interface LabSocket {
  path: string;
  /** As the file's name has it; long names are cut. */
  name: string;
  pid: number;
}

/** $XDG_RUNTIME_DIR/softnet when that is this user's, else softnet-UID among the temporary files. */
export function controlFolder(env: NodeJS.ProcessEnv = process.env): string {
  const uid = userId();
  const runtime = env.XDG_RUNTIME_DIR;
  if (runtime !== undefined && isAbsolute(runtime)) {
    const stat = lstatSync(runtime, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true && stat.uid === uid) return join(runtime, 'softnet');
  }
  return join(tmpdir(), `softnet-${uid}`);
}

function userId(): number {
  const uid = process.getuid?.();
  if (uid === undefined) throw new ControlFolderError('this system has no user numbers');
  return uid;
}

/** Makes the folder if it is not there. Throws ControlFolderError when it cannot be, or is not this user's alone. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    // Something else of that name: looked at below.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new ControlFolderError(`${folder} cannot be made: ${(error as Error).message}`);
  }
  checkFolder(folder);
}

/** False: there is none. Throws ControlFolderError when it is not this user's alone. */
export function checkFolder(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (!stat.isDirectory()) throw new ControlFolderError(`${folder} is no folder: remove it`);
  if (stat.uid !== userId())
    throw new ControlFolderError(
      `${folder} belongs to user ${stat.uid}: another XDG_RUNTIME_DIR would be right`,
    );
  if ((stat.mode & 0o077) !== 0)
    throw new ControlFolderError(`${folder} is open to others: chmod 700 ${folder} would be right`);
  return true;
}

/** Path of a new socket. Names are cut to what a socket's path can hold. */
export function socketPath(folder: string, labName: string, pid: number): string {
  const safe = labName.replaceAll(/[^\w-]/g, '_') || 'lab';
  for (let serial = 1; ; serial++) {
    const end = `${serial === 1 ? '' : `.${serial}`}-${pid}.sock`;
    const room = PATH_BYTES - Buffer.byteLength(join(folder, end)) - 1;
    if (room < 1) throw new ControlFolderError(`${folder}: a socket's path has at most ${PATH_BYTES} bytes`);
    const path = join(folder, safe.slice(0, room) + end);
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return path;
  }
}

/** The sockets of labs that run; those that nobody serves any more are removed. */
export async function runningLabs(folder: string): Promise<LabSocket[]> {
  if (!checkFolder(folder)) return [];
  const sockets = readdirSync(folder).flatMap((file): LabSocket[] => {
    const match = /^(.+)-(\d+)\.sock$/.exec(file);
    return match === null ? [] : [{ path: join(folder, file), name: match[1], pid: Number(match[2]) }];
  });
  const served = await Promise.all(sockets.map(({ path }) => isServed(path)));
  return sockets.filter((_, i) => served[i]).sort((a, b) => a.name.localeCompare(b.name) || a.pid - b.pid);
}

/** A process that is gone refuses; one that is slow counts as there. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const caller = createConnection(path);
    const end = (served: boolean): void => {
      clearTimeout(timer);
      caller.destroy();
      resolve(served);
    };
    const timer = setTimeout(() => end(true), CONNECT_MS);
    caller.on('connect', () => end(true));
    caller.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED') rmSync(path, { force: true });
      // EAGAIN: more wait in line than fit.
      end(code === 'EAGAIN');
    });
  });
}
