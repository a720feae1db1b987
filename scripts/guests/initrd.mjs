// The guest's root file system: busybox, our own start files, the network modules with what they need, and a few programs
// with their libraries.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GuestsError } from './apt.mjs';
import { CpioWriter } from './cpio.mjs';
import { neededLibraries, neededModules } from './elf.mjs';

/** Start files of the guest, as they are there. */
const OWN_FILES = join(dirname(fileURLToPath(import.meta.url)), 'root');
/** The program loader, which programs name by this path. */
const LOADER = 'lib/ld-linux.so.2';

/**
 * Makes the archive from an unpacked package tree. `modules`: names such as pcnet32; `programs`: file names such as
 * ethtool; `files`: of the tree, for the same place in the archive. Gives the bytes and the modules that are in it. Throws
 * GuestsError for what is not in the tree.
 */
export function makeInitrd(tree, release, modules, programs, files = []) {
  const cpio = new CpioWriter();
  for (const folder of ['dev', 'proc', 'sys', 'root', 'tmp', 'sbin', 'usr/sbin', 'usr/bin'])
    cpio.folder(folder);
  // The kernel opens it for the first program, before anything is mounted.
  cpio.characterDevice('dev/console', 5, 1);
  for (const path of filesBelow(OWN_FILES)) {
    const bytes = readFileSync(join(OWN_FILES, path));
    cpio.file(path, bytes, bytes.subarray(0, 2).toString() === '#!' ? 0o755 : 0o644);
  }
  const packaged = filesBelow(tree);
  cpio.file('bin/busybox', readFileSync(join(tree, find(packaged, 'busybox'))), 0o755);
  addPrograms(cpio, tree, packaged, programs);
  for (const path of files) cpio.file(path, readFileSync(join(tree, path)));
  return { modules: addModules(cpio, tree, packaged, release, modules), bytes: cpio.end() };
}

function addPrograms(cpio, tree, packaged, programs) {
  const libraries = new Set();
  const addNeeded = (bytes, path) => {
    for (const name of neededLibraries(bytes, path)) {
      if (libraries.has(name)) continue;
      libraries.add(name);
      const library = readFileSync(join(tree, find(packaged, name)));
      cpio.file(`lib/${name}`, library, 0o755);
      addNeeded(library, name);
    }
  };
  for (const program of programs) {
    const path = find(packaged, program);
    const bytes = readFileSync(join(tree, path));
    cpio.file(`usr/bin/${program}`, bytes, 0o755);
    addNeeded(bytes, path);
  }
  if (libraries.size > 0 && !libraries.has(basename(LOADER))) {
    cpio.file(LOADER, readFileSync(join(tree, find(packaged, basename(LOADER)))), 0o755);
  }
}

/** Adds modules, what they need, and modules.dep, from which modprobe knows that. */
function addModules(cpio, tree, packaged, release, wanted) {
  const folder = `lib/modules/${release}`;
  const files = new Map();
  for (const path of packaged) {
    const match = /\/([^/]+)\.ko(\.xz)?$/.exec(path);
    if (match !== null) files.set(moduleName(match[1]), path);
  }
  const listed = packaged.find((path) => path.endsWith(`/modules/${release}/modules.builtin`));
  const builtin = new Set();
  for (const line of listed === undefined ? [] : readFileSync(join(tree, listed), 'utf8').split('\n')) {
    builtin.add(moduleName(basename(line, '.ko')));
  }
  /** Module name to its place in the archive and the places of all it needs, nearest first. */
  const added = new Map();
  const add = (name) => {
    const key = moduleName(name);
    if (builtin.has(key)) return [];
    const known = added.get(key);
    if (known !== undefined) return [known.place, ...known.needs];
    const path = files.get(key);
    if (path === undefined) throw new GuestsError(`kernel ${release} has no module ${name}`);
    const bytes = uncompressed(join(tree, path));
    const place = `kernel/${basename(path).replace(/\.xz$/, '')}`;
    const needs = [...new Set(neededModules(bytes, path).flatMap(add))];
    added.set(key, { place, needs });
    cpio.file(`${folder}/${place}`, bytes);
    return [place, ...needs];
  };
  for (const name of wanted) add(name);
  const lines = [...added.values()].map(({ place, needs }) => `${[`${place}:`, ...needs].join(' ')}\n`);
  cpio.file(`${folder}/modules.dep`, lines.join(''));
  return [...added.keys()];
}

/** Modules are asked for with - or _ alike. */
function moduleName(name) {
  return name.replaceAll('-', '_');
}

function uncompressed(path) {
  if (!path.endsWith('.xz')) return readFileSync(path);
  const { error, status, stdout, stderr } = spawnSync('xz', ['-dc', path], { maxBuffer: 64 * 1024 * 1024 });
  if (error !== undefined)
    throw new GuestsError(`xz is needed to unpack the kernel's modules: ${error.message}`);
  if (status !== 0) throw new GuestsError(`xz cannot unpack ${path}: ${stderr}`);
  return stdout;
}

/** Where a program or library of that name is. */
function find(packaged, name) {
  const path = packaged.find((one) => basename(one) === name && /(^|\/)(s?bin|lib)\//.test(one));
  if (path === undefined) throw new GuestsError(`none of the packages has a file ${name}`);
  return path;
}

/** Files and links to files below a folder, in a settled order, as relative paths. */
export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => existsSync(path) && statSync(path).isFile())
    .map((path) => relative(folder, path))
    .sort();
}
