// The words of a tc line, taken one after the other. What is wrong is said of the word it is wrong with, with what was expected.

import { parseClassId, parseHandle } from './handle.ts';
import { parsePercent, parseRate, parseSize, parseTime } from './units.ts';

/** A line that cannot be: says at which word, and what was expected there. */
export class TcError extends Error {
  /** From 0; the number of words when the line ends too early; null: the line is right, but what it asks for cannot be. */
  readonly word: number | null;

  constructor(message: string, word: number | null) {
    super(message);
    this.name = 'TcError';
    this.word = word;
  }
}

export class Words {
  private readonly words: readonly string[];
  private at = 0;

  constructor(words: readonly string[]) {
    this.words = words;
  }

  get done(): boolean {
    return this.at >= this.words.length;
  }

  /** The next word, which stays; empty at the end. */
  get ahead(): string {
    return this.words[this.at] ?? '';
  }

  /** Place of the next word. */
  get place(): number {
    return this.at;
  }

  /** Takes the next word when it is one of these; tells which, or empty. */
  take<Word extends string>(...names: Word[]): Word | '' {
    const word = this.words[this.at] as Word | undefined;
    if (word === undefined || !names.includes(word)) return '';
    this.at++;
    return word;
  }

  /** Takes the next word, which must be there. */
  next(expected: string): string {
    if (this.done) this.fail(expected);
    return this.words[this.at++];
  }

  /** Takes the next word, which must be one of these. */
  oneOf<Word extends string>(names: readonly Word[], what = ''): Word {
    const word = this.take(...names);
    if (word === '') this.fail(`${what === '' ? '' : `${what}: `}${names.join(', ')}`);
    return word as Word;
  }

  /** The next word is wrong, or missing: the error to throw. */
  wrong(expected: string, at = this.at): TcError {
    const word = this.words[at];
    const where =
      word === undefined ? `the line ends after word ${this.words.length}` : `word ${at + 1} "${word}"`;
    return new TcError(`${where}: expected ${expected}`, at);
  }

  fail(expected: string, at = this.at): never {
    throw this.wrong(expected, at);
  }

  /** The word that was taken last is wrong. */
  refuse(expected: string): never {
    this.fail(expected, this.at - 1);
  }

  /** Nothing may follow. */
  end(expected = 'the end of the line'): void {
    if (!this.done) this.fail(expected);
  }

  /** Bytes a second. */
  rate(what: string): number {
    return this.parsed(parseRate, `${what}: a rate, like 10mbit or 1gbit`);
  }

  /** Bytes. */
  size(what: string): number {
    return this.parsed(parseSize, `${what}: a size, like 1600, 10kb or 2mb`);
  }

  /** ns. */
  time(what: string): number {
    return this.parsed(parseTime, `${what}: a time, like 100us, 50ms or 2s`);
  }

  /** 0 to 1. */
  percent(what: string): number {
    return this.parsed(parsePercent, `${what}: a percentage, like 1% or 0.5%`);
  }

  /** A whole number; decimal, 0x... or octal with a leading 0, as iproute2 reads them. */
  whole(what: string, least = 0, most = 0xffffffff): number {
    return this.parsed((text) => {
      const value = parseWhole(text);
      return value !== null && value >= least && value <= most ? value : null;
    }, `${what}: a whole number from ${least} to ${most}`);
  }

  /** A number in front of the colon: `1:` or `1`. */
  handle(what: string): number {
    return this.parsed(parseHandle, `${what}: a handle, like 1: or ffff:`);
  }

  /** `1:10` as 0x00010010. */
  classId(what: string): number {
    return this.parsed(parseClassId, `${what}: a class, like 1:10 (both in hex)`);
  }

  /** Takes the next word through a reader that returns null for what it cannot read. */
  parsed<Value>(read: (text: string) => Value | null, expected: string): Value {
    const text = this.next(expected);
    const value = read(text);
    if (value === null) this.refuse(expected);
    return value;
  }
}

/** Null: it is none. */
export function parseWhole(text: string): number | null {
  if (/^0x[0-9a-f]{1,12}$/i.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Splits a line as a shell does for plain words: blanks, and quotes around one. */
export function splitLine(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) =>
    (double ?? single ?? bare).trim(),
  );
}

/** The lines of a text as `tc -batch` takes it: without comments and empty ones. */
export function batchLines(text: string): string[] {
  return numberedLines(text).map(({ line }) => line);
}

/** The same with their numbers, from 1. */
export function numberedLines(text: string): { line: string; number: number }[] {
  return text
    .split('\n')
    .map((line, i) => ({ line: line.replace(/(^|\s)#.*/, '').trim(), number: i + 1 }))
    .filter(({ line }) => line !== '');
}
