// Speaks with the shell on a guest's serial port: commands with their output and exit status, and waiting for words.

/** What a shell needs of a guest's console: GuestConsole of a guest in v86, and that of one in QEMU. */
export interface ShellConsole {
  /** Calls with what the guest writes, in pieces as they come. */
  listen(listener: (text: string) => void): () => void;
  write(data: string): void;
  /** The last lines the guest has written. */
  serialTail(lines: number): string[];
}

export interface CommandResult {
  /** Standard output and error, with plain newlines and none at the end. */
  output: string;
  status: number;
}

/** Lines of a terminal in its usual mode. */
const MAX_LINE = 4000;
const TAIL_LINES = 25;

export class GuestShell {
  private readonly console: ShellConsole;
  /** What came and has not been waited for. */
  private heard = '';
  private look: () => void = () => {};
  private commands = 0;

  constructor(guestConsole: ShellConsole) {
    this.console = guestConsole;
    guestConsole.listen((text) => {
      this.heard += text;
      this.look();
    });
  }

  /** Waits until the guest has written `pattern`; gives the match. What came up to its end is used up. */
  expect(pattern: string | RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    const expression = typeof pattern === 'string' ? new RegExp(escaped(pattern)) : pattern;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.look = () => {};
        const tail = this.console.serialTail(TAIL_LINES).join('\n');
        reject(new Error(`the guest has not written ${expression} within ${timeoutMs} ms; last:\n${tail}`));
      }, timeoutMs);
      this.look = () => {
        const match = expression.exec(this.heard);
        if (match === null) return;
        this.heard = this.heard.slice(match.index + match[0].length);
        this.look = () => {};
        clearTimeout(timer);
        resolve(match);
      };
      this.look();
    });
  }

  /** Once, at a prompt: no echo and no prompts, so that what comes is what commands write. */
  async quiet(timeoutMs: number): Promise<void> {
    this.console.write("stty -echo; PS1=''; PS2=''\n");
    await this.run(':', timeoutMs);
  }

  /** Runs a command in the shell itself (cd and variables stay), with nothing on its standard input. */
  async run(command: string, timeoutMs = 20_000): Promise<CommandResult> {
    if (command.split('\n').some((line) => line.length > MAX_LINE)) {
      throw new Error(`a line of the command has more than ${MAX_LINE} characters: a terminal takes no more`);
    }
    const id = `${++this.commands}-${command.length}`;
    const quoted = `'${command.replaceAll("'", "'\\''")}'`;
    // Three lines: the last one is reached after a syntax error in the second, too. The marks are put together by the
    // guest, so that an echo of this is no mark.
    this.console.write(
      `printf '%s' '[[begin' ' ${id}]]'\neval ${quoted} </dev/null 2>&1\nprintf '%s %d]]' '[[end ${id}' $?\n`,
    );
    const mark = new RegExp(`\\[\\[begin ${id}\\]\\]([\\s\\S]*)\\[\\[end ${id} (\\d+)\\]\\]`);
    const match = await this.expect(mark, timeoutMs).catch((error) => {
      throw new Error(`${command}: ${error.message}`);
    });
    return { output: match[1].replaceAll('\r', '').trimEnd(), status: Number(match[2]) };
  }

  /** As `run`, for what must succeed; gives the output. */
  async succeed(command: string, timeoutMs?: number): Promise<string> {
    const { output, status } = await this.run(command, timeoutMs);
    if (status !== 0) throw new Error(`${command}: exit status ${status}: ${output}`);
    return output;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
