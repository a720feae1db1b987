// What a person at a guest would see and type: its first serial port as a stream of text, the text screen of its VGA, and
// the keyboard.

import type { Emulator } from './v86.ts';

/** What is kept of the serial port's output, for who looks later. */
const KEPT_CHARACTERS = 64 * 1024;

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

  /** Types on the guest's keyboard (US layout). Resolves when all keys have been pressed. */
  type(text: string): Promise<void> {
    return this.emulator.keyboard_send_text(text, 10);
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
