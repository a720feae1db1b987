// Reading a saved state that somebody else kept: every field is looked at before it is believed. A reader copies what it
// gives, so that nobody can change a value between check and use.

import type { Clock, ClockEvent } from '../kernel/clock.ts';
import type { StateObject } from './host.ts';

/** Longest time that a timer of a state may have left, in ns: an hour, more than any chip waits. */
const LONGEST_NS = 3_600e9;

/** Fields of one object of a state. Each method throws a RangeError or TypeError that names the field and what it must be. */
export class StateReader {
  private readonly fields: Readonly<Record<string, unknown>>;
  /** How messages call the object. */
  private readonly name: string;
  private readonly asked = new Set<string>();

  constructor(state: unknown, name: string) {
    if (typeof state !== 'object' || state === null || Array.isArray(state) || ArrayBuffer.isView(state))
      throw new TypeError(`${name} is ${show(state)}: an object is wanted`);
    this.fields = state as Record<string, unknown>;
    this.name = name;
  }

  /** A whole number from `least` to `most`. */
  integer(field: string, least: number, most: number): number {
    const value = this.take(field);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
      throw this.wrong(field, value, `a whole number from ${least} to ${most}`);
    return value;
  }

  /** A register with no bits set but those of `mask`. */
  bits(field: string, mask: number): number {
    const value = this.integer(field, 0, 0xffffffff);
    if ((value & ~mask) !== 0) throw this.wrong(field, value, `no bit outside of 0x${mask.toString(16)}`);
    return value;
  }

  /** The ns a timer has left; null when it is not armed. */
  timer(field: string): number | null {
    const value = this.take(field);
    if (value === null) return null;
    if (typeof value !== 'number' || !(value >= 0 && value <= LONGEST_NS))
      throw this.wrong(field, value, `null or ns from 0 to ${LONGEST_NS}`);
    return value;
  }

  boolean(field: string): boolean {
    const value = this.take(field);
    if (typeof value !== 'boolean') throw this.wrong(field, value, 'true or false');
    return value;
  }

  /** A copy of `length` bytes. */
  bytes(field: string, length: number): Uint8Array {
    const value = this.array(field, 'Uint8Array', length);
    return Uint8Array.from(value);
  }

  /** A copy of `length` half-words. */
  halfWords(field: string, length: number): Uint16Array {
    const value = this.array(field, 'Uint16Array', length);
    return Uint16Array.from(value);
  }

  object(field: string): StateReader {
    return new StateReader(this.take(field), `${this.name}.${field}`);
  }

  /** The same where null stands for nothing. */
  objectOrNull(field: string): StateReader | null {
    const value = this.take(field);
    return value === null ? null : new StateReader(value, `${this.name}.${field}`);
  }

  /** The field is not looked at here: somebody else reads it. */
  rest(field: string): unknown {
    return this.take(field);
  }

  /** An object whose fields are all counts, with exactly the fields of `like`. */
  counts(field: string, like: object): Map<string, number> {
    const reader = this.object(field);
    const counts = new Map<string, number>();
    for (const name of Object.keys(like)) counts.set(name, reader.integer(name, 0, Number.MAX_SAFE_INTEGER));
    reader.end();
    return counts;
  }

  /** Everything was read: throws when there is a field that nobody knows. */
  end(): void {
    for (const field of Object.keys(this.fields))
      if (!this.asked.has(field)) throw new TypeError(`${this.name}.${field} is not known`);
  }

  private take(field: string): unknown {
    this.asked.add(field);
    if (!Object.hasOwn(this.fields, field)) throw new TypeError(`${this.name}.${field} is missing`);
    return this.fields[field];
  }

  private array(field: string, kind: 'Uint8Array' | 'Uint16Array', length: number): ArrayLike<number> {
    const value = this.take(field);
    // By its tag: an array out of another realm is as good.
    if (!ArrayBuffer.isView(value) || kindOf(value) !== kind)
      throw this.wrong(field, value, `a ${kind} of ${length}`);
    const array = value as Uint8Array | Uint16Array;
    if (array.length !== length) throw this.wrong(field, value, `a ${kind} of ${length}`);
    return array;
  }

  private wrong(field: string, value: unknown, wanted: string): RangeError {
    return new RangeError(`${this.name}.${field} is ${show(value)}: ${wanted} is wanted`);
  }
}

/** A reader for the state of `chip` in `version`; throws when it is of something else. */
export function chipStateReader(state: unknown, chip: string, version: number): StateReader {
  const reader = new StateReader(state, `state of ${chip}`);
  const kind = reader.rest('chip');
  if (kind !== chip)
    throw new TypeError(`this is the state of ${show(kind)}: that of ${show(chip)} is wanted`);
  const given = reader.rest('version');
  if (given !== version)
    throw new RangeError(`state of ${chip} in version ${show(given)}: version ${version} is wanted`);
  return reader;
}

/** What a timer has left in ns, as `StateReader.timer` reads it; null when it is not armed. */
export function timerLeft(clock: Clock, event: ClockEvent): number | null {
  return event.armed ? Math.max(event.when - clock.now(), 0) : null;
}

/** Arms an event for what a timer had left, or disarms it. One that is right already keeps its place among its equals. */
export function restoreTimer(clock: Clock, event: ClockEvent, leftNs: number | null): void {
  if (leftNs === null) clock.cancel(event);
  else if (timerLeft(clock, event) !== leftNs) clock.armIn(event, leftNs);
}

/** The fields of an object of numbers, as a state holds them. */
export function saveCounts(counts: object): StateObject {
  return { ...(counts as Record<string, number>) };
}

function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === 'object' && value !== null) {
    const { length } = value as { length?: unknown };
    return typeof length === 'number' ? `a ${kindOf(value)} of ${length}` : `a ${kindOf(value)}`;
  }
  return String(value);
}
