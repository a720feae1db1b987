import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { heapGrowth, RETRY } from '../../test/vocabulary/heap.ts';
import { type TwoHostsOptions, twoHosts } from '../../test/vocabulary/inet-hosts.ts';
import { Random } from '../kernel/random.ts';
import { buildAck, buildError, buildRequest, parseOack, parseRequest, toNetascii } from './tftp-packet.ts';
import { type TftpFiles, TftpServer, type TftpServerOptions } from './tftp-server.ts';

const SECOND = 1_000_000_000;
const SERVER = 0x0a000001;

/** Bytes of which no two blocks are alike. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + (i >> 16)) & 0xff;
  return bytes;
}

/** A server at 10.0.0.1 and a socket at 10.0.0.2 that says what it is told. */
function lab(files: TftpFiles, options: Partial<TftpServerOptions> = {}, wire: TwoHostsOptions = {}) {
  const hosts = twoHosts(wire);
  const { clock, a, b } = hosts;
  const server = new TftpServer(a.stack, { files, ...options });
  const socket = b.stack.udp.open(3000);
  const heard: { port: number; bytes: Uint8Array }[] = [];
  socket.handler = (m, _address, port) => {
    heard.push({ port, bytes: b.machine.mbufs.toBytes(m) });
    b.machine.mbufs.freem(m);
  };
  const say = (bytes: Uint8Array, port = 69, from = socket) => {
    const before = heard.length;
    b.machine.process(() => from.send(bytes, SERVER, port));
    clock.run(clock.now() + 10_000_000);
    return heard.slice(before);
  };
  const ask = (file: string, wishes: [string, string][] = [], mode = 'octet') =>
    say(buildRequest(file, mode, new Map(wishes)));
  return { ...hosts, server, socket, heard, say, ask };
}

const error = (code: number, text: string) => ({ bytes: buildError(code, text) });
const block = (number: number, data: Uint8Array) =>
  Uint8Array.from([0, 3, (number >> 8) & 0xff, number & 0xff, ...data]);

/** A client that reads a file as RFC 7440 says: an acknowledgement a window, and one for each gap. */
function fetchFile(it: ReturnType<typeof lab>, file: string, wishes: [string, string][]) {
  const { b } = it;
  const { machine } = b;
  const socket = b.stack.udp.open();
  const state = { bytes: 0, wrong: 0, done: false, last: 0, failure: '', gaps: 0 };
  let expected: Uint8Array = new Uint8Array(0);
  let blockSize = 512;
  let windowSize = 1;
  let inWindow = 0;
  let server = 0;
  let told = -1;
  const acknowledge = () => socket.send(buildAck(state.last & 0xffff), SERVER, server);
  socket.handler = (m, _address, port) => {
    const { u8 } = machine.memory;
    server = port;
    const opcode = u8[m.data + 1];
    if (opcode === 6) {
      const agreed = parseOack(machine.mbufs.toBytes(m), m.packetLength);
      blockSize = Number(agreed?.get('blksize') ?? 512);
      windowSize = Number(agreed?.get('windowsize') ?? 1);
      acknowledge();
    } else if (opcode === 3) {
      const number = (u8[m.data + 2] << 8) | u8[m.data + 3];
      if (number === ((state.last + 1) & 0xffff)) {
        for (let i = 4; i < m.length; i++)
          if (u8[m.data + i] !== expected[state.bytes + i - 4]) state.wrong++;
        state.bytes += m.packetLength - 4;
        state.last++;
        state.done = m.packetLength - 4 < blockSize;
        if (++inWindow === windowSize || state.done) {
          inWindow = 0;
          acknowledge();
        }
      } else if (told !== state.last || number === (state.last & 0xffff)) {
        // Once for each gap, and when the last one comes again because our word was lost.
        state.gaps++;
        told = state.last;
        inWindow = 0;
        acknowledge();
      }
    } else state.failure = machine.mbufs.toBytes(m).join(' ');
    machine.mbufs.freem(m);
  };
  return {
    state,
    start(content: Uint8Array) {
      expected = content;
      machine.process(() => socket.send(buildRequest(file, 'octet', new Map(wishes)), SERVER, 69));
    },
  };
}

