import { describe, expect, test } from 'vitest';
import { loadLab } from './load.ts';
import { LabFileError } from './problem.ts';

/** Two hosts, for the parts of a file that are not what a test is about. */
const HOSTS =
  'hosts: { alice: { nics: [{ address: 10.0.0.1/24 }] }, bob: { nics: [{ address: 10.0.0.2/24 }] } }\n';

/** What is said of a file, a line each. */
function mistakes(text: string): string[] {
  try {
    loadLab('lab.yaml', text);
    return [];
  } catch (error) {
    if (!(error instanceof LabFileError)) throw error;
    return error.message.split('\n');
  }
}

describe('a right lab file', () => {
  test('has everything it leaves out filled in', () => {
    const lab = loadLab('lab.yaml', `${HOSTS}links: { wire: { between: [alice, bob] } }`);
    expect(lab).toMatchObject({ name: 'lab', seed: 1, switches: [], hubs: [], ports: [], traffic: [] });
    expect(lab.hosts[0]).toMatchObject({ name: 'alice', profile: 'x86-desktop', cpus: 1, forward: false });
    expect(lab.hosts[0].nics[0]).toMatchObject({
      name: 'eth0',
      chip: 'pcnet',
      driver: { name: 'pcnet32' },
    });
    expect(lab.links[0]).toMatchObject({
      bitsPerSecond: 100_000_000,
      delayNs: 1000,
      duplex: 'full',
      forth: null,
    });
    expect(Array.from(lab.hosts[1].nics[0].mac)).toEqual([2, 0, 0, 0, 2, 1]);
  });

  test('may write small maps as one word', () => {
    const text = `${HOSTS}links:\n  wire: { between: [alice, bob], impair: { both: { corruption: 1%, delay: 5ms } } }`;
    const { forth } = loadLab('lab.yaml', text).links[0];
    expect(forth).toMatchObject({ corruption: { probability: 0.01 }, delay: { baseNs: 5_000_000 } });
  });

  test('impairs each direction by its own', () => {
    const text = `${HOSTS}links:\n  wire: { between: [alice, bob], impair: { forth: { loss: 1% } } }`;
    expect(loadLab('lab.yaml', text).links[0]).toMatchObject({ forth: { loss: 0.01 }, back: null });
  });

  test('makes a link of each entry of a switch', () => {
    const lab = loadLab('lab.yaml', `${HOSTS}switches: { sw: { connect: [alice, bob], rate: 1Gbit } }`);
    expect(lab.links.map((link) => link.name)).toEqual(['sw-alice.eth0', 'sw-bob.eth0']);
  });

  test('sends to the address that is in a network of the sender', () => {
    const text = [
      'hosts:',
      '  alice: { nics: [{ address: 10.2.0.1/24 }] }',
      '  bob: { nics: [{ address: 10.1.0.2/24 }, { address: 10.2.0.2/24 }] }',
      'traffic: [{ kind: ping, from: alice, to: bob }]',
    ].join('\n');
    expect(loadLab('lab.yaml', text).traffic[0]).toMatchObject({ to: 0x0a020002, toHost: 'bob' });
  });
});

