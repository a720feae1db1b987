// The QNX tools against a lab that runs: on which host, what they say, and that all frames are accounted for when interfaces
// come and go under traffic.

import { expect, test } from 'vitest';
import { VirtualClock } from '../kernel/clock.ts';
import { Lab } from './lab.ts';
import { loadLab } from './load.ts';
import { type LabReport, reportLab } from './report.ts';
import { runVirtual } from './run-virtual.ts';
import { runTool, ToolError, toolHosts } from './tools.ts';

const MILLISECOND = 1_000_000;
const SECOND = 1000 * MILLISECOND;

const PAIR = `
hosts:
  alice:
    stack: io-pkt
    gateway: 10.0.0.9
    nics: [{ chip: i82559c, address: 10.0.0.1/24, negotiation: 10ms }]
  bob:
    nics: [{ address: 10.0.0.2/24, negotiation: 10ms }]
links:
  wire: { between: [alice, bob] }
traffic:
  - { name: ping, kind: ping, from: bob, to: alice, interval: 10ms }
  - { name: in, kind: udp, from: bob, to: alice, rate: 2000pps, size: 700 }
  - { name: out, kind: udp, from: alice, to: bob, rate: 2000pps, size: 300 }
`;

const TWO = `
hosts:
  alice: { stack: io-pkt, nics: [{ chip: i82557b, address: 10.0.0.1/24, negotiation: 10ms }] }
  bob: { stack: io-pkt, nics: [{ chip: am79c973, address: 10.0.0.2/24, negotiation: 10ms }] }
  carl: { nics: [{ address: 10.0.0.3/24 }] }
links:
  wire: { between: [alice, bob] }
`;

interface Running {
  lab: Lab;
  /** What a tool prints. */
  say(...argv: string[]): string;
  json(...argv: string[]): unknown;
  refusal(...argv: string[]): { message: string; errno: string };
  /** Time goes on. */
  run(ns: number): void;
  /** Ends the traffic, lets what is under way arrive, and reports. */
  end(): LabReport;
}

function start(text: string, host: string | null = null): Running {
  const clock = new VirtualClock();
  const readFile = (): never => {
    throw new Error('this lab reads no files');
  };
  const lab = new Lab(loadLab('test.yaml', text), { clock, readFile });
  const going = runVirtual(lab, 1000 * SECOND, MILLISECOND);
  going.next();
  const refusal = (...argv: string[]): { message: string; errno: string } => {
    try {
      runTool(lab, host, argv);
    } catch (error) {
      if (error instanceof ToolError) return { message: error.message, errno: error.errno };
      throw error;
    }
    throw new Error(`${argv.join(' ')} is not refused`);
  };
  return {
    lab,
    say: (...argv) => runTool(lab, host, argv).text,
    json: (...argv) => runTool(lab, host, argv).json,
    refusal,
    run: (ns) => {
      for (const end = clock.now() + ns; clock.now() < end; ) going.next(false);
    },
    end: () => {
      going.next(true);
      return reportLab(lab);
    },
  };
}

test('the tools act on a lab that runs, and it goes on', () => {
  const { lab, say, json, run, end } = start(PAIR);
  run(200 * MILLISECOND);
  expect(say('ifconfig')).toBe(
    [
      'fxp0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500',
      '\taddress: 02:00:00:00:01:01',
      '\tmedia: Ethernet autoselect (100baseTX full-duplex)',
      '\tstatus: active',
      '\tinet 10.0.0.1 netmask 0xffffff00 broadcast 10.0.0.255',
    ].join('\n'),
  );
  expect(say('ifconfig', '-l')).toBe('fxp0');
  expect(say('ifconfig', 'fxp0', 'mtu', '1400')).toBe('');
  expect(json('ifconfig', 'en0')).toMatchObject([
    {
      name: 'fxp0',
      mtu: 1400,
      addresses: ['10.0.0.1/24'],
      flagNames: expect.arrayContaining(['UP', 'RUNNING']),
      media: { names: { current: 'autoselect', active: '100baseTX full-duplex', status: 'active' } },
    },
  ]);
  run(50 * MILLISECOND);
  expect(say('nicinfo')).toMatch(/^fxp0:\n {2}.*82559[\s\S]*Packets Received OK \.+ [1-9]/);
  expect(say('nicinfo', '-v')).toMatch(/ Vendor ID \.+ 0x8086\n/);
  const [nic] = json('nicinfo') as { config: { mtu: number }; stats: Record<string, number> }[];
  expect(nic).toMatchObject({
    name: 'fxp0',
    config: { mtu: 1414, permanent_address: '02:00:00:00:01:01' },
    error: null,
  });
  expect(nic.stats.rxed_ok).toBeGreaterThan(300);
  expect(say('netstat', '-i')).toMatch(
    /^Name Mtu .*\nfxp0 1400 <Link> .*\nfxp0 1400 10\.0\.0\/24 10\.0\.0\.1 /,
  );
  expect(json('netstat', '-m')).toMatchObject({ mbufs: lab.hosts[0].machine.mbufs.mbufs.length });
  expect(say('netstat', '-m')).toMatch(/^\d+ mbufs in use .*\n\t\d+ mbufs allocated to data\n/);
  const { conservation, flows } = end();
  expect(conservation.vanished).toEqual([]);
  expect(flows.map(({ sent, received }) => sent - received)).toEqual([0, 0, 0]);
});

