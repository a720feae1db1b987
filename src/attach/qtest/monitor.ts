// The QMP connection: commands and answers as lines of JSON, for what is rare: pulling and plugging a NIC's cable. After
// QEMU's documentation ("QEMU Machine Protocol Specification", "QEMU QMP Reference Manual", set_link).

import { type Linux, MSG_NOSIGNAL } from '../../ports/linux.ts';
import { AttachError } from './error.ts';
import { setReceiveTimeout } from './socket.ts';

const IN_BYTES = 16384;
/** Longest line that makes sense; the greeting has a few hundred letters. */
const LINE_LIMIT = 1 << 20;
/** While QEMU is slow its other connection is looked after this often: it may be waiting for us there. */
const SLICE_US = 20_000;

interface Answer {
  return?: unknown;
  error?: { desc: string };
}

export class Monitor {
  private readonly linux: Linux;
  private readonly fd: number;
  private readonly timeoutMs: number;
  private readonly meanwhile: () => void;
  private readonly in = new Uint8Array(IN_BYTES);
  private readonly inAddress: number;
  private readonly decoder = new TextDecoder();
  private text = '';
  private closed = false;

  /** `meanwhile` is called now and then during a wait. Throws AttachError when QEMU does not greet. */
  constructor(linux: Linux, fd: number, timeoutMs: number, meanwhile: () => void) {
    this.linux = linux;
    this.fd = fd;
    this.timeoutMs = timeoutMs;
    this.meanwhile = meanwhile;
    this.inAddress = linux.addressOf(this.in);
    setReceiveTimeout(linux, fd, SLICE_US);
    this.command('qmp_capabilities', {});
  }

  /** Plugs or pulls the cable behind a netdev. Throws AttachError when QEMU refuses or does not answer. */
  setLink(netdev: string, up: boolean): void {
    this.command('set_link', { name: netdev, up });
  }

  /** Nothing is asked from now on. */
  close(): void {
    this.closed = true;
  }

  private command(execute: string, parameters: Record<string, unknown>): void {
    if (this.closed) throw new AttachError(`QEMU is gone: it cannot be asked for ${execute}`);
    this.send(`${JSON.stringify({ execute, arguments: parameters })}\n`);
    const deadline = performance.now() + this.timeoutMs;
    while (performance.now() <= deadline) {
      // Who looked after the other connection may have found that QEMU is gone, and closed this one.
      if (this.closed) throw new AttachError(`QEMU is gone: it cannot be asked for ${execute}`);
      const line = this.line();
      if (line === null) {
        this.fill(execute);
        continue;
      }
      // Greeting and events are neither the one nor the other.
      const answer = JSON.parse(line) as Answer;
      if (answer.error !== undefined) throw new AttachError(`QEMU refuses ${execute}: ${answer.error.desc}`);
      if (answer.return !== undefined) return;
    }
    throw new AttachError(`QEMU has not answered ${execute} for ${this.timeoutMs / 1000} s`);
  }

  private send(text: string): void {
    // Never short: addresses are had of arrays above 64 bytes only.
    const bytes = new Uint8Array(Math.max(text.length, 128));
    new TextEncoder().encodeInto(text, bytes);
    const sent = this.linux.send(this.fd, this.linux.addressOf(bytes), text.length, MSG_NOSIGNAL);
    if (sent !== text.length) throw new AttachError('QEMU does not take commands');
  }

  /** The next whole line that has come, or null. */
  private line(): string | null {
    const stop = this.text.indexOf('\n');
    if (stop < 0) return null;
    const line = this.text.slice(0, stop);
    this.text = this.text.slice(stop + 1);
    return line;
  }

  private fill(execute: string): void {
    const { linux } = this;
    const got = linux.recv(this.fd, this.inAddress, IN_BYTES, 0);
    if (got > 0) {
      this.text += this.decoder.decode(this.in.subarray(0, got), { stream: true });
      if (this.text.length > LINE_LIMIT) throw new AttachError(`QEMU answers ${execute} without end`);
      return;
    }
    const name = got === 0 ? '' : linux.errorName(linux.errno());
    if (name !== 'EAGAIN' && name !== 'EINTR')
      throw new AttachError(`QEMU ended before it answered ${execute}`);
    this.meanwhile();
  }
}
