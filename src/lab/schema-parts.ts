// Building blocks of the lab file's schema: maps that refuse unknown keys, names to choose from, quantities with units.
// Messages say what would be right; load.ts adds file, line and column.

import { z } from 'zod';
import { didYouMean, orList } from './did-you-mean.ts';
import { show } from './units.ts';

/** Between the messages of one issue that is about several unknown keys; zod has one issue for all of them. */
export const KEY_SEPARATOR = '\n';

/** A map with these keys and no others. */
export function keys<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      return issue.keys.map((key) => unknownKey(key, known)).join(KEY_SEPARATOR);
    },
  });
}

export function unknownKey(key: string, known: readonly string[]): string {
  const hint = didYouMean(key, known) || `; known here: ${known.join(', ')}`;
  return `unknown key "${key}"${hint}`;
}

/** One of these words. */
export function choice<const Names extends readonly [string, ...string[]]>(what: string, names: Names) {
  return z.enum(names, {
    error: (issue) => notOneOf(what, issue.input, names),
  });
}

export function notOneOf(what: string, value: unknown, names: readonly string[]): string {
  const article = /^[aeiou]/.test(what) ? 'an' : 'a';
  const right = `: ${orList(names)} would be right`;
  if (typeof value !== 'string') return `${show(value)} is not ${article} ${what}${right}`;
  return `"${value}" is not ${article} ${what}${didYouMean(value, names) || right}`;
}

/** What `parse` makes of the value; its error is the message. */
export function parsed<T>(parse: (value: unknown) => T) {
  return z.unknown().transform((value, context) => {
    try {
      return parse(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  });
}

/** A whole number in a range. */
export function whole(from: number, to = Number.MAX_SAFE_INTEGER) {
  return parsed((value) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to) return value;
    const range = to === Number.MAX_SAFE_INTEGER ? `${from} or more` : `${from} to ${to}`;
    throw new Error(`${show(value)} is wrong here: a whole number, ${range}, would be right`);
  });
}

/** Text that `parse` understands. */
export function text<T>(what: string, example: string, parse: (value: string) => T) {
  return parsed((value) => {
    if (typeof value === 'string') return parse(value);
    throw new Error(`${show(value)} is not ${what}: text like ${example} would be right`);
  });
}
