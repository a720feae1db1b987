// DHCP and TFTP judged by strangers: real clients boot from our servers through a TAP, a real server gives our client an
// address, and tshark reads what went over the wire.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PciBus } from '../../src/bus/pci.ts';
import { Pcnet } from '../../src/chips/pcnet/model.ts';
import { pcnet32Driver } from '../../src/drivers/pcnet32/pcnet32.ts';
import { formatAddress, parseAddress } from '../../src/inet/address.ts';
import { DhcpClient } from '../../src/inet/dhcp-client.ts';
import { DhcpServer } from '../../src/inet/dhcp-server.ts';
import { InetStack } from '../../src/inet/stack.ts';
import { TftpServer } from '../../src/inet/tftp-server.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { Machine } from '../../src/kernel/machine.ts';
import type { NetDevice } from '../../src/net/device.ts';
import { DeviceLayer } from '../../src/net/layer.ts';
import { FileSink } from '../../src/ports/capture-file.ts';
import { CaptureSink } from '../../src/ports/capture-sink.ts';
import { Tap } from '../../src/ports/tap.ts';
import { PfifoFast } from '../../src/qdisc/pfifo-fast.ts';
import { FramePool } from '../../src/wire/frame.ts';
import { FrameTap } from '../../src/wire/frame-tap.ts';
import { Link } from '../../src/wire/link.ts';
import { hasProgram, requirement } from '../vocabulary/require.ts';

const available = process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/dev/net/tun');
const live =
  requirement('TAP', available, 'it needs Linux, root and /dev/net/tun') &&
  requirement('network namespaces', hasProgram('ip', '-V'), 'they need the program ip');
const has = (program: string, flag?: string) =>
  live && requirement(program, hasProgram(program, flag), 'it is not installed');
const hasBusybox = has('busybox', '--help');
const hasDhclient = has('dhclient');
const hasDnsmasq = has('dnsmasq');
const hasCurl = has('curl');
const hasTftp = has('tftp', '-V');
const hasAtftp = has('atftp', '-V');
const hasTshark = has('tshark');

/** Real programs on a busy machine. */
const PATIENCE = 60_000;
const NAMESPACE = `softnet-${process.pid}-boot`;
const SERVER = '10.99.0.1';
const LARGE = Uint8Array.from({ length: 20_000_000 }, (_, i) => (i * 31 + (i >> 8) * 7 + (i >> 16)) & 0xff);
const TEXT = Uint8Array.from('#!ipxe\nshell\n', (c) => c.charCodeAt(0));

