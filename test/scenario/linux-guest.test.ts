// Our PCnet judged by strangers: Debian's Linux with its own pcnet32 module, in v86. What is right is what Linux says is.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RECEIVE_DROPS, TRANSMIT_ERRORS } from '../../src/chips/pcnet/counters.ts';
import type { PcnetVariant } from '../../src/chips/pcnet/model.ts';
import { Tap } from '../../src/ports/tap.ts';
import { hasGuests } from '../vocabulary/guest.ts';
import {
  awaitCarrier,
  bringUp,
  GUEST_ADDRESS,
  GUEST_MAC,
  type GuestLab,
  guestLab,
  HOST_ADDRESS,
  peerHost,
} from '../vocabulary/guest-lab.ts';
import { ethernet, STRANGER } from '../vocabulary/packets.ts';
import { hasProgram, requirement } from '../vocabulary/require.ts';
import { TestStation } from '../vocabulary/station.ts';

const live = hasGuests();
/** The first start of a guest on a busy computer. */
const SLOW_MS = 300_000;
const VARIANTS: PcnetVariant[] = ['Am79C973', 'Am79C970A'];
const NAMES = { Am79C973: 'PCnet/FAST III 79C973', Am79C970A: 'PCnet/PCI II 79C970A' } as const;
const MAC = Uint8Array.from(GUEST_MAC.split(':'), (octet) => Number.parseInt(octet, 16));
/** For local experiments: no protocol takes it up. */
const EXPERIMENTAL = 0x88b5;

let lab: GuestLab | null = null;
afterEach(async () => {
  await lab?.guest.destroy();
  lab = null;
});

async function start(variant: PcnetVariant): Promise<GuestLab> {
  lab = await guestLab(variant);
  return lab;
}

/** Every frame is in one place, and the guest has counted what the card gave it. */
async function expectNothingVanished({ chip, guest, clock }: GuestLab): Promise<void> {
  const settled = clock.now() + 100e6;
  await expect.poll(() => clock.now() > settled, { timeout: SLOW_MS }).toBe(true);
  const { counters } = chip;
  const drops = RECEIVE_DROPS.reduce((sum, name) => sum + counters[name], 0);
  expect(counters.received + counters.looped).toBe(counters.delivered + drops);
  const errors = TRANSMIT_ERRORS.reduce((sum, name) => sum + counters[name], 0);
  expect(counters.taken).toBe(counters.transmitted + errors);
  expect(guest.attached.faults).toBe(0);
}

async function statistic({ guest }: GuestLab, name: string): Promise<number> {
  return Number(await guest.shell.succeed(`cat /sys/class/net/eth0/statistics/${name}`));
}

