// Lab files on disk: the labs that come with the package by name, and captures relative to the lab that names them.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadLab } from '../load.ts';
import { LabRunError, type Path, type Problem } from '../problem.ts';
import type { ReadFile } from '../services.ts';
import type { LabSpec } from '../spec.ts';
import { YamlSource } from '../yaml-source.ts';

/** From dist/lab/server, as from src/lab/server. */
const SHIPPED = fileURLToPath(new URL('../../../labs/', import.meta.url));

export interface LabOnDisk {
  /** As it was given, for messages and for the command that repeats a run. */
  name: string;
  spec: LabSpec;
  readFile: ReadFile;
  /** A problem at a place in the file. */
  problemAt: (path: Path, message: string) => Problem;
}

/** Opens a lab file, or one that comes with the package by its bare name. Throws LabFileError or LabRunError. */
export function openLab(name: string): LabOnDisk {
  const path = findLab(name);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new LabRunError(sayWhy(name, error));
  }
  const folder = dirname(resolve(path));
  return {
    name,
    spec: loadLab(path, text),
    readFile: (file) => readNamed(resolve(folder, file)),
    problemAt: (at, message) => new YamlSource(path, text).problemAt(at, message),
  };
}

function findLab(name: string): string {
  if (existsSync(name)) return name;
  const shipped = resolve(SHIPPED, `${name}.yaml`);
  return /^[\w-]+$/.test(name) && existsSync(shipped) ? shipped : name;
}

function shippedLabs(): string[] {
  return readdirSync(SHIPPED)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length));
}

function readNamed(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(reason(error));
  }
}

function sayWhy(name: string, error: unknown): string {
  const labs =
    (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? `; the labs that come with softnet: ${shippedLabs().join(', ')}`
      : '';
  return `${name}: ${reason(error)}${labs}`;
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EISDIR') return 'this is a folder, a file would be right';
  if (code === 'EACCES') return 'no permission to read it';
  return message;
}
