// A YAML text with positions: its plain value, and the line and column of any path in it.

import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Path, Problem } from './problem.ts';

export class YamlSource {
  readonly file: string;
  /** The text as plain objects; undefined when it is no YAML. */
  readonly value: unknown;
  /** What is wrong with the text as YAML. */
  readonly problems: Problem[] = [];
  private readonly lines = new LineCounter();
  private readonly document: Document.Parsed;

  constructor(file: string, text: string) {
    this.file = file;
    this.document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false, logLevel: 'error' });
    const binary = binaryAt(text);
    if (binary >= 0) {
      this.problems.push(this.problem(binary, 'no text: a lab file is YAML, in UTF-8'));
      return;
    }
    for (const error of this.document.errors) this.problems.push(this.problem(error.pos[0], sayWhat(error)));
    if (this.problems.length > 0) return;
    try {
      this.value = this.document.toJS();
    } catch (error) {
      this.problems.push(this.problem(0, `not usable: ${brief((error as Error).message)}`));
    }
  }

  /** A problem at a path: at its key or its value; at the nearest thing around it that exists. */
  problemAt(path: Path, message: string, at: 'value' | 'key' = 'value'): Problem {
    return this.problem(this.offset(path, at), message);
  }

  private offset(path: Path, at: 'value' | 'key'): number {
    let node: unknown = this.document.contents;
    let offset = start(node) ?? 0;
    path.forEach((step, depth) => {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) {
          node = null;
          return;
        }
        const keyOffset = start(pair.key) ?? offset;
        offset = at === 'key' && depth === path.length - 1 ? keyOffset : (start(pair.value) ?? keyOffset);
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        offset = start(node) ?? offset;
      } else node = null;
    });
    return offset;
  }

  private problem(offset: number, message: string): Problem {
    const { line, col } = this.lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  }
}

function start(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

function sayWhat(error: { code: string; message: string }): string {
  if (error.code === 'DUPLICATE_KEY') return 'this key is there twice: one of them is enough';
  if (error.code === 'TAB_AS_INDENT') return 'a tab: YAML is indented with spaces';
  if (error.code === 'MULTIPLE_DOCS') return 'a second document begins here: a lab is one';
  return `not YAML: ${brief(error.message)}`;
}

/** Where a byte is that no text has, or that is no UTF-8; -1 when there is none. */
function binaryAt(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.search(/[\0-\x08\x0e-\x1f\ufffd]/);
}

/** Messages of the parser quote what they are about, which may be long. */
function brief(message: string): string {
  return message.length > 160 ? `${message.slice(0, 160)}...` : message;
}
