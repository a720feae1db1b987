// The qtest protocol against a QEMU that is the test: whatever it says is an answer, an interrupt, or the end of it.

import { closeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requirement } from '../../../test/vocabulary/require.ts';
import { VirtualClock } from '../../kernel/clock.ts';
import { Machine } from '../../kernel/machine.ts';
import { AF_UNIX, type Linux, loadLinux, MSG_DONTWAIT, SOCK_STREAM } from '../../ports/linux.ts';
import { InterruptPins } from './interrupts.ts';
import { QtestSocket } from './socket.ts';

const live = requirement('Linux', process.platform === 'linux', 'it needs socket pairs');

describe.skipIf(!live)('the qtest socket', () => {
  let linux: Linux;
  let ours: number;
  let theirs: number;
  let pins: string[];
  let lost: string[];
  let settled: () => void;
  let socket: QtestSocket;

  beforeEach(() => {
    linux = loadLinux();
    const pair = new Int32Array(2);
    expect(linux.socketpair(AF_UNIX, SOCK_STREAM, 0, pair)).toBe(0);
    [ours, theirs] = pair;
    pins = [];
    lost = [];
    settled = () => {};
    socket = new QtestSocket(linux, ours, 300, {
      pin: (number, high) => void pins.push(`${high ? '+' : '-'}${number}`),
      settle: () => settled(),
      lost: (why) => void lost.push(why),
    });
  });
  afterEach(() => {
    closeSync(ours);
    if (theirs >= 0) closeSync(theirs);
  });

  /** What the other side is going to have said. */
  function says(text: string): void {
    const bytes = new Uint8Array(Math.max(text.length, 128));
    new TextEncoder().encodeInto(text, bytes);
    expect(linux.send(theirs, linux.addressOf(bytes), text.length, MSG_DONTWAIT)).toBe(text.length);
  }

  /** What it has been told since the last time. */
  function heard(): string {
    const bytes = new Uint8Array(4096);
    const length = linux.recv(theirs, linux.addressOf(bytes), bytes.length, MSG_DONTWAIT);
    return new TextDecoder().decode(bytes.subarray(0, Math.max(length, 0)));
  }

  /** The value of an access that is answered so. */
  function answered(text: string, access: () => number): number {
    says(text);
    return access();
  }

  it('takes numbers of any length, unsigned', () => {
    expect(answered('OK 0x0012\n', () => socket.inPort(0x1012, 1))).toBe(0x12);
    expect(answered('OK 0xfedcba98\n', () => socket.inPort(0xcfc, 4))).toBe(0xfedcba98);
    expect(answered('OK 0x00000000fedcba98\n', () => socket.readMemory(0, 4))).toBe(0xfedcba98);
    expect(answered('OK 0xffffffffffffffff\n', () => socket.readMemory(0, 2))).toBe(0xffff);
    expect(answered('OK 0x0\n', () => socket.inPort(0, 4))).toBe(0);
    expect(lost).toEqual([]);
  });

  it('writes the lines that QEMU understands', () => {
    const accesses: (() => unknown)[] = [
      () => socket.outPort(0xcf8, 4, 0x80001810),
      () => socket.outPort(0x70, 1, 0xff),
      () => socket.outPort(0x1012, 2, 0xbeef),
      () => socket.writeMemory(0xe0000000, 4, 0xffffffff),
      () => socket.writeMemory(0x12345678, 1, 0),
      () => socket.readMemory(0xe0000004, 1),
      () => socket.inPort(0xcfc, 4),
      () => socket.interceptInterrupts(),
    ];
    for (const access of accesses) {
      says('OK 0x0\n');
      access();
    }
    expect(heard().split('\n')).toEqual([
      'outl 0x00000cf8 0x80001810',
      'outb 0x00000070 0x000000ff',
      'outw 0x00001012 0x0000beef',
      'writel 0xe0000000 0xffffffff',
      'writeb 0x12345678 0x00000000',
      'readb 0xe0000004',
      'inl 0x00000cfc',
      'irq_intercept_in ioapic',
      '',
    ]);
    expect([socket.commands, lost]).toEqual([8, []]);
  });

  it('takes interrupts before an answer, behind it, alone, and in pieces', () => {
    says('IRQ raise 10\nIRQ lower 10\nOK 0x0007\nIRQ raise 5\nIRQ rai');
    expect(socket.inPort(0, 2)).toBe(7);
    // Nothing more comes: who waited for the socket to become readable would wait for ever.
    expect(pins).toEqual(['+10', '-10', '+5']);
    socket.absorb();
    says('se 23\nIRQ lower 5');
    socket.absorb();
    expect(pins.at(-1)).toBe('+23');
    says('\nOK 0x1\n');
    expect(socket.inPort(0, 2)).toBe(1);
    expect(pins.at(-1)).toBe('-5');
  });

  it('a handler that makes accesses right after an answer does not change that answer', () => {
    says('IRQ raise 10\nOK 0x1111\n');
    const seen: number[] = [];
    settled = () => {
      settled = () => {};
      says('IRQ lower 10\nOK 0x2222\n');
      seen.push(socket.inPort(2, 2));
    };
    expect(socket.inPort(0, 2)).toBe(0x1111);
    expect(seen).toEqual([0x2222]);
  });

  it('a flood of interrupts is taken in whole', () => {
    const line = 'IRQ raise 10\nIRQ lower 10\n';
    for (let i = 0; i < 100; i++) says(line.repeat(20));
    socket.absorb();
    expect(pins.length).toBe(4000);
    says(`${line.repeat(20)}OK 0x5\n`);
    expect(socket.inPort(0, 1)).toBe(5);
  });

  it.each<[string, string, RegExp]>([
    ['a refusal', "FAIL Unknown command 'inw'\n", /it said "FAIL Unknown command 'inw'"/],
    ['an empty line', '\n', /it said ""/],
    ['a line without end', 'x'.repeat(9000), /more than 8192 bytes/],
    ['two answers', 'OK\nOK\n', /it answered twice/],
    ['half an answer', 'OK 0x', /has not answered for 0.3 s/],
    ['nothing', '', /has not answered for 0.3 s/],
  ])('%s: it is lost, told once, and everything reads as ones from then on', (_, text, why) => {
    if (text !== '') says(text);
    expect(socket.inPort(0, 2)).toBe(0xffff);
    expect([socket.readMemory(0, 4), socket.inPort(0, 1)]).toEqual([0xffffffff, 0xff]);
    socket.outPort(0, 1, 1);
    socket.absorb();
    expect(lost).toEqual([expect.stringMatching(why)]);
    expect(socket.dead).toBe(true);
  });

  it('an answer that nobody asked for', () => {
    says('OK\n');
    socket.absorb();
    expect(lost).toEqual(['it answered a question that nobody asked']);
  });

  it('its end, while it is asked and while it is not', () => {
    closeSync(theirs);
    theirs = -1;
    expect(socket.inPort(0, 4)).toBe(0xffffffff);
    expect(lost).toEqual(['it ended']);
  });

  it('its end behind an answer', () => {
    says('OK 0x9\n');
    closeSync(theirs);
    theirs = -1;
    socket.absorb();
    expect(lost.length).toBe(1);
    expect(socket.inPort(0, 1)).toBe(0xff);
  });

  it('numbers of pins that are none, or no numbers, harm nobody', () => {
    says('IRQ raise 99999999999\nIRQ raise -1\nIRQ\nIRQ raise\nI\nOK 0x1\n');
    const real = new InterruptPins();
    const machine = new Machine({ clock: new VirtualClock() });
    real.connect(3, 1, machine.irq.line(5));
    expect(socket.inPort(0, 1)).toBe(1);
    for (const pin of pins) real.note(Number(pin.slice(1)), pin.startsWith('+'));
    real.settle();
    expect(real.changes).toBe(0);
  });
});