test('an interface is destroyed and its driver mounted again under traffic, and every frame is accounted for', () => {
  const { lab, say, json, run, end } = start(PAIR);
  const arrived = (): number => lab.flows[1].report().received;
  const cycles = 5;
  for (let i = 0; i < cycles; i++) {
    run(100 * MILLISECOND + i * 137_000);
    say('ifconfig', `fxp${i}`, 'destroy');
    expect(say('ifconfig')).toBe('');
    expect(say('nicinfo')).toBe('');
    run(20 * MILLISECOND);
    expect(json('mount', '-T', 'io-pkt', '-o', `lan=${i + 1}`, 'devnp-speedo.so')).toEqual({
      interfaces: [`fxp${i + 1}`],
    });
    const before = arrived();
    say('ifconfig', `fxp${i + 1}`, '10.0.0.1', 'netmask', '255.255.255.0');
    // The driver looks for its link every two seconds or so.
    run(5 * SECOND);
    expect(arrived()).toBeGreaterThan(before + 1000);
  }
  const { conservation, hosts } = end();
  expect(conservation.vanished).toEqual([]);
  expect(conservation.accounted).toBeGreaterThan(50_000);
  expect(Object.keys(hosts.alice.devices)).toHaveLength(1);
  expect(lab.hosts[0].io!.devices).toHaveLength(1);
});

test('addresses: alias in the same network, another first one, none; the gateway stays while it can be reached', () => {
  const { lab, say, refusal, run } = start(PAIR);
  run(50 * MILLISECOND);
  const { stack } = lab.hosts[0];
  say('ifconfig', 'fxp0', '10.0.0.7/24', 'alias');
  expect(say('ifconfig', 'fxp0').match(/inet \S+/g)).toEqual(['inet 10.0.0.1', 'inet 10.0.0.7']);
  say('ifconfig', 'fxp0', '10.0.0.1', '-alias');
  expect(stack.routeList()).toEqual([
    '10.0.0.0/24 dev fxp0 src 10.0.0.7',
    'default via 10.0.0.9 dev fxp0 src 10.0.0.7',
  ]);
  say('ifconfig', 'fxp0', '10.0.0.8/24');
  expect(stack.routeList()).toEqual([
    '10.0.0.0/24 dev fxp0 src 10.0.0.8',
    'default via 10.0.0.9 dev fxp0 src 10.0.0.8',
  ]);
  say('ifconfig', 'fxp0', '10.0.0.8/24');
  expect(stack.routeList()).toHaveLength(2);
  expect(refusal('ifconfig', 'fxp0', '10.0.0.255/24')).toMatchObject({ errno: 'EADDRNOTAVAIL' });
  expect(refusal('ifconfig', 'fxp0', '10.0.0.55', '-alias')).toMatchObject({ errno: 'EADDRNOTAVAIL' });
  say('ifconfig', 'fxp0', '192.168.1.1/24');
  expect(stack.routeList()).toEqual(['192.168.1.0/24 dev fxp0 src 192.168.1.1']);
  say('ifconfig', 'fxp0', 'delete');
  expect([stack.routeList(), say('ifconfig', 'fxp0').includes('inet')]).toEqual([[], false]);
});

test('a host is chosen by itself when only one has io-pkt, and asked for else', () => {
  const { lab, refusal } = start(TWO);
  expect(refusal('ifconfig')).toEqual({
    message: 'on which host? --host NAME says: alice (io-pkt), bob (io-pkt), carl',
    errno: 'EINVAL',
  });
  expect(runTool(lab, 'bob', ['ifconfig', '-l']).text).toBe('pcn0');
  expect(() => runTool(lab, 'dora', ['ifconfig'])).toThrow('no host "dora"; there are: alice (io-pkt), bob');
  expect(toolHosts(lab)).toEqual([
    { name: 'alice', stack: 'io-pkt', interfaces: ['fxp0'] },
    { name: 'bob', stack: 'io-pkt', interfaces: ['pcn0'] },
    { name: 'carl', stack: 'core', interfaces: ['eth0'] },
  ]);
});

test("a host with the core's stack can be looked at", () => {
  const { say, json, refusal, end } = start(TWO, 'carl');
  expect(say('ifconfig', '-a')).toBe(
    [
      'eth0: flags=8803<UP,BROADCAST,SIMPLEX,MULTICAST> mtu 1500',
      '\taddress: 02:00:00:00:03:01',
      '\tinet 10.0.0.3 netmask 0xffffff00 broadcast 10.0.0.255',
    ].join('\n'),
  );
  expect(say('netstat', '-i')).toContain('eth0 1500 10.0.0/24 10.0.0.3');
  expect(json('netstat', '-m')).toHaveProperty('mbufsInUse');
  expect(refusal('ifconfig', 'eth0', 'down').errno).toBe('EINVAL');
  expect(refusal('ifconfig', 'eth7').message).toContain('there are: eth0');
  for (const tool of ['nicinfo', 'mount', 'umount'])
    expect(refusal(tool)).toEqual({
      message: `${tool}: host "carl" does not run io-pkt; "stack: io-pkt" in the lab file would be right (EOPNOTSUPP)`,
      errno: 'EOPNOTSUPP',
    });
  expect(end().conservation.vanished).toEqual([]);
});

