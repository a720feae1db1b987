// What a person at a guest would see and type: its first serial port as a stream of text, the text screen of its VGA, and
// the keyboard.

import type { Emulator } from './v86.ts';

/** What is kept of the serial port's output, for who looks later. */
const KEPT_CHARACTERS = 64 * 1024;
/** Between two keys, so that a guest's small buffer is not overrun. */
const KEY_MS = 10;
const ESCAPE = 0x1b;
/** Scan codes of set 1: Ctrl, the bit of a released key, and the letters from A on. */
const CTRL = 0x1d;
const RELEASED = 0x80;
const LETTER_KEYS = [
  0x1e, 0x30, 0x2e, 0x20, 0x12, 0x21, 0x22, 0x23, 0x17, 0x24, 0x25, 0x26, 0x32, 0x31, 0x18, 0x19, 0x10, 0x13,
  0x1f, 0x14, 0x16, 0x2f, 0x11, 0x2d, 0x15, 0x2c,
];

export class GuestConsole {
  private readonly emulator: Emulator;
  private readonly decoder = new TextDecoder();
  private readonly encoder = new TextEncoder();
  private bytes: number[] = [];
  private kept = '';
  private readonly listeners = new Set<(text: string) => void>();
  private readonly listener = (byte: number) => this.take(byte);

  constructor(emulator: Emulator) {
    this.emulator = emulator;
    emulator.add_listener('serial0-output-byte', this.listener);
  }

  /**
   * Calls with what the guest writes to its serial port, in pieces as they come, at least once a turn of the event loop;
   * until the returned function is called.
   */
  listen(listener: (text: string) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Sends to the guest's serial port. A terminal takes lines of at most 4095 bytes. */
  write(data: string | Uint8Array): void {
    this.emulator.serial_send_bytes(0, typeof data === 'string' ? this.encoder.encode(data) : data);
  }

  /**
   * Types on the guest's keyboard (US layout); control characters by Ctrl and a letter. Resolves when all keys have been
   * pressed. Throws RangeError for a character that no key gives, before any is.
   */
  async type(text: string): Promise<void> {
    const strange = [...text].find((character) => character < '\x01' || character > '~');
    if (strange !== undefined)
      throw new RangeError(`no key of the guest's keyboard gives ${JSON.stringify(strange)}`);
    for (const character of text) {
      const code = character.charCodeAt(0);
      if (code === ESCAPE) await this.emulator.keyboard_send_scancodes([0x01, 0x81], KEY_MS);
      else if (code < 0x20 && !'\b\t\n'.includes(character)) await this.pressControl(code);
      else await this.emulator.keyboard_send_text(character, KEY_MS);
    }
  }

  /** The last lines the serial port has written, without the blank ones at the end. */
  serialTail(lines: number): string[] {
    this.flush();
    return this.kept.trimEnd().replaceAll('\r', '').split('\n').slice(-lines);
  }

  /** The VGA's text screen by lines, blanks at their ends cut off; [] in a graphical mode. */
  screenText(): string[] {
    const lines = this.emulator.screen_adapter?.get_text_screen() ?? [];
    return lines.map((line) => line.trimEnd());
  }

  /** Stops listening. */
  close(): void {
    this.flush();
    this.emulator.remove_listener('serial0-output-byte', this.listener);
  }

  private pressControl(code: number): Promise<void> {
    const key = LETTER_KEYS[code - 1];
    return this.emulator.keyboard_send_scancodes([CTRL, key, key | RELEASED, CTRL | RELEASED], KEY_MS);
  }

  private take(byte: number): void {
    if (this.bytes.length === 0) setImmediate(() => this.flush());
    this.bytes.push(byte);
  }

  private flush(): void {
    if (this.bytes.length === 0) return;
    const text = this.decoder.decode(Uint8Array.from(this.bytes), { stream: true });
    this.bytes = [];
    this.kept = (this.kept + text).slice(-KEPT_CHARACTERS);
    for (const listener of this.listeners) listener(text);
  }
}