function fetched(it: ReturnType<typeof lab>, content: Uint8Array, wishes: [string, string][], seconds = 300) {
  const client = fetchFile(it, 'f', wishes);
  client.start(content);
  it.clock.run(it.clock.now() + seconds * SECOND);
  expect(client.state).toMatchObject({ bytes: content.length, wrong: 0, done: true, failure: '' });
  for (const host of [it.a, it.b]) host.expectBalanced();
  return client.state;
}

describe('a TFTP server', () => {
  test('gives a file block by block, from a port of its own', () => {
    const content = pattern(1100);
    const it = lab(new Map([['boot/f', content]]));
    const [first] = it.ask('/boot//./f');
    expect(first.port).toBeGreaterThan(49151);
    expect(first.bytes).toEqual(block(1, content.subarray(0, 512)));
    expect(it.say(buildAck(1), first.port)[0].bytes).toEqual(block(2, content.subarray(512, 1024)));
    expect(it.say(buildAck(2), first.port)[0].bytes).toEqual(block(3, content.subarray(1024)));
    expect(it.server.transfers).toMatchObject([{ state: 'sending', bytes: 1024, size: 1100 }]);
    expect(it.say(buildAck(3), first.port)).toEqual([]);
    expect(it.server.transfers).toEqual([
      {
        file: '/boot//./f',
        client: '10.0.0.2:3000',
        state: 'done',
        size: 1100,
        bytes: 1100,
        blockSize: 512,
        windowSize: 1,
        reason: '',
      },
    ]);
    expect(it.a.stack.udp.openSockets.map(({ port }) => port)).toEqual([69]);
    expect(it.a.machine.callouts.census().filter((name) => name.startsWith('tftp'))).toEqual([]);
    for (const host of [it.a, it.b]) host.expectBalanced();
  });

  test.each([0, 1, 511, 512, 513, 1024])('of %i bytes, the end is a short block', (length) => {
    fetched(lab(new Map([['f', pattern(length)]])), pattern(length), [], 1);
  });

  test('agrees on what the client wishes, as far as it goes', () => {
    const it = lab(new Map([['f', pattern(5000)]]));
    const agreed = (...wishes: [string, string][]) => {
      const [{ bytes, port }] = it.ask('f', wishes);
      it.say(buildError(8, 'no'), port);
      return bytes[1] === 6 ? Object.fromEntries(parseOack(bytes, bytes.length) ?? []) : bytes[1];
    };
    expect(agreed(['BLKSIZE', '1400'], ['tsize', '0'], ['timeout', '3'], ['windowsize', '8'])).toEqual({
      blksize: '1400',
      tsize: '5000',
      timeout: '3',
      windowsize: '8',
    });
    // What does not fit into a frame would be cut into fragments: 1500 - 20 - 8 - 4.
    expect(agreed(['blksize', '65464'], ['windowsize', '65535'])).toEqual({
      blksize: '1468',
      windowsize: '64',
    });
    expect(agreed(['blksize', '7'], ['timeout', '256'], ['tsize', 'x'], ['multicast', ''])).toBe(3);
    expect(it.server.counters).toMatchObject({ requests: 3, started: 3, aborted: 3 });
    expect(it.server.transfers[0].reason).toBe('error 8: no');
  });

  test('sends no data before its options are acknowledged', () => {
    const it = lab(new Map([['f', pattern(100)]]));
    const [{ port }] = it.ask('f', [['tsize', '0']]);
    expect(it.say(buildAck(1), port)).toEqual([]);
    expect(it.server.counters.invalid).toBe(1);
    expect(it.say(buildAck(0), port)[0].bytes).toEqual(block(1, pattern(100)));
  });

  test('netascii: ends of lines as the network has them', () => {
    const it = lab(new Map([['f', Uint8Array.from('a\nb\rc\r\n', (c) => c.charCodeAt(0))]]));
    const [{ bytes }] = it.ask('f', [], 'NetASCII');
    expect(String.fromCharCode(...bytes.subarray(4))).toBe('a\r\nb\r\0c\r\0\r\n');
    expect(toNetascii(new Uint8Array(0))).toEqual(new Uint8Array(0));
  });

  test('says what is wrong with a request, from a port of its own', () => {
    const failing: TftpFiles = (name) => {
      if (name === 'bad') throw new Error('disk on fire');
      return name === 'large' ? new Uint8Array(1024 * 1024 + 1) : null;
    };
    const it = lab(failing);
    const raw = (...bytes: number[]) => it.say(Uint8Array.from(bytes));
    const text = (s: string) => [...s].map((c) => c.charCodeAt(0));
    expect(it.ask('none')).toMatchObject([error(1, 'there is no such file')]);
    for (const name of ['../etc/passwd', 'a/../b', '..', '..\\x', 'a\nb'])
      expect(it.ask(name)).toMatchObject([error(2, 'a plain name without .. is wanted')]);
    expect(it.ask('bad')).toMatchObject([error(0, 'the file cannot be read')]);
    expect(it.ask('f', [], 'mail')).toMatchObject([error(4, 'the mode must be octet or netascii')]);
    expect(it.ask('large', [], 'netascii')).toMatchObject([
      error(0, 'too long for netascii: mode octet would be right'),
    ]);
    expect(raw(0, 2, ...text('f\0octet\0'))).toMatchObject([error(2, 'nothing can be written here')]);
    expect(raw(0, 1, ...text('f\0octet'))).toMatchObject([error(4, 'a string without its end')]);
    expect(raw(0, 1, ...text('f\0'))).toMatchObject([error(4, 'a file and a mode are wanted')]);
    expect(raw(0, 1, ...text('\0octet\0'))).toMatchObject([error(1, 'a file without a name')]);
    expect(raw(0, 1, ...text('f\0octet\0tsize\0'))).toMatchObject([error(8, 'an option without a value')]);
    expect(raw(0, 1, ...text('f\0octet\0a\0b\0A\0c\0'))).toMatchObject([
      error(8, 'the option a is there twice'),
    ]);
    expect(it.ask('f'.repeat(510))).toMatchObject([error(4, 'a request has 512 bytes at most')]);
    for (const bytes of [[], [0], [0, 4, 0, 1], [7, 1, 0]])
      expect(raw(...bytes)).toMatchObject([error(4, 'a read request is wanted here')]);
    expect(it.heard.every(({ port }) => port > 49151)).toBe(true);
    // An error is not answered, and what is sent to all stations neither.
    expect(it.say(buildError(1, 'x'))).toEqual([]);
    it.b.machine.process(() => it.socket.send(buildRequest('f', 'octet', new Map()), 0x0a0000ff, 69));
    it.clock.run(it.clock.now() + SECOND);
    const { requests, refused, ignored } = it.server.counters;
    expect([requests, refused, ignored]).toEqual([22, 20, 2]);
    expect(it.heard).toHaveLength(20);
    for (const host of [it.a, it.b]) host.expectBalanced();
  });

  test('tells a stranger that a transfer is not his, and goes on', () => {
    const it = lab(new Map([['f', pattern(1000)]]));
    const [{ port }] = it.ask('f');
    const stranger = it.b.stack.udp.open(3001);
    const got: string[] = [];
    stranger.handler = (m) => {
      got.push(it.b.machine.mbufs.toBytes(m).subarray(0, 4).join(' '));
      it.b.machine.mbufs.freem(m);
    };
    it.say(buildAck(1), port, stranger);
    it.say(buildError(0, ''), port, stranger);
    expect([got, it.server.counters.unknownTid]).toEqual([['0 5 0 5'], 2]);
    expect(it.say(buildAck(1), port)).toMatchObject([{ bytes: block(2, pattern(1000).subarray(512)) }]);
  });

  test('ends a transfer whose client sends what it must not', () => {
    const it = lab(new Map([['f', pattern(1000)]]));
    const [{ port }] = it.ask('f');
    expect(it.say(block(1, new Uint8Array(3)), port)).toMatchObject([
      error(4, 'only an acknowledgement is expected'),
    ]);
    expect(it.server.counters).toMatchObject({ aborted: 1, invalid: 1 });
  });

  test('sends again, more and more patiently, and gives up', () => {
    const it = lab(new Map([['f', pattern(100)]]));
    it.ask('f');
    it.clock.run(it.clock.now() + 100 * SECOND);
    // 1 + 2 + 4 + 8 seconds, then the last wait of 16.
    expect(it.heard.map(({ bytes }) => bytes[1])).toEqual([3, 3, 3, 3, 3, 5]);
    expect(it.server.counters).toMatchObject({ timedOut: 1, timeouts: 5, blocksResent: 4 });
    expect(it.server.transfers[0]).toMatchObject({ state: 'timedOut', bytes: 0 });
    const fixed = lab(new Map([['f', pattern(100)]]));
    const [{ port }] = fixed.ask('f', [['timeout', '30']]);
    fixed.say(buildAck(0), port);
    fixed.clock.run(fixed.clock.now() + 80 * SECOND);
    expect(fixed.heard.map(({ bytes }) => bytes[1])).toEqual([6, 3, 3]);
  });

  test('two acknowledgements alike do not make two blocks of one', () => {
    const it = lab(new Map([['f', pattern(512 * 50)]]));
    const [{ port }] = it.ask('f');
    for (let i = 1; i < 50; i++) {
      const answers = [...it.say(buildAck(i), port), ...it.say(buildAck(i), port)];
      expect(answers.map(({ bytes }) => bytes[3])).toEqual([i + 1]);
    }
    expect(it.server.counters).toMatchObject({ blocksSent: 50, blocksResent: 0, duplicateAcks: 49 });
  });

  test('in a window: goes back to what was missed, once, and copies of acknowledgements die out', () => {
    const it = lab(new Map([['f', pattern(512 * 100)]]));
    const [{ port }] = it.ask('f', [['windowsize', '4']]);
    const numbers = (bytes: Uint8Array) => it.say(bytes, port).map((one) => one.bytes[3]);
    expect(numbers(buildAck(0))).toEqual([1, 2, 3, 4]);
    expect(numbers(buildAck(2))).toEqual([3, 4, 5, 6]);
    expect(numbers(buildAck(2))).toEqual([3, 4, 5, 6]);
    expect(numbers(buildAck(2))).toEqual([]);
    expect(numbers(buildAck(6))).toEqual([7, 8, 9, 10]);
    expect(numbers(buildAck(6))).toEqual([]);
    expect(numbers(buildAck(3))).toEqual([]);
    expect(numbers(buildAck(11))).toEqual([]);
    expect(numbers(buildAck(10))).toEqual([11, 12, 13, 14]);
    expect(it.server.counters).toMatchObject({ duplicateAcks: 4, invalid: 1 });
  });

  test('a copy of a request is passed over; a new one from the same port replaces the transfer', () => {
    const it = lab(new Map([['f', pattern(1000)]]));
    const [{ port }] = it.ask('f');
    expect(it.ask('f')).toEqual([]);
    it.say(buildAck(1), port);
    const [again] = it.ask('f');
    expect(again.port).not.toBe(port);
    expect(it.server.counters).toMatchObject({ requests: 3, started: 2, ignored: 1, replaced: 1 });
  });

  test('serves so many at one time, and says so to the next', () => {
    const it = lab(new Map([['f', pattern(1000)]]), { maxTransfers: 3 });
    const sockets = [4000, 4001, 4002, 4003].map((port) => it.b.stack.udp.open(port));
    for (const socket of sockets) {
      socket.handler = it.socket.handler;
      it.say(buildRequest('f', 'octet', new Map()), 69, socket);
    }
    expect(it.heard.map(({ bytes }) => bytes[1])).toEqual([3, 3, 3, 5]);
    expect(it.server.counters).toMatchObject({ started: 3, refused: 1 });
    it.server.close();
    expect(it.a.stack.udp.openSockets).toEqual([]);
    expect(it.server.transfers.map(({ state }) => state)).toEqual(['aborted', 'aborted', 'aborted']);
  });

  test('block numbers run over, and the file goes on', () => {
    const content = pattern(70_000 * 8 + 3);
    const it = lab(new Map([['f', content]]));
    const { last } = fetched(it, content, [
      ['blksize', '8'],
      ['windowsize', '16'],
    ]);
    expect(last).toBe(70_001);
    expect(it.server.counters).toMatchObject({ blocksSent: 70_001, blocksResent: 0, done: 1 });
  });

  test.each([
    ['1', 60_000],
    ['16', 400_000],
    ['64', 400_000],
  ])('windows of %s get through a bad wire: loss, copies, both ways', (windowsize, length) => {
    const content = pattern(length);
    const it = lab(new Map([['f', content]]));
    const random = new Random(42, `wire ${windowsize}`);
    for (const [from, to] of [
      [it.a, it.b],
      [it.b, it.a],
    ]) {
      from.ends[0].filter = (frame) => {
        if (random.chance(0.03)) return false;
        if (random.chance(0.03)) to.ends[0].inject(frame);
        return true;
      };
    }
    const client = fetchFile(it, 'f', [
      ['windowsize', windowsize],
      ['timeout', '1'],
    ]);
    client.start(content);
    // The client of this test repeats no request; the first packets may be lost.
    it.clock.run(it.clock.now() + 1000 * SECOND);
    expect(client.state).toMatchObject({ bytes: content.length, wrong: 0, done: true });
    expect(it.server.counters.blocksResent).toBeGreaterThan(0);
    for (const host of [it.a, it.b]) host.expectBalanced();
  });

  test('a file of 20 MB goes through without a heap of garbage', RETRY, () => {
    const content = pattern(20_000_000);
    // A gigabit: the file takes 170 ms, a round 85 blocks.
    const it = lab(new Map([['f', content]]), {}, { bitsPerSecond: 1_000_000_000 });
    const blocks = Math.floor(content.length / 1468) + 1;
    const wishes: [string, string][] = [
      ['blksize', '1468'],
      ['windowsize', '32'],
    ];
    fetched(it, content, wishes, 10);
    const client = fetchFile(it, 'f', wishes);
    client.start(content);
    const bytes = heapGrowth(() => it.clock.run(it.clock.now() + SECOND / 1000), 200);
    expect(client.state).toMatchObject({ bytes: content.length, wrong: 0, done: true });
    expect(it.server.counters).toMatchObject({ blocksSent: 2 * blocks, blocksResent: 0 });
    expect(bytes / blocks).toBeLessThan(100);
  });

  test('survives anything, at both its ports', () => {
    const it = lab(new Map([['f', pattern(3000)]]));
    const [{ port }] = it.ask('f');
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 700 }),
      fc.uint8Array({ maxLength: 500 }).map((tail) => Uint8Array.from([0, 1 + (tail.length % 6), ...tail])),
    );
    fc.assert(
      fc.property(bytes, fc.boolean(), (payload, request) => {
        it.say(payload, request ? 69 : port);
      }),
      { numRuns: 400, seed: 5 },
    );
    const { requests, started, refused, ignored } = it.server.counters;
    expect(started + refused + ignored).toBe(requests);
    it.clock.run(it.clock.now() + 100 * SECOND);
    const { done, aborted, timedOut, replaced } = it.server.counters;
    expect(done + aborted + timedOut + replaced).toBe(started);
    for (const host of [it.a, it.b]) host.expectBalanced();
  });

  test('reads requests as they are', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z/.]{1,40}$/), fc.stringMatching(/^[0-9]{1,9}$/), (file, value) => {
        const bytes = buildRequest(file, 'Octet', new Map([['Blksize', value]]));
        expect(parseRequest(bytes, bytes.length)).toEqual({
          opcode: 1,
          file,
          mode: 'octet',
          options: new Map([['blksize', value]]),
        });
      }),
    );
  });
});