test.each([
  [['mount', 'speedo'], 'of what type?', 'EINVAL'],
  [['mount', '-T'], '-T wants a value', 'EINVAL'],
  [['mount', '-T', 'io-net', 'speedo'], 'type io-net is served by nobody', 'EINVAL'],
  [['mount', '-T', 'io-pkt'], 'which driver?', 'EINVAL'],
  [['mount', '-Tio-pkt', 'speedo', 'pcn'], 'one driver at a time', 'EINVAL'],
  [['mount', '-Tio-pkt', '-x', 'pcn'], '-x is unknown', 'EINVAL'],
  [['mount', '-T', 'io-pkt', 'rtl'], 'no driver devnp-rtl.so or devn-rtl.so', 'ENOENT'],
  [['mount', '-T', 'io-pkt', 'speedo'], 'found no hardware', 'ENODEV'],
  [['mount', '-T', 'io-pkt', '-ospeed=55', 'pcn'], 'mount: devnp-pcn.so failed', 'EINVAL'],
  [['umount', 'fxp0'], '"ifconfig INTERFACE destroy" would be right', 'EOPNOTSUPP'],
  [['ifconfig', 'fxp9'], 'interface fxp9 does not exist; there are: fxp0', 'ENXIO'],
  [['ifconfig', 'fxp0', 'mtu', '9000'], 'mtu 9000 is refused; 46 to 1500 is possible', 'EINVAL'],
  [['ifconfig', 'fxp0', 'media', '1000baseT'], 'supported: none; autoselect; 10baseT;', 'EINVAL'],
  [['nicinfo', 'fxp9'], 'interface fxp9 does not exist', 'ENXIO'],
  [['nicinfo', '-q'], 'usage: nicinfo', 'EINVAL'],
  [['netstat'], 'netstat -i', 'EINVAL'],
  [['netstat', '-I', 'fxp9'], 'there are: fxp0', 'ENXIO'],
  [['route'], '"route" is no tool', 'ENOENT'],
])('%j is refused', (argv, message, errno) => {
  const { refusal, say } = start(PAIR);
  const refused = refusal(...argv);
  expect(refused.message).toContain(message);
  expect(refused.errno).toBe(errno);
  expect(say('ifconfig', '-l')).toBe('fxp0');
});

test('a driver that faults ends io-pkt of its host: every tool says so, and the lab goes on', () => {
  const { lab, refusal, run, end } = start(
    PAIR.replace('gateway: 10.0.0.9', 'faults: [{ in: init, at: 100ms }]'),
  );
  run(200 * MILLISECOND);
  const dead = { message: expect.stringContaining('faulted in if_init'), errno: 'EFAULT' };
  expect(refusal('ifconfig', 'fxp0', '10.0.0.4/24')).toEqual(dead);
  for (const argv of [
    ['ifconfig'],
    ['ifconfig', 'fxp0', '10.0.0.5/24'],
    ['ifconfig', 'fxp0', 'destroy'],
    ['nicinfo'],
    ['netstat', '-i'],
    ['mount', '-T', 'io-pkt', 'speedo'],
  ])
    expect([argv, refusal(...argv)]).toEqual([argv, dead]);
  expect(lab.hosts[0].stack.addressesOf(lab.hosts[0].nics[0].devices[0])).toEqual(['10.0.0.1/24']);
  run(100 * MILLISECOND);
  expect(end().conservation.vanished).toEqual([]);
});

test('a fault of the lab file waits for whatever interface the NIC has when its time comes', () => {
  const text = PAIR.replace('gateway: 10.0.0.9', 'faults: [{ in: start, at: 4s }]');
  const { lab, say, run } = start(text);
  const { io } = lab.hosts[0];
  run(100 * MILLISECOND);
  say('ifconfig', 'fxp0', 'destroy');
  say('mount', '-T', 'io-pkt', '-o', 'lan=4', 'speedo');
  say('ifconfig', 'fxp4', '10.0.0.1/24');
  expect(io!.dead).toBe(false);
  run(3 * SECOND);
  expect(io!.fault).toMatchObject({ driver: 'fxp4', message: 'the lab file wants a fault in start' });
});

test('a refused mount says why', () => {
  const { refusal, say } = start(PAIR);
  expect(refusal('mount', '-T', 'io-pkt', 'pcn').message).toContain(
    'found no hardware; no card is free (ENODEV)',
  );
  say('ifconfig', 'fxp0', 'destroy');
  expect(refusal('mount', '-T', 'io-pkt', 'pcn').message).toContain(
    'cards that are free: 8086:1229 (ENODEV)',
  );
  expect(refusal('mount', '-T', 'io-pkt', '-o', 'bogus=3', 'speedo').message).toMatch(
    /bogus=3.* \(EINVAL\)$/,
  );
});
