// What a Linux guest expects of any card that it has a driver for, whichever driver: frames of every size both ways, the
// address filter, going down and up in full traffic, and TCP with another kernel. What one driver alone can tell (its
// test, its registers, its words) stands in the tests of that driver.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tap } from '../../src/ports/tap.ts';
import { hasGuests } from '../vocabulary/guest.ts';
import {
  awaitCarrier,
  bringUp,
  expectNothingVanished,
  GUEST_ADDRESS,
  GUEST_MAC,
  type GuestCard,
  type GuestChip,
  HOST_ADDRESS,
  peerHost,
  SLOW_MS,
  type StartGuestLab,
  statistic,
} from '../vocabulary/guest-lab.ts';
import { ethernet, STRANGER } from '../vocabulary/packets.ts';
import { hasProgram, requirement } from '../vocabulary/require.ts';
import { TestStation } from '../vocabulary/station.ts';

const MAC = Uint8Array.from(GUEST_MAC.split(':'), (octet) => Number.parseInt(octet, 16));
/** For local experiments: no protocol takes it up. */
const EXPERIMENTAL = 0x88b5;

export interface LinuxCardOptions {
  /** Warnings of the model that this driver gives cause for. */
  expectedWarning?: RegExp;
}

/** To be called inside a `describe` that has a guest. */
export function linuxCardContract<Chip extends GuestChip>(
  start: StartGuestLab,
  card: GuestCard<Chip>,
  { expectedWarning = /^$/ }: LinuxCardOptions = {},
): void {
  it('carries frames of every size, byte for byte, both ways', { timeout: SLOW_MS }, async () => {
    const lab = await start(card);
    const { guest, link, clock, seen } = lab;
    const { stack, machine } = peerHost(clock, link.a);
    await bringUp(lab);
    const first = await guest.shell.succeed(`ping -c 5 -p a5 -s 1472 ${HOST_ADDRESS}`);
    expect(first).toContain('5 packets transmitted, 5 packets received, 0% packet loss');
    lab.recording = true;
    const lost: number[] = [];
    // Data of 18 bytes fills the shortest frame, 1472 the longest.
    for (let size = 0; size <= 1472; size++) {
      let finished = false;
      const ping = machine.process(() =>
        stack.ping(GUEST_ADDRESS, { count: 1, size, timeoutNs: 10e9, onDone: () => (finished = true) }),
      );
      for (let turn = 0; !finished && turn < 1e7; turn++) await new Promise(setImmediate);
      if (ping.received !== 1) lost.push(size);
    }
    expect(lost).toEqual([]);
    const [requests, replies] = (['in', 'out'] as const).map((direction) =>
      seen.filter((one) => one.direction === direction && one.bytes[12] === 8 && one.bytes[13] === 0),
    );
    expect(replies.map(({ bytes }) => bytes.length)).toEqual(requests.map(({ bytes }) => bytes.length));
    expect(new Set(replies.map(({ bytes }) => bytes.length)).size).toBe(1514 - 60 + 1);
    for (const [i, { bytes }] of replies.entries()) {
      const asked = requests[i].bytes;
      // Addresses the other way round; behind the ICMP checksum all is as it was.
      expect([...bytes.subarray(0, 12)]).toEqual([...asked.subarray(6, 12), ...asked.subarray(0, 6)]);
      const data = 20 + 8 + ((asked[16] << 8) | asked[17]) - 28;
      expect(Buffer.compare(bytes.subarray(38, 14 + data), asked.subarray(38, 14 + data))).toBe(0);
      // A short frame is filled up with zeros: nothing of the guest's memory leaves with it.
      expect(bytes.subarray(14 + data).every((octet) => octet === 0)).toBe(true);
    }
    expect(await statistic(lab, 'rx_errors')).toBe(0);
    expect(await statistic(lab, 'tx_errors')).toBe(0);
    expect(await statistic(lab, 'rx_packets')).toBe(lab.chip.counters.delivered);
    expect(await statistic(lab, 'tx_packets')).toBe(lab.chip.counters.transmitted);
    await expectNothingVanished(lab);
  });

  it('hears what Linux asked for, and all when it is promiscuous', { timeout: SLOW_MS }, async () => {
    const lab = await start(card);
    const { guest, link, clock, chip } = lab;
    const { shell } = guest;
    const station = new TestStation(link.a, clock);
    await bringUp(lab);
    // An IPv6 address comes with a group for those who look for its station.
    const group = Uint8Array.of(0x33, 0x33, 0xff, 0x12, 0x34, 0x56);
    const join = 'ip -6 addr add fe80::12:3456/64 dev eth0';
    const other = Uint8Array.of(0x01, 0x00, 0x5e, 0x11, 0x22, 0x33);
    /** Whether the guest counts a frame to this address. */
    const hears = async (to: Uint8Array): Promise<boolean> => {
      const before = await statistic(lab, 'rx_packets');
      const { received } = chip.counters;
      station.offer(ethernet(to, STRANGER, EXPERIMENTAL, new Uint8Array(46)));
      await expect.poll(() => chip.counters.received, { timeout: SLOW_MS }).toBe(received + 1);
      return (await statistic(lab, 'rx_packets')) === before + 1;
    };
    expect(await hears(MAC)).toBe(true);
    expect(await hears(Uint8Array.from([255, 255, 255, 255, 255, 255]))).toBe(true);
    expect([await hears(STRANGER), await hears(group), await hears(other)]).toEqual([false, false, false]);
    await shell.succeed(join);
    expect([await hears(STRANGER), await hears(group), await hears(other)]).toEqual([false, true, false]);
    await shell.succeed('ifconfig eth0 allmulti');
    expect([await hears(STRANGER), await hears(group), await hears(other)]).toEqual([false, true, true]);
    await shell.succeed(`ifconfig eth0 -allmulti; ${join.replace(' add ', ' del ')}`);
    expect([await hears(STRANGER), await hears(group), await hears(other)]).toEqual([false, false, false]);
    await shell.succeed('ip link set eth0 promisc on');
    expect([await hears(STRANGER), await hears(group), await hears(other)]).toEqual([true, true, true]);
    await shell.succeed('ip link set eth0 promisc off');
    expect([await hears(STRANGER), await hears(MAC)]).toEqual([false, true]);
    await shell.succeed(
      'ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:77; ip link set eth0 up',
    );
    await awaitCarrier(guest, 1);
    expect([await hears(MAC), await hears(Uint8Array.of(2, 0, 0, 0, 0, 0x77))]).toEqual([false, true]);
    await expectNothingVanished(lab);
  });

  it('goes down and up and is loaded again, in full traffic', { timeout: SLOW_MS }, async () => {
    const lab = await start(card);
    const { guest, link, clock, warnings } = lab;
    const { shell } = guest;
    const { stack, machine } = peerHost(clock, link.a);
    await bringUp(lab);
    const flood = machine.process(() =>
      stack.ping(GUEST_ADDRESS, { count: Infinity, intervalNs: 2e6, size: 1000 }),
    );
    for (let i = 0; i < 5; i++) {
      await shell.succeed('ip link set eth0 down; ip link set eth0 up');
      await awaitCarrier(guest, 1);
    }
    for (let i = 0; i < 3; i++) {
      await shell.succeed(`rmmod ${card.module}; ! [ -e /sys/class/net/eth0 ]`);
      await bringUp(lab);
    }
    flood.stop();
    await expect.poll(() => flood.finished, { timeout: SLOW_MS }).toBe(true);
    expect(flood.received).toBeGreaterThan(0);
    // Not before: ping's own socket takes every request of the flood too, and on a busy computer has no room for replies.
    expect(await shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
    expect((await shell.run('dmesg | grep -iE "nobody cared|timed out|BUG:|Oops"')).output).toBe('');
    expect(warnings.filter((message) => !expectedWarning.test(message))).toEqual([]);
    await expectNothingVanished(lab);
  });
}

const root = process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/dev/net/tun');
const TCP_BYTES = 20_000_000;

/** Takes what comes on port 5001 and says its hash; gives bytes of its own on port 5002 and says their hash. */
const TCP_SERVER = `
  const { createHash } = require('node:crypto');
  const { createServer } = require('node:net');
  const say = (what, bytes) => console.log(what, bytes.length, createHash('sha256').update(bytes).digest('hex'));
  const upload = createServer({ allowHalfOpen: true }, (socket) => {
    const chunks = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => { say('got', Buffer.concat(chunks)); socket.end(); });
  });
  const bytes = Buffer.alloc(${TCP_BYTES});
  for (let i = 0, x = 1; i < bytes.length; i++) bytes[i] = (x = (Math.imul(x, 1103515245) + 12345) >>> 0) >>> 16;
  const download = createServer({ allowHalfOpen: true }, (socket) => { say('gave', bytes); socket.end(bytes); });
  upload.listen(5001, '0.0.0.0', () => download.listen(5002, '0.0.0.0', () => console.log('ready')));
`;

/** 20 MB of TCP each way between the guest and the kernel of this computer. */
export function linuxTcpContract<Chip extends GuestChip>(start: StartGuestLab, card: GuestCard<Chip>): void {
  const hasTap =
    hasGuests() &&
    requirement('TAP', root, 'it needs Linux, root and /dev/net/tun') &&
    requirement('network namespaces', hasProgram('ip', '-V'), 'they need the program ip');
  const namespace = `softnet-${process.pid}-${card.name}`;

  describe.skipIf(!hasTap)(
    `Linux's ${card.module} on the ${card.name} and the kernel of this computer`,
    () => {
      beforeAll(() => {
        execFileSync('ip', ['netns', 'add', namespace]);
        const quiet = ['sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1'];
        execFileSync('ip', ['netns', 'exec', namespace, ...quiet]);
      });
      afterAll(() => {
        spawnSync('ip', ['netns', 'del', namespace]);
      });

      it('carry 20 MB of TCP each way without a wrong byte', { timeout: SLOW_MS }, async () => {
        const lab = await start(card);
        const { guest, link, chip } = lab;
        const { shell } = guest;
        const tap = new Tap({ name: 'tap0', medium: link.a, namespace, address: `${HOST_ADDRESS}/24` });
        let moving = true;
        const move = () => {
          if (!moving) return;
          tap.poll(64);
          setImmediate(move);
        };
        move();
        const server = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', TCP_SERVER]);
        let said = '';
        server.stdout.on('data', (text) => (said += text));
        server.stderr.on('data', (text) => (said += text));
        try {
          await expect.poll(() => said, { timeout: SLOW_MS }).toContain('ready');
          await bringUp(lab);
          await shell.succeed(`head -c ${TCP_BYTES} /dev/urandom > /tmp/up`, SLOW_MS);
          const [up] = (await shell.succeed('sha256sum /tmp/up', SLOW_MS)).split(' ');
          await shell.succeed(`nc ${HOST_ADDRESS} 5001 < /tmp/up; rm /tmp/up`, SLOW_MS);
          await expect.poll(() => said, { timeout: SLOW_MS }).toContain(`got ${TCP_BYTES} ${up}\n`);
          const down = await shell.succeed(`nc ${HOST_ADDRESS} 5002 | sha256sum`, SLOW_MS);
          expect(said).toContain(`gave ${TCP_BYTES} ${down.split(' ')[0]}\n`);
          expect(chip.counters.transmittedBytes).toBeGreaterThan(TCP_BYTES);
          expect(chip.counters.deliveredBytes).toBeGreaterThan(TCP_BYTES);
          expect(tap.toKernel.written).toBe(tap.toKernel.frames);
          await expectNothingVanished(lab);
        } finally {
          server.kill();
          moving = false;
          tap.close();
        }
      });
    },
  );
}
