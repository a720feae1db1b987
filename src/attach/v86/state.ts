// States of cards inside v86's. v86 writes what its machine's get_state gives as JSON, typed arrays apart; plain objects it
// does not know. So the cards' part is one string: it is found wherever it stands in the list.

import type { StateObject, StateValue } from '../../bus/host.ts';

const MARK = 'softnet ';
const VERSION = 1;
const ARRAYS = { Uint8Array, Uint16Array, Uint32Array } as const;
/** A state has a few levels; more is not one of ours, and would use up the stack. */
const DEPTH_LIMIT = 32;

/** What a v86 state holds of cards that were attached. */
export interface BoardState {
  /** Who asserts which interrupt line: see IntxLines. */
  lines: number[][];
  nics: { slot: number; state: StateObject }[];
}

export function encodeState(board: BoardState): string {
  const text = JSON.stringify({ version: VERSION, ...board }, (_field, value: unknown) => {
    if (!ArrayBuffer.isView(value)) return value;
    return { typedArray: value.constructor.name, values: Array.from(value as Uint8Array) };
  });
  return MARK + text;
}

/** The cards' part of v86's list; null when the emulator had none. Throws when it is not what `encodeState` makes. */
export function decodeState(list: readonly unknown[]): BoardState | null {
  const found = list.find((value): value is string => typeof value === 'string' && value.startsWith(MARK));
  if (found === undefined) return null;
  let parsed: { version?: unknown; lines?: unknown; nics?: unknown };
  try {
    parsed = JSON.parse(found.slice(MARK.length));
  } catch (error) {
    throw new Error(`the state of the network cards is not whole: ${(error as Error).message}`);
  }
  if (parsed.version !== VERSION)
    throw new Error(
      `the state of the network cards is of version ${String(parsed.version)}: ${VERSION} is wanted`,
    );
  const { lines, nics } = parsed;
  if (!Array.isArray(lines) || !lines.every(isPair) || !Array.isArray(nics) || !nics.every(isNic))
    throw new Error('the state of the network cards is not one: lines and nics are wanted');
  return {
    lines,
    nics: nics.map(({ slot, state }) => ({ slot, state: revive(state, 0) as StateObject })),
  };
}

function isPair(value: unknown): value is number[] {
  return (
    Array.isArray(value) && value.length === 2 && value.every((part) => Number.isInteger(part) && part >= 0)
  );
}

function isNic(value: unknown): value is { slot: number; state: object } {
  const { slot, state } = (value ?? {}) as Record<string, unknown>;
  return Number.isInteger(slot) && typeof state === 'object' && state !== null;
}

/** Objects that stand for typed arrays become such; the rest is as JSON has it. */
function revive(value: unknown, depth: number): StateValue {
  if (depth > DEPTH_LIMIT) throw new Error('the state of the network cards is nested too deep');
  if (typeof value !== 'object' || value === null) return value as StateValue;
  if (Array.isArray(value)) return value.map((part) => revive(part, depth + 1));
  const { typedArray, values } = value as { typedArray?: keyof typeof ARRAYS; values?: unknown };
  if (typedArray !== undefined && Object.hasOwn(ARRAYS, typedArray) && Array.isArray(values))
    return ARRAYS[typedArray].from(values as number[]);
  const made: StateObject = {};
  for (const [field, part] of Object.entries(value)) made[field] = revive(part, depth + 1);
  return made;
}