describe('interrupt pins', () => {
  // Slots 3 and 7 are on PIRQC, which is routed to pin 5; slot 4 is on PIRQD: 7.
  const setUp = () => {
    const machine = new Machine({ clock: new VirtualClock() });
    const pins = new InterruptPins();
    const calls: string[] = [];
    return { machine, pins, calls, line: (number: number) => machine.irq.line(number) };
  };

  it('each line behind a pin gets its level, once, however many cards share it', () => {
    const { machine, pins, calls, line } = setUp();
    pins.connect(3, 1, line(5));
    pins.connect(7, 1, line(5));
    pins.connect(4, 1, line(9));
    const handler = (name: string) => () => {
      calls.push(name);
      pins.note(5, false);
      pins.settle();
      return true;
    };
    line(5).addAction('first', handler('first'));
    machine.process(() => {
      pins.note(5, true);
      pins.settle();
    });
    expect([calls, pins.changes]).toEqual([['first'], 2]);
    expect(line(9).delivered).toBe(0);
  });

  it('a handler that ends the interrupt before the next line was told: the next one never sees it', () => {
    const { machine, pins, calls, line } = setUp();
    pins.connect(3, 1, line(5));
    pins.connect(7, 1, line(11));
    line(5).addAction('first', () => {
      calls.push('first');
      pins.note(5, false);
      pins.settle();
      return true;
    });
    line(11).addAction('second', () => {
      calls.push('second');
      return false;
    });
    machine.process(() => {
      pins.note(5, true);
      pins.settle();
    });
    expect(calls).toEqual(['first']);
    // And both are down: another one rises anew.
    machine.process(() => {
      pins.note(5, true);
      pins.settle();
    });
    expect(calls).toEqual(['first', 'first']);
  });

  it('a line that comes to a pin which is high is told so; when all is released it is told that too', () => {
    const { pins, line } = setUp();
    pins.note(5, true);
    pins.connect(3, 1, line(5));
    expect(pins.changes).toBe(1);
    pins.release();
    pins.release();
    expect(pins.changes).toBe(2);
  });
});