describe('a wrong lab file is told where and what would be right', () => {
  test.each([
    [
      'an unknown key at the top',
      `sede: 3\n${HOSTS}`,
      'lab.yaml:1:1: unknown key "sede"; did you mean "seed"?',
    ],
    ['no hosts', 'seed: 3\n', 'lab.yaml:1:1: there are no hosts: hosts: {alice: {...}} would be right'],
    ['an empty file', '', 'lab.yaml:1:1: a lab file is a map, this is nothing: hosts: ... would be right'],
    [
      'a list at the top',
      '- a\n',
      'lab.yaml:1:1: a lab file is a map, this is a list: hosts: ... would be right',
    ],
    ['no text', 'hosts:\n  \0', 'lab.yaml:2:3: no text: a lab file is YAML, in UTF-8'],
    ['no UTF-8', 'hosts: \ufffd', 'lab.yaml:1:8: no text: a lab file is YAML, in UTF-8'],
    ['two documents', `${HOSTS}---\n${HOSTS}`, 'lab.yaml:2:1: a second document begins here: a lab is one'],
    [
      'hosts with nothing in it',
      'hosts: {}\n',
      'lab.yaml:1:1: there is no host in it: hosts: {alice: {...}} would be right',
    ],
    ['a tab', 'hosts:\n\talice: {}\n', 'lab.yaml:2:1: a tab: YAML is indented with spaces'],
    [
      'a key twice',
      `seed: 1\nseed: 2\n${HOSTS}`,
      'lab.yaml:2:1: this key is there twice: one of them is enough',
    ],
    [
      'an unknown profile',
      'hosts: { a: { profile: ideall } }',
      'lab.yaml:1:24: "ideall" is not a profile; did you mean "ideal"?',
    ],
    [
      'an unknown chip',
      'hosts: { a: { nics: [{ chip: e1000 }] } }',
      'lab.yaml:1:30: "e1000" is not a chip: pcnet, am79c973, am79c970a, i82557a, ',
    ],
    [
      'a driver in the wrong place',
      'hosts: { a: { stack: io-pkt, nics: [{ chip: i82559c, driver: pcnet32 }] } }',
      "lab.yaml:1:54: with io-pkt drivers are the host's: drivers: [speedo] there would be right",
    ],
    [
      'a card that no driver of the core knows',
      'hosts: { a: { nics: [{ chip: i82559c }] } }',
      'lab.yaml:1:30: no driver of the core knows the i82559c: stack: io-pkt on the host would be right',
    ],
    [
      'drivers of io-pkt on another host',
      'hosts: { a: { drivers: [speedo] } }',
      'lab.yaml:1:15: drivers are those of an io-pkt: stack: io-pkt would be right',
    ],
    [
      'faults on another host',
      'hosts: { a: { faults: [{ in: start }] } }',
      'lab.yaml:1:15: faults are those of io-pkt drivers: stack: io-pkt would be right',
    ],
    [
      'a fault on a host without drivers',
      'hosts: { a: { stack: io-pkt, nics: [{ chip: i82559c }], drivers: [], faults: [{ in: start }] } }',
      'lab.yaml:1:70: no driver to have a fault: drivers: [NAME] would be right',
    ],
    [
      'a fault on a host without NICs',
      'hosts: { a: { stack: io-pkt, faults: [{ in: start }] } }',
      'lab.yaml:1:30: a fault is in a driver of a NIC: nics: [...] would be right',
    ],
    [
      'a fault in a NIC that is not there',
      'hosts: { a: { stack: io-pkt, nics: [{ chip: i82559c }], faults: [{ in: start, nic: eth1 }] } }',
      'lab.yaml:1:84: "eth1" is not a NIC of this host; did you mean "eth0"?',
    ],
    [
      'a misspelt chip of QEMU',
      'hosts: { a: { nics: [{ chip: qemu:i82559e }] } }',
      'lab.yaml:1:30: "qemu:i82559e" is not a chip; did you mean "qemu:i82559er"?',
    ],
    [
      'an unknown driver',
      'hosts: { a: { nics: [{ driver: pcnet }] } }',
      'lab.yaml:1:32: "pcnet" is not a driver; did you mean "pcnet32"?',
    ],
    [
      'an unknown driver option',
      'hosts: { a: { nics: [{ driver: { nappi: false } }] } }',
      'lab.yaml:1:34: unknown key "nappi"; did you mean "napi"?',
    ],
    [
      'a ring that is no power of two',
      'hosts: { a: { nics: [{ driver: { rxRing: 63 } }] } }',
      'lab.yaml:1:42: 63 is not a ring size: a power of two, 2 to 512, would be right, like 64',
    ],
    [
      'a wrong type',
      'hosts: { a: { forward: maybe } }',
      'lab.yaml:1:24: "maybe" is wrong here: true or false would be right',
    ],
    [
      'a list for a map',
      'hosts: [alice]',
      'lab.yaml:1:8: hosts is a list: a map of names would be right, like hosts: {NAME: {...}}',
    ],
    [
      'a number that is none',
      'hosts: { a: { cpus: two } }',
      'lab.yaml:1:21: "two" is wrong here: a whole number, 1 to 64, would be right',
    ],
    [
      'a bad MAC',
      'hosts: { a: { nics: [{ mac: 02:00 }] } }',
      'lab.yaml:1:29: "02:00" is not an Ethernet address: six hex pairs are wanted, like 02:00:00:00:00:01',
    ],
    [
      'a group MAC',
      'hosts: { a: { nics: [{ mac: 01:00:5e:00:00:01 }] } }',
      'lab.yaml:1:29: "01:00:5e:00:00:01" is no station\'s address',
    ],
    [
      'an address without prefix',
      'hosts: { a: { nics: [{ address: 10.0.0.1 }] } }',
      'lab.yaml:1:33: "10.0.0.1" has no prefix length: 10.0.0.1/24, say, is wanted',
    ],
    [
      'a network as address',
      'hosts: { a: { nics: [{ address: 10.0.0.0/24 }] } }',
      'lab.yaml:1:33: 10.0.0.0/24 is the network itself',
    ],
    [
      'a MAC twice',
      'hosts:\n  a: { nics: [{ mac: 02:00:00:00:00:09 }] }\n  b: { nics: [{ mac: 02:00:00:00:00:09 }] }',
      'lab.yaml:3:22: 02:00:00:00:00:09 is the address of a.eth0 already',
    ],
    [
      'an IP address twice',
      'hosts:\n  a: { nics: [{ address: 10.0.0.1/24 }] }\n  b: { nics: [{ address: 10.0.0.1/8 }] }',
      'lab.yaml:3:26: 10.0.0.1 is the address of a.eth0 already',
    ],
    [
      'a NIC name twice',
      'hosts: { a: { nics: [{ name: x }, { name: x }] } }',
      'lab.yaml:1:43: a has a NIC "x" already',
    ],
    [
      'an unknown host in a link',
      `${HOSTS}links: { w: { between: [alcie, bob] } }`,
      'lab.yaml:2:25: there is no host, port or switch "alcie"; did you mean "alice"?',
    ],
    [
      'an unknown NIC in a link',
      `${HOSTS}links: { w: { between: [alice.eth1, bob] } }`,
      'lab.yaml:2:25: alice has no NIC "eth1"; did you mean "eth0"?',
    ],
    [
      'a host with two NICs in a link',
      `${HOSTS.replace('{ address: 10.0.0.1/24 }', '{}, {}')}links: { w: { between: [alice, bob] } }`,
      'lab.yaml:2:25: alice has 2 NICs: alice.eth0 or alice.eth1 would be right',
    ],
    [
      'a link with one end',
      `${HOSTS}links: { w: { between: [alice] } }`,
      'lab.yaml:2:24: a link has two ends: [alice, bob] would be right',
    ],
    ['a link without ends', `${HOSTS}links: { w: { rate: 1Gbit } }`, 'lab.yaml:2:13: "between" is missing'],
    [
      'a NIC with two cables',
      `${HOSTS}links: { w: { between: [alice, bob] } }\nhubs: { h: { connect: [alice] } }`,
      'lab.yaml:3:24: alice.eth0 has a cable already, "w"',
    ],
    [
      'a bad rate',
      `${HOSTS}links: { w: { between: [alice, bob], rate: 100Mbut } }`,
      'lab.yaml:2:44: "100Mbut" is not a rate: a number and bit, kbit, Mbit or Gbit, like 100Mbit, or unlimited, would be right',
    ],
    [
      'a bad time',
      `${HOSTS}links: { w: { between: [alice, bob], delay: 1 } }`,
      'lab.yaml:2:45: 1 is not a time: a number and ns, us, ms, s or min, like 10ms, would be right',
    ],
    [
      'an unknown impairment',
      `${HOSTS}links: { w: { between: [alice, bob], impair: { both: { los: 1% } } } }`,
      'lab.yaml:2:56: unknown key "los"; did you mean "loss"?',
    ],
    [
      'a share above all',
      `${HOSTS}links: { w: { between: [alice, bob], impair: { both: { loss: 120% } } } }`,
      'lab.yaml:2:62: "120%" is not a share',
    ],
    [
      'half duplex without a rate',
      `${HOSTS}links: { w: { between: [alice, bob], rate: unlimited, duplex: half } }`,
      'lab.yaml:2:44: half duplex needs a rate',
    ],
    [
      'a hub in a link',
      `${HOSTS}links: { w: { between: [alice, h] } }\nhubs: { h: { connect: [bob] } }`,
      'lab.yaml:2:32: "h" is a hub: what is plugged into it stands in its own list, hubs: {h: {connect: [...]}}',
    ],
    [
      'a name that is used twice',
      `${HOSTS}hubs: { alice: { connect: [bob] } }`,
      'lab.yaml:2:9: "alice" is the name of one of the hosts already: another would be right',
    ],
    [
      'a name with a dot',
      'hosts: { a.b: {} }',
      'lab.yaml:1:10: "a.b" is no name: letters, digits, - and _ would be right',
    ],
    [
      'an unknown kind of port',
      `${HOSTS}ports: { p: { kind: pcap } }\nlinks: { w: { between: [p, bob] } }`,
      'lab.yaml:2:21: "pcap" is not a kind of port: replay, generator or tap would be right',
    ],
    [
      'a replay without a file',
      `${HOSTS}ports: { p: { kind: replay } }\nlinks: { w: { between: [p, bob] } }`,
      'lab.yaml:2:13: "file" is missing',
    ],
    [
      'a port without a cable',
      `${HOSTS}ports: { p: { kind: replay, file: x } }`,
      'lab.yaml:2:10: nothing is plugged into "p": links: {NAME: {between: [p, HOST]}} would be right',
    ],
    [
      'a replay into a switch for nobody',
      `${HOSTS}ports: { p: { kind: replay, file: x } }\nswitches: { s: { connect: [p, bob] } }`,
      'lab.yaml:2:10: whom is "p" for? It is not linked to a NIC, so to: HOST would be right',
    ],
    [
      'a long interface name',
      `${HOSTS}ports: { p: { kind: tap, name: sixteen-letters-x } }\nlinks: { w: { between: [p, bob] } }`,
      'lab.yaml:2:10: "sixteen-letters-x" is too long for an interface',
    ],
    [
      'traffic from nobody',
      `${HOSTS}traffic: [{ kind: ping, from: alcie, to: bob }]`,
      'lab.yaml:2:31: there is no host "alcie"; did you mean "alice"?',
    ],
    [
      'traffic to a bad address',
      `${HOSTS}traffic: [{ kind: ping, from: alice, to: 10.0.0.300 }]`,
      'lab.yaml:2:42: "10.0.0.300" is not an IPv4 address',
    ],
    [
      'traffic to a host without address',
      'hosts: { a: { nics: [{ address: 10.0.0.1/24 }] }, b: { nics: [{}] } }\ntraffic: [{ kind: ping, from: a, to: b }]',
      'lab.yaml:2:38: b has no address to send to',
    ],
    [
      'traffic of no kind',
      `${HOSTS}traffic: [{ from: alice }]`,
      'lab.yaml:2:11: "kind" is missing: ping or udp would be right',
    ],
    [
      'traffic without a rate',
      `${HOSTS}traffic: [{ kind: udp, from: alice, to: bob }]`,
      'lab.yaml:2:11: "rate" is missing: a number and pps',
    ],
    [
      'a UDP port twice',
      HOSTS +
        'traffic:\n  - { kind: udp, from: alice, to: bob, rate: 1pps, port: 9 }\n  - { kind: udp, name: b, from: alice, to: bob, rate: 1pps, port: 9 }',
      'lab.yaml:4:5: UDP port 9 of bob (10.0.0.2) belongs to flow "udp alice>bob"',
    ],
    [
      'a guest with nothing to start from',
      'hosts: { g: { guest: v86 } }',
      'lab.yaml:1:10: a guest starts from something: cdrom: FILE or kernel: FILE would be right',
    ],
    [
      'an initrd without its kernel',
      'hosts: { g: { guest: v86, cdrom: a.iso, initrd: b } }',
      'lab.yaml:1:10: initrd and commandLine belong to a kernel: kernel: FILE would be right',
    ],
    [
      "a guest with a host's key",
      'hosts: { g: { guest: v86, cdrom: a.iso, profile: ideal } }',
      'lab.yaml:1:41: unknown key "profile"',
    ],
    [
      "two of the emulator's own cards",
      'hosts: { g: { guest: v86, cdrom: a.iso, nics: [{ chip: v86:ne2k }, { chip: v86:virtio }] } }',
      'lab.yaml:1:47: v86 has one network card of its own, and no more',
    ],
    [
      "a guest's card that is no chip",
      'hosts: { g: { guest: v86, cdrom: a.iso, nics: [{ chip: qemu:pcnet }] } }',
      'lab.yaml:1:56: "qemu:pcnet" is not a chip: pcnet, am79c973, am79c970a, i82557a, ',
    ],
    [
      'traffic that a guest would have to send',
      'hosts: { a: { nics: [{ address: 10.0.0.1/24 }] }, g: { guest: v86, cdrom: a.iso } }\ntraffic: [{ kind: ping, from: g, to: a }]',
      'lab.yaml:2:31: g is a guest: what it sends is for itself to say',
    ],
    [
      'a DHCP server without an address of its own',
      'hosts: { a: { nics: [{}], services: [{ kind: dhcp, range: 10.0.0.1-10.0.0.9 }] } }',
      'lab.yaml:1:38: a DHCP server wants a NIC with an address: nic: NAME would be right (there: eth0)',
    ],
    [
      'a DHCP range of another network',
      'hosts: { a: { nics: [{ address: 10.0.0.1/24 }], services: [{ kind: dhcp, range: 10.0.1.1-10.0.1.9 }] } }',
      'lab.yaml:1:81: the range is not in the network of a.eth0',
    ],
    [
      'a DHCP range that runs backwards',
      'hosts: { a: { nics: [{ address: 10.0.0.1/24 }], services: [{ kind: dhcp, range: 10.0.0.9-10.0.0.1 }] } }',
      'lab.yaml:1:81: "10.0.0.9-10.0.0.1" is no range: 10.0.0.100-10.0.0.200, say, would be right',
    ],
    [
      'a seed that is none',
      `seed: x\n${HOSTS}`,
      'lab.yaml:1:7: "x" is no seed: a whole number, 0 or more, would be right',
    ],
  ])('%s', (_, text, message) => {
    const said = mistakes(text);
    expect(said).toHaveLength(1);
    expect(said[0].slice(0, message.length)).toBe(message);
  });

  test('all mistakes are found in one go, in the order of the file', () => {
    const text = [
      'sede: 3',
      'hosts:',
      '  alice: { profile: fast, nics: [{ chip: x }] }',
      '  bob: { cpus: 0 }',
      'links:',
      '  wire: { between: [alice, carol], rate: fast }',
      'traffic:',
      '  - { kind: ping, from: bob, to: dave, interval: 0s }',
    ].join('\n');
    expect(mistakes(text).map((line) => line.split(': ')[0])).toEqual([
      'lab.yaml:1:1',
      'lab.yaml:3:21',
      'lab.yaml:3:42',
      'lab.yaml:4:16',
      'lab.yaml:6:28',
      'lab.yaml:6:42',
      'lab.yaml:8:34',
      'lab.yaml:8:50',
    ]);
  });

  test('aliases that would grow without bounds are refused', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`);
    const text = ['l0: &l0 [a]', ...levels, HOSTS].join('\n');
    expect(mistakes(text).length).toBeGreaterThan(0);
  });
});