describe.skipIf(!live).each(VARIANTS)("Linux's pcnet32 on the %s", (variant) => {
  const fast = variant === 'Am79C973';

  it('names the chip and finds nothing wrong with it', { timeout: SLOW_MS }, async () => {
    const { guest, link, clock, warnings } = await start(variant);
    const { shell } = guest;
    peerHost(clock, link.a);
    await shell.succeed('modprobe pcnet32');
    const said = await shell.succeed('dmesg | grep pcnet32');
    const { ioBase, irq } = guest.attached;
    expect(said).toContain(`${NAMES[variant]} at 0x${ioBase.toString(16)}, ${GUEST_MAC} assigned IRQ ${irq}`);
    await shell.succeed('ip link set eth0 up');
    await awaitCarrier(guest, 1);
    expect(await shell.succeed('ethtool -i eth0')).toMatch(
      /^driver: pcnet32\n[\s\S]*bus-info: 0000:00:03\.0$/m,
    );
    const settings = await shell.succeed('ethtool eth0');
    expect(settings).toContain('Link detected: yes');
    if (fast) expect(settings).toMatch(/Speed: 100Mb\/s\s+Duplex: Full\s+Auto-negotiation: on/);
    expect(await shell.succeed('ethtool -g eth0')).toMatch(/TX:\s+16$/m);
    // ethtool knows the chip's registers, and its name by CSR88 and CSR89.
    const dump = await shell.succeed('ethtool -d eth0');
    expect(dump).toMatch(/^APROM: +0002 {2}0000 {2}0200 /m);
    expect(dump).toMatch(/^CSR0: .*\n +INT RXON TXON STRT INIT *$/m);
    expect(dump).toMatch(new RegExp(`^CSR88: .*\\n +${NAMES[variant]}$`, 'm'));
    expect(
      (await shell.run('dmesg | grep -iE "pcnet32.*(error|fail|timed out|bad)|nobody cared"')).output,
    ).toBe('');
    expect(warnings).toEqual([]);
  });

  it("passes the driver's own test", { timeout: SLOW_MS }, async () => {
    const { guest, link, clock, warnings } = await start(variant);
    peerHost(clock, link.a);
    await bringUp(lab!);
    for (const mode of ['offline', 'online']) {
      const { output, status } = await guest.shell.run(`ethtool -t eth0 ${mode}`, 60_000);
      expect(output).toMatch(/The test result is PASS/);
      expect(output).toMatch(/Loopback test +\(offline\)\s+0$/m);
      expect(status).toBe(0);
    }
    // It works again afterwards.
    await awaitCarrier(guest, 1);
    expect(await guest.shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
    expect(warnings).toEqual([]);
    await expectNothingVanished(lab!);
  });

  it('carries frames of every size, byte for byte, both ways', { timeout: SLOW_MS }, async () => {
    const { guest, link, clock, seen } = await start(variant);
    const { stack, machine } = peerHost(clock, link.a);
    await bringUp(lab!);
    const first = await guest.shell.succeed(`ping -c 5 -p a5 -s 1472 ${HOST_ADDRESS}`);
    expect(first).toContain('5 packets transmitted, 5 packets received, 0% packet loss');
    lab!.recording = true;
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
    expect(await statistic(lab!, 'rx_errors')).toBe(0);
    expect(await statistic(lab!, 'tx_errors')).toBe(0);
    expect(await statistic(lab!, 'rx_packets')).toBe(lab!.chip.counters.delivered);
    expect(await statistic(lab!, 'tx_packets')).toBe(lab!.chip.counters.transmitted);
    await expectNothingVanished(lab!);
  });

  it('hears what Linux asked for, and all when it is promiscuous', { timeout: SLOW_MS }, async () => {
    const { guest, link, clock, chip } = await start(variant);
    const { shell } = guest;
    const station = new TestStation(link.a, clock);
    await bringUp(lab!);
    // An IPv6 address comes with a group for those who look for its station.
    const group = Uint8Array.of(0x33, 0x33, 0xff, 0x12, 0x34, 0x56);
    const join = 'ip -6 addr add fe80::12:3456/64 dev eth0';
    const other = Uint8Array.of(0x01, 0x00, 0x5e, 0x11, 0x22, 0x33);
    /** Whether the guest counts a frame to this address. */
    const hears = async (to: Uint8Array): Promise<boolean> => {
      const before = await statistic(lab!, 'rx_packets');
      const { received } = chip.counters;
      station.offer(ethernet(to, STRANGER, EXPERIMENTAL, new Uint8Array(46)));
      await expect.poll(() => chip.counters.received, { timeout: SLOW_MS }).toBe(received + 1);
      return (await statistic(lab!, 'rx_packets')) === before + 1;
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
    await expectNothingVanished(lab!);
  });

  it('goes down and up and is loaded again, in full traffic', { timeout: SLOW_MS }, async () => {
    const { guest, link, clock, warnings } = await start(variant);
    const { shell } = guest;
    const { stack, machine } = peerHost(clock, link.a);
    await bringUp(lab!);
    const flood = machine.process(() =>
      stack.ping(GUEST_ADDRESS, { count: Infinity, intervalNs: 2e6, size: 1000 }),
    );
    for (let i = 0; i < 5; i++) {
      await shell.succeed('ip link set eth0 down; ip link set eth0 up');
      await awaitCarrier(guest, 1);
    }
    for (let i = 0; i < 3; i++) {
      await shell.succeed('rmmod pcnet32; ! [ -e /sys/class/net/eth0 ]');
      await bringUp(lab!);
    }
    expect(await shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
    flood.stop();
    await expect.poll(() => flood.finished, { timeout: SLOW_MS }).toBe(true);
    expect(flood.received).toBeGreaterThan(0);
    expect((await shell.run('dmesg | grep -iE "nobody cared|timed out|BUG:|Oops"')).output).toBe('');
    // When it closes the card, Linux writes a reserved software style.
    expect(warnings.filter((message) => !message.includes('software style 4'))).toEqual([]);
    await expectNothingVanished(lab!);
  });

  it.runIf(fast)('loses its link and finds it again', { timeout: SLOW_MS }, async () => {
    const { guest, link, clock } = await start(variant);
    const { shell } = guest;
    peerHost(clock, link.a);
    await bringUp(lab!);
    link.setCarrier(false);
    await awaitCarrier(guest, 0);
    expect(await shell.succeed('ethtool eth0')).toContain('Link detected: no');
    link.setCarrier(true);
    await awaitCarrier(guest, 1);
    expect(await shell.succeed('dmesg | grep "eth0: link"')).toMatch(
      /link up[\s\S]*link down\n[\s\S]*link up, 100Mbps, full-duplex/,
    );
    expect(await shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
  });
});

const root = process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/dev/net/tun');
const hasTap =
  live &&
  requirement('TAP', root, 'it needs Linux, root and /dev/net/tun') &&
  requirement('network namespaces', hasProgram('ip', '-V'), 'they need the program ip');
const NAMESPACE = `softnet-${process.pid}-guest`;
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

describe.skipIf(!hasTap)("Linux's pcnet32 on the Am79C973 and the kernel of this computer", () => {
  beforeAll(() => {
    execFileSync('ip', ['netns', 'add', NAMESPACE]);
    execFileSync('ip', ['netns', 'exec', NAMESPACE, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
  });
  afterAll(() => {
    spawnSync('ip', ['netns', 'del', NAMESPACE]);
  });

  it('carry 20 MB of TCP each way without a wrong byte', { timeout: SLOW_MS }, async () => {
    const { guest, link, chip } = await start('Am79C973');
    const { shell } = guest;
    const tap = new Tap({
      name: 'tap0',
      medium: link.a,
      namespace: NAMESPACE,
      address: `${HOST_ADDRESS}/24`,
    });
    let moving = true;
    const move = () => {
      if (!moving) return;
      tap.poll(64);
      setImmediate(move);
    };
    move();
    const server = spawn('ip', ['netns', 'exec', NAMESPACE, process.execPath, '-e', TCP_SERVER]);
    let said = '';
    server.stdout.on('data', (text) => (said += text));
    server.stderr.on('data', (text) => (said += text));
    try {
      await expect.poll(() => said, { timeout: SLOW_MS }).toContain('ready');
      await bringUp(lab!);
      await shell.succeed(`head -c ${TCP_BYTES} /dev/urandom > /tmp/up`, SLOW_MS);
      const [up] = (await shell.succeed('sha256sum /tmp/up', SLOW_MS)).split(' ');
      await shell.succeed(`nc ${HOST_ADDRESS} 5001 < /tmp/up; rm /tmp/up`, SLOW_MS);
      await expect.poll(() => said, { timeout: SLOW_MS }).toContain(`got ${TCP_BYTES} ${up}\n`);
      const down = await shell.succeed(`nc ${HOST_ADDRESS} 5002 | sha256sum`, SLOW_MS);
      expect(said).toContain(`gave ${TCP_BYTES} ${down.split(' ')[0]}\n`);
      expect(chip.counters.transmittedBytes).toBeGreaterThan(TCP_BYTES);
      expect(chip.counters.deliveredBytes).toBeGreaterThan(TCP_BYTES);
      expect(tap.toKernel.written).toBe(tap.toKernel.frames);
      await expectNothingVanished(lab!);
    } finally {
      server.kill();
      moving = false;
      tap.close();
    }
  });
});
