// A lab file's text to a checked LabSpec. Everything wrong is found in one go: each entry is read by itself, so that one
// wrong entry hides nothing in the others, and then what refers to what is checked.

import type { z } from 'zod';
import { type BrokenEntry, checkLab, type Entries } from './check.ts';
import { type Complain, LabFileError, type Path } from './problem.ts';
import {
  guestSchema,
  hostSchema,
  hubSchema,
  linkSchema,
  portSchema,
  switchSchema,
  TOP_KEYS,
  trafficSchema,
} from './schema.ts';
import { KEY_SEPARATOR, unknownKey } from './schema-parts.ts';
import type { LabSpec } from './spec.ts';
import { show } from './units.ts';
import { YamlSource } from './yaml-source.ts';

/** Reads a lab file. Throws a LabFileError with all that is wrong. `file` is the name for messages. */
export function loadLab(file: string, text: string): LabSpec {
  const source = new YamlSource(file, text);
  const { problems } = source;
  const complain: Complain = (path, message, at) => problems.push(source.problemAt(path, message, at));
  let spec: LabSpec | null = null;
  if (problems.length === 0) {
    const entries = readEntries(source.value, complain);
    if (entries !== null) spec = checkLab(entries, complain);
  }
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  if (problems.length > 0 || spec === null) throw new LabFileError(problems);
  return spec;
}

function readEntries(value: unknown, complain: Complain): Entries | null {
  if (!isObject(value)) {
    complain([], `a lab file is a map, this is ${show(value)}: hosts: ... would be right`);
    return null;
  }
  for (const key of Object.keys(value)) {
    if (!(TOP_KEYS as readonly string[]).includes(key)) complain([key], unknownKey(key, TOP_KEYS), 'key');
  }
  const broken: BrokenEntry[] = [];
  const entries: Entries = {
    name: readName(value.name, complain),
    seed: readSeed(value.seed, complain),
    hosts: readSection('hosts', hostOrGuest, value, broken, complain),
    links: readSection('links', () => linkSchema, value, broken, complain),
    switches: readSection('switches', () => switchSchema, value, broken, complain),
    hubs: readSection('hubs', () => hubSchema, value, broken, complain),
    ports: readSection('ports', () => portSchema, value, broken, complain),
    traffic: [],
    broken,
  };
  if (value.hosts === undefined) complain([], 'there are no hosts: hosts: {alice: {...}} would be right');
  else if (value.hosts === null || (isObject(value.hosts) && Object.keys(value.hosts).length === 0))
    complain(['hosts'], 'there is no host in it: hosts: {alice: {...}} would be right', 'key');
  readTraffic(value.traffic, entries, complain);
  return entries;
}

/** Entries by name; one that is wrong is there with the value null, so that its name is known. */
function readSection<Schema extends z.ZodType>(
  section: string,
  schemaOf: (entry: unknown) => Schema,
  file: Record<string, unknown>,
  broken: BrokenEntry[],
  complain: Complain,
): Map<string, z.output<Schema> | null> {
  const found = new Map<string, z.output<Schema> | null>();
  const value = file[section];
  if (value === undefined || value === null) return found;
  if (!isObject(value)) {
    complain(
      [section],
      `${section} is ${show(value)}: a map of names would be right, like ${section}: {NAME: {...}}`,
    );
    return found;
  }
  for (const [name, entry] of Object.entries(value)) {
    // Nothing behind the name is an entry with all its defaults.
    found.set(name, readEntry(schemaOf(entry), entry ?? {}, [section, name], broken, complain));
  }
  return found;
}

/** The key `guest` makes the difference. */
function hostOrGuest(entry: unknown): typeof hostSchema | typeof guestSchema {
  return isObject(entry) && 'guest' in entry ? guestSchema : hostSchema;
}

function readTraffic(value: unknown, entries: Entries, complain: Complain): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value)) {
    complain(
      ['traffic'],
      `traffic is ${show(value)}: a list would be right, like traffic: [{kind: ping, ...}]`,
    );
    return;
  }
  value.forEach((entry, i) => {
    entries.traffic.push(readEntry(trafficSchema, entry, ['traffic', i], entries.broken, complain));
  });
}

function readEntry<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  path: Path,
  broken: BrokenEntry[],
  complain: Complain,
): z.output<Schema> | null {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  if (isObject(value)) broken.push({ path, value });
  for (const issue of result.error.issues) {
    const at = [...path, ...(issue.path as (string | number)[])];
    if (issue.code === 'unrecognized_keys') {
      issue.message.split(KEY_SEPARATOR).forEach((message, i) => {
        complain([...at, issue.keys[i]], message, 'key');
      });
    } else complain(at, explain(issue, valueAt(value, issue.path), valueAt(value, issue.path.slice(0, -1))));
  }
  return null;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list: [a, b]',
  object: 'a map: {key: value}',
};

/** `around`: the map that the value is in. */
function explain(issue: z.core.$ZodIssue, value: unknown, around: unknown): string {
  const key = issue.path.at(-1);
  // A word in place of a map has no keys that could be missing.
  if (value === undefined && typeof key === 'string' && isObject(around)) {
    const right = /: (.*)$/.exec(issue.message)?.[1];
    return `"${key}" is missing${issue.code === 'invalid_type' || right === undefined ? '' : `: ${right}`}`;
  }
  if (issue.code === 'invalid_type') {
    return `${show(value)} is wrong here: ${KINDS[issue.expected] ?? issue.expected} would be right`;
  }
  return issue.message;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const step of path)
    at = isObject(at) || Array.isArray(at) ? (at as Record<PropertyKey, unknown>)[step] : undefined;
  return at;
}

function readName(value: unknown, complain: Complain): string {
  if (value === undefined) return 'lab';
  if (typeof value === 'string') return value;
  complain(['name'], `${show(value)} is wrong here: text would be right`);
  return 'lab';
}

function readSeed(value: unknown, complain: Complain): number {
  if (value === undefined) return 1;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  complain(['seed'], `${show(value)} is no seed: a whole number, 0 or more, would be right`);
  return 1;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
