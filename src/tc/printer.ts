// Text and JSON from one pass, as iproute2 prints: each piece has its words for people and its key and value for programs.

export class Printer {
  private text = '';
  readonly json: Record<string, unknown> = {};
  /** -s, -d: what is shown beside the options. */
  readonly statistics: boolean;
  readonly details: boolean;

  constructor(statistics = false, details = false) {
    this.statistics = statistics;
    this.details = details;
  }

  /** A piece: its text, a blank in front of it; its key and value, if it has one for programs. */
  put(text: string, key = '', value: unknown = undefined): this {
    if (text !== '') this.text += this.text === '' || this.text.endsWith('\n') ? text : ` ${text}`;
    if (key !== '') this.json[key] = value;
    return this;
  }

  /** Text that stands as it is, blanks and all. */
  raw(text: string, key = '', value: unknown = undefined): this {
    this.text += text;
    if (key !== '') this.json[key] = value;
    return this;
  }

  /** Begins a line with this. */
  line(text: string): this {
    this.text += `${this.text === '' ? '' : '\n'}${text}`;
    return this;
  }

  toString(): string {
    return this.text;
  }
}