let folder = '';
const cleanups: (() => void)[] = [];
beforeAll(() => {
  if (!live) return;
  folder = mkdtempSync(join(tmpdir(), 'softnet-'));
  chmodSync(folder, 0o755);
  execFileSync('ip', ['netns', 'add', NAMESPACE]);
  execFileSync('ip', ['netns', 'exec', NAMESPACE, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});
afterAll(() => {
  if (!live) return;
  spawnSync('ip', ['netns', 'del', NAMESPACE]);
  rmSync(folder, { recursive: true });
});

/** A host with a card, and the kernel at the other end of its cable. */
function lab(address: string | null, tapAddress?: string) {
  const clock = new SystemClock(() => performance.now());
  const pool = new FramePool();
  const link = new Link({ name: 'cable', clock, pool });
  const machine = new Machine({ name: 'host', clock });
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = (length) => new PfifoFast(length);
  const stack = new InetStack(layer);
  const capture = join(folder, 'boot.pcapng');
  const file = new FileSink(capture);
  const sink = new CaptureSink(file, { epochSeconds: 1_700_000_000 });
  const medium = new FrameTap(link.b, clock, sink.observer('eth0'));
  const bus = new PciBus(machine);
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
  bus.plug(3, (host) => new Pcnet(host, medium, { variant: 'Am79C973', mac, negotiationNs: 1_000_000 }));
  const tap = new Tap({ name: 'tap0', medium: link.a, namespace: NAMESPACE, address: tapAddress });
  cleanups.push(() => tap.close());
  const device = machine.process(() => {
    bus.register(pcnet32Driver(layer, {}));
    const [made] = layer.devices as NetDevice[];
    made.open();
    if (address !== null) stack.addAddress(made, address);
    return made;
  });
  /** Runs the lab until `over`, or a minute is over. */
  async function until(over: () => boolean): Promise<void> {
    const end = clock.now() + PATIENCE * 1e6;
    while (!over() && clock.now() < end) {
      const moved = tap.poll(64);
      const next = clock.poll();
      if (moved > 0) await new Promise(setImmediate);
      else await tap.waitReadable(Math.min(20, next / 1e6));
    }
  }
  /** Runs a program in the namespace, and the lab until it has ended; gives what it printed. */
  async function during(command: string[]) {
    await until(() => device.canTransmit);
    const child = spawn('ip', ['netns', 'exec', NAMESPACE, ...command], { cwd: folder });
    cleanups.push(() => child.kill());
    let output = '';
    let ended = false;
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    child.on('close', () => {
      ended = true;
      tap.cancelWait();
    });
    await until(() => ended);
    return { status: child.exitCode, output };
  }
  const closeCapture = () => {
    sink.close();
    file.close();
    return capture;
  };
  return { clock, machine, stack, device, until, during, closeCapture };
}

const bootOptions = {
  first: parseAddress('10.99.0.100'),
  last: parseAddress('10.99.0.120'),
  router: parseAddress(SERVER),
  dns: [parseAddress('10.99.0.53')],
  domain: 'lab.example',
  bootFile: 'boot.ipxe',
  leaseSeconds: 600,
};

function script(): string {
  const path = join(folder, 'event.sh');
  const variables = '$1 $ip/$mask $router $dns $domain $siaddr $boot_file $lease $serverid';
  writeFileSync(path, `#!/bin/sh\necho "event ${variables}"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Protocols and complaints of tshark about each packet. */
function dissect(path: string): string[] {
  const fields = ['frame.protocols', '_ws.malformed', '_ws.expert.severity', '_ws.expert.message'];
  const options = ['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE'];
  const flags = fields.flatMap((field) => ['-e', field]);
  const text = execFileSync('tshark', ['-r', path, ...options, '-T', 'fields', ...flags], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1e8,
  });
  return text.trimEnd().split('\n');
}

describe.skipIf(!live)('booting over the network', () => {
  it.skipIf(!hasBusybox || !hasTshark)(
    'busybox gets an address and all the parameters, and tshark sees no fault',
    { timeout: 2 * PATIENCE },
    async () => {
      const it = lab(`${SERVER}/24`);
      const server = new DhcpServer(it.stack, { device: it.device, ...bootOptions });
      const udhcpc = [
        'busybox',
        'udhcpc',
        '-f',
        '-n',
        '-q',
        '-i',
        'tap0',
        '-s',
        script(),
        '-x',
        'hostname:box',
      ];
      const { status, output } = await it.during([...udhcpc, '-O', 'bootfile']);
      expect(output).toContain(
        'event bound 10.99.0.100/24 10.99.0.1 10.99.0.53 lab.example 10.99.0.1 boot.ipxe 600 10.99.0.1',
      );
      expect(status).toBe(0);
      expect(server.counters).toMatchObject({ naks: 0, dropped: 0 });
      expect(server.leases).toMatchObject([{ address: '10.99.0.100', name: 'box', state: 'bound' }]);
      // The same again, answers to all stations: the same address.
      const again = await it.during([...udhcpc, '-B']);
      expect(again.output).toContain('event bound 10.99.0.100/24');
      expect(server.counters).toMatchObject({ naks: 0, dropped: 0 });
      expect(server.leases).toHaveLength(1);
      expect(it.stack.balance().missing).toBe(0);
      const seen = dissect(it.closeCapture());
      expect(seen.filter((line) => line.includes(':dhcp')).length).toBeGreaterThanOrEqual(8);
      expect(seen.filter((line) => /malformed|checksum|Bad|missing/i.test(line))).toEqual([]);
    },
  );

  it.skipIf(!hasDhclient)(
    'dhclient too, which remembers its address and gives it back',
    { timeout: 3 * PATIENCE },
    async () => {
      const it = lab(`${SERVER}/24`);
      const server = new DhcpServer(it.stack, { device: it.device, ...bootOptions });
      const leases = join(folder, 'dhclient.leases');
      const files = [
        '-sf',
        '/bin/true',
        '-lf',
        leases,
        '-pf',
        join(folder, 'dhclient.pid'),
        '-cf',
        '/dev/null',
      ];
      // It leaves a daemon behind, which -x ends.
      const run = (...flags: string[]) =>
        it.during(['timeout', '40', 'dhclient', '-v', ...files, ...flags, 'tap0']);
      cleanups.push(() => spawnSync('ip', ['netns', 'exec', NAMESPACE, 'dhclient', '-x', ...files, 'tap0']));
      const first = await run('-1');
      expect(first.output).toMatch(/bound to 10\.99\.0\.1\d\d -- renewal in/);
      expect(readFileSync(leases, 'utf8')).toMatch(/option routers 10\.99\.0\.1;/);
      await run('-x');
      // From its file of leases: INIT-REBOOT.
      const discovers = server.counters.discovers;
      const second = await run('-1');
      expect(second.output).toMatch(/bound to 10\.99\.0\.1\d\d/);
      expect(server.counters.discovers).toBe(discovers);
      execFileSync('ip', ['-n', NAMESPACE, 'addr', 'add', `${server.leases[0].address}/24`, 'dev', 'tap0']);
      await run('-r');
      await it.until(() => server.counters.releases > 0);
      expect(server.leases[0].state).toBe('released');
      expect(server.counters.dropped).toBe(0);
      expect(it.stack.balance().missing).toBe(0);
    },
  );

  it.skipIf(!hasDnsmasq)(
    'our client gets its address from dnsmasq, and gives it back',
    { timeout: 2 * PATIENCE },
    async () => {
      const it = lab(null, `${SERVER}/24`);
      const leases = join(folder, 'dnsmasq.leases');
      const flags = [
        '--keep-in-foreground',
        '--conf-file=/dev/null',
        '--port=0',
        '--log-facility=-',
        '--log-dhcp',
      ];
      const served = ['--interface=tap0', '--bind-interfaces', '--dhcp-range=10.99.0.50,10.99.0.60,10m'];
      const files = [
        `--dhcp-leasefile=${leases}`,
        `--pid-file=${join(folder, 'dnsmasq.pid')}`,
        '--user=root',
      ];
      const boot = ['--dhcp-authoritative', '--no-ping', '--dhcp-boot=boot.ipxe'];
      const client = new DhcpClient(it.stack, it.device, { hostName: 'ours' });
      const dnsmasq = it.during(['dnsmasq', ...flags, ...served, ...files, ...boot]);
      await it.until(() => client.state === 'bound');
      expect(client.lease).toMatchObject({
        prefix: 24,
        seconds: 600,
        renewalSeconds: 300,
        bootFile: 'boot.ipxe',
      });
      expect(formatAddress(client.lease?.router ?? 0)).toBe(SERVER);
      expect(readFileSync(leases, 'utf8')).toContain(`${formatAddress(client.lease?.address ?? 0)} ours`);
      const ping = it.stack.ping(SERVER, { count: 2, intervalNs: 10_000_000 });
      await it.until(() => ping.finished);
      expect(ping.received).toBe(2);
      it.machine.process(() => client.stop());
      await it.until(() => readFileSync(leases, 'utf8') === '');
      expect(readFileSync(leases, 'utf8')).toBe('');
      expect(it.stack.balance().missing).toBe(0);
      process.kill(Number(readFileSync(join(folder, 'dnsmasq.pid'), 'utf8')));
      await dnsmasq;
    },
  );

  const fetched = () => new Uint8Array(readFileSync(join(folder, 'got')));
  const tftpLab = () => {
    const it = lab(`${SERVER}/24`, '10.99.0.2/24');
    rmSync(join(folder, 'got'), { force: true });
    const files = new Map([
      ['large', LARGE],
      ['blocks', LARGE.subarray(0, 1024)],
      ['boot.ipxe', TEXT],
    ]);
    return { ...it, tftp: new TftpServer(it.stack, { files }) };
  };

  it.skipIf(!hasCurl || !hasTshark)(
    'curl fetches 20 MB in blocks of 1468, and tshark sees no fault',
    { timeout: 3 * PATIENCE },
    async () => {
      const it = tftpLab();
      const curl = ['curl', '-sS', '--max-time', '120', '--tftp-blksize', '1468', '-o', 'got'];
      const { output } = await it.during([...curl, `tftp://${SERVER}//large`]);
      expect(output).toBe('');
      expect(Buffer.compare(fetched(), LARGE)).toBe(0);
      const missing = await it.during([...curl, `tftp://${SERVER}/none`]);
      // CURLE_TFTP_NOTFOUND.
      expect(missing.status).toBe(68);
      expect(it.tftp.transfers[0]).toMatchObject({ state: 'done', size: LARGE.length, blockSize: 1468 });
      expect(it.tftp.counters).toMatchObject({ started: 1, done: 1 });
      expect(it.stack.balance().missing).toBe(0);
      const seen = dissect(it.closeCapture());
      expect(seen.filter((line) => line.includes(':tftp')).length).toBeGreaterThan(27_000);
      expect(seen.filter((line) => /malformed|checksum|Bad/i.test(line))).toEqual([]);
    },
  );

  it.skipIf(!hasBusybox)('busybox fetches, with and without options', { timeout: 2 * PATIENCE }, async () => {
    const it = tftpLab();
    for (const [name, flags] of [
      ['boot.ipxe', []],
      ['blocks', []],
      ['large', ['-b', '1400']],
    ] as const) {
      const { output, status } = await it.during([
        'busybox',
        'tftp',
        '-g',
        '-r',
        name,
        '-l',
        'got',
        ...flags,
        SERVER,
      ]);
      expect([status, output.replaceAll(/.*\r|.*%.*/g, '').trim()]).toEqual([0, '']);
      const content = name === 'large' ? LARGE : name === 'blocks' ? LARGE.subarray(0, 1024) : TEXT;
      expect(Buffer.compare(fetched(), content)).toBe(0);
    }
    expect(it.tftp.counters).toMatchObject({ started: 3, done: 3 });
    expect(it.stack.balance().missing).toBe(0);
  });

  it.skipIf(!hasTftp)(
    'tftp-hpa fetches in both modes, and past block 65535',
    { timeout: 3 * PATIENCE },
    async () => {
      const it = tftpLab();
      const get = (mode: string, name: string) =>
        it.during(['tftp', '-m', mode, SERVER, '-c', 'get', name, 'got']);
      await get('ascii', 'boot.ipxe');
      expect(fetched()).toEqual(TEXT);
      expect(it.tftp.transfers[0]).toMatchObject({ state: 'done', size: TEXT.length + 2 });
      // 39,063 blocks of 512: not past the end. Twice as much is.
      const twice = new Uint8Array(2 * LARGE.length);
      twice.set(LARGE);
      twice.set(LARGE, LARGE.length);
      const other = new TftpServer(it.stack, { files: new Map([['f', twice]]), port: 1069 });
      await it.during(['tftp', '-m', 'binary', SERVER, '1069', '-c', 'get', 'f', 'got']);
      expect(other.transfers[0]).toMatchObject({ state: 'done', size: twice.length, blockSize: 512 });
      expect(Buffer.compare(fetched(), twice)).toBe(0);
      const { output } = await get('binary', '../secret');
      expect(output).toContain('Error code 2: a plain name without .. is wanted');
      expect(it.stack.balance().missing).toBe(0);
    },
  );

  it.skipIf(!hasAtftp)('atftp fetches in windows', { timeout: 3 * PATIENCE }, async () => {
    const it = tftpLab();
    const wishes = ['--option', 'blksize 1428', '--option', 'windowsize 16', '--option', 'tsize 0'];
    const { output } = await it.during(['atftp', '-g', '-r', 'large', '-l', 'got', ...wishes, SERVER]);
    expect(Buffer.compare(fetched(), LARGE), output).toBe(0);
    expect(it.tftp.transfers[0]).toMatchObject({ state: 'done', blockSize: 1428, windowSize: 16 });
    expect(it.stack.balance().missing).toBe(0);
  });
});
