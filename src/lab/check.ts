// What no single entry of a lab file can show: names that refer to others, sockets used twice, duplicate addresses.
// Makes the LabSpec as it goes. Entries that were wrong in themselves are null: their names are known, no more.

import { formatAddress, maskOf, type Network } from '../inet/address.ts';
import { formatMac } from '../net/ether.ts';
import { checkCables } from './check-cables.ts';
import { checkPorts, checkTraffic } from './check-traffic.ts';
import { driverFor, NO_CHIP } from './chips.ts';
import { checkBroken, nicNames, servedNic, servicePort } from './names.ts';
import type { Complain, Path } from './problem.ts';
import type { GuestFile, HostFile, HubFile, LinkFile, PortFile, SwitchFile, TrafficFile } from './schema.ts';
import { notOneOf } from './schema-parts.ts';
import type { GuestSpec, HostSpec, LabSpec, ServiceSpec } from './spec.ts';

/** The file's entries, each valid in itself or null. */
export interface Entries {
  name: string;
  seed: number;
  hosts: Map<string, HostFile | GuestFile | null>;
  links: Map<string, LinkFile | null>;
  switches: Map<string, SwitchFile | null>;
  hubs: Map<string, HubFile | null>;
  ports: Map<string, PortFile | null>;
  traffic: (TrafficFile | null)[];
  /** Those that are null above, as they were written. */
  broken: BrokenEntry[];
}

export interface BrokenEntry {
  path: Path;
  value: Record<string, unknown>;
}

export function checkLab(entries: Entries, complain: Complain): LabSpec {
  checkNames(entries, complain);
  const { hosts, guests } = checkHosts(entries, complain);
  const cables = checkCables(entries, complain);
  const { name, seed } = entries;
  const lab: LabSpec = { name, seed, hosts, guests, ...cables, ports: [], traffic: [] };
  lab.ports = checkPorts(entries, lab, complain);
  lab.traffic = checkTraffic(entries, lab, complain);
  for (const entry of entries.broken) checkBroken(entry, entries, complain);
  return lab;
}

const SECTIONS = ['hosts', 'switches', 'hubs', 'ports', 'links'] as const;

/** Names are used in `alice.eth0`, in file names and in the report: each must be plain and there once. */
function checkNames(entries: Entries, complain: Complain): void {
  const owner = new Map<string, string>();
  for (const section of SECTIONS) {
    for (const name of entries[section].keys()) {
      const path = [section, name];
      if (!/^[a-z0-9][a-z0-9_-]*$/i.test(name)) {
        complain(path, `"${name}" is no name: letters, digits, - and _ would be right`, 'key');
      }
      const other = owner.get(name);
      if (other === undefined) owner.set(name, section);
      else
        complain(path, `"${name}" is the name of one of the ${other} already: another would be right`, 'key');
    }
  }
}

function checkHosts(entries: Entries, complain: Complain): Pick<LabSpec, 'hosts' | 'guests'> {
  const checkNics = nicChecker(complain);
  const consoles = new Owners((path: string, who) => `${path} is the console of ${who} already`);
  const hosts: HostSpec[] = [];
  const guests: GuestSpec[] = [];
  let number = 0;
  for (const [name, host] of entries.hosts) {
    number++;
    if (host === null) continue;
    if ('guest' in host) {
      guests.push({ ...host, name, nics: checkNics(name, number, host.nics) });
      checkGuest(name, host, complain);
      if (host.console !== undefined)
        consoles.claim(host.console, name, complain, ['hosts', name, 'console']);
    } else {
      const nics = checkNics(name, number, host.nics).map((nic) => ({
        ...nic,
        driver: host.stack === 'io-pkt' ? null : (nic.driver ?? { name: 'pcnet32' as const }),
      }));
      const spec = { ...host, name, nics, drivers: host.drivers ?? neededDrivers(host) };
      checkStack(name, host, complain);
      checkBridge(name, host, complain);
      checkServices(spec, complain);
      hosts.push(spec);
    }
  }
  return { hosts, guests };
}

/** What an io-pkt is started with when the file does not say: a driver for every card. */
function neededDrivers(host: HostFile): HostSpec['drivers'] {
  const names = host.nics.map((nic) => driverFor(nic.chip, host.stack));
  return [...new Set(names)].flatMap((name) => (name === null ? [] : [{ name }]));
}

function checkStack(name: string, host: HostFile, complain: Complain): void {
  const path: Path = ['hosts', name];
  const isIopkt = host.stack === 'io-pkt';
  if (!isIopkt && host.drivers !== undefined)
    complain([...path, 'drivers'], 'drivers are those of an io-pkt: stack: io-pkt would be right', 'key');
  if (!isIopkt && host.faults.length > 0)
    complain([...path, 'faults'], 'faults are those of io-pkt drivers: stack: io-pkt would be right', 'key');
  if (isIopkt && host.tc.length > 0)
    complain([...path, 'tc'], 'tc is for the devices of the core: stack: core would be right', 'key');
  const names = nicNames(host);
  if (isIopkt && host.ifb.length > 0)
    complain([...path, 'ifb'], 'an ifb is a device of the core: stack: core would be right', 'key');
  host.ifb.forEach((name, i) => {
    if (names.includes(name) || host.ifb.indexOf(name) !== i)
      complain([...path, 'ifb', i], `there is a device ${name} already: another name would be right`);
  });
  if (isIopkt && host.faults.length > 0) {
    if (host.nics.length === 0)
      complain([...path, 'faults'], 'a fault is in a driver of a NIC: nics: [...] would be right', 'key');
    else if (host.drivers?.length === 0)
      complain([...path, 'faults'], 'no driver to have a fault: drivers: [NAME] would be right', 'key');
  }
  host.nics.forEach((nic, i) => {
    const at = [...path, 'nics', i];
    if (isIopkt && nic.qdisc !== undefined && nic.qdisc !== 'pfifo_fast')
      complain(
        [...at, 'qdisc'],
        `io-pkt has a send queue of its own; "${nic.qdisc}" is of the core: pfifo_fast, or leaving it out, would be right`,
      );
    if (isIopkt && nic.driver !== undefined)
      complain(
        [...at, 'driver'],
        "with io-pkt drivers are the host's: drivers: [speedo] there would be right",
        'key',
      );
    if (nic.chip === NO_CHIP) {
      checkPlain(nic, isIopkt, at, complain);
      return;
    }
    if (nic.queues !== undefined)
      complain(
        [...at, 'queues'],
        `the ${nic.chip} has one transmit queue: chip: none has as many as you like`,
        'key',
      );
    if (!isIopkt && driverFor(nic.chip, 'core') === null)
      complain(
        nic.chip === undefined ? at : [...at, 'chip'],
        `no driver of the core knows the ${nic.chip}: stack: io-pkt on the host would be right`,
      );
  });
  host.faults.forEach(({ nic }, i) => {
    if (nic !== undefined && !names.includes(nic))
      complain([...path, 'faults', i, 'nic'], notOneOf('NIC of this host', nic, names));
  });
}

function checkPlain(nic: HostFile['nics'][number], isIopkt: boolean, at: Path, complain: Complain): void {
  if (isIopkt)
    complain([...at, 'chip'], "io-pkt's drivers want a card: pcnet, say, or stack: core would be right");
  else if (nic.driver !== undefined)
    complain([...at, 'driver'], 'without a card there is no driver: leave it out, or name a chip', 'key');
}

/** A bridge passes everything on: its ports are no stations. */
function checkBridge(name: string, host: HostFile, complain: Complain): void {
  const { bridge } = host;
  if (bridge === undefined) return;
  const path: Path = ['hosts', name, 'bridge'];
  if (host.stack === 'io-pkt') complain(path, 'a bridge is of the core: stack: core would be right', 'key');
  const names = nicNames(host);
  bridge.forEach((port, i) => {
    const nic = host.nics[names.indexOf(port)];
    if (nic === undefined) complain([...path, i], notOneOf('NIC of this host', port, names));
    else if (nic.address !== undefined)
      complain(
        [...path, i],
        `${port} has an address, and a port of a bridge has none: leave one of them out`,
      );
  });
  if (bridge[0] === bridge[1]) complain([...path, 1], `${bridge[1]} twice: another NIC would be right`);
}

type NicParts = { name?: string; mac?: Uint8Array; address?: Network };
type Checked<Nic> = Omit<Nic, keyof NicParts> & { name: string; mac: Uint8Array; address: Network | null };

/** Gives NICs their names and addresses, each there once in the lab. */
function nicChecker(complain: Complain) {
  const macs = new Owners((mac: string, who) => `${mac} is the address of ${who} already`);
  const addresses = new Owners((address: string, who) => `${address} is the address of ${who} already`);
  return <Nic extends NicParts>(host: string, number: number, nics: readonly Nic[]): Checked<Nic>[] => {
    const names = nicNames({ nics });
    return nics.map((nic, i) => {
      const path: Path = ['hosts', host, 'nics', i];
      const who = `${host}.${names[i]}`;
      if (names.indexOf(names[i]) !== i)
        complain([...path, 'name'], `${host} has a NIC "${names[i]}" already`);
      const mac = nic.mac ?? deriveMac(number, i);
      macs.claim(formatMac(mac), who, complain, nic.mac === undefined ? path : [...path, 'mac']);
      const address = nic.address ?? null;
      if (address !== null) {
        checkAddress(address, complain, [...path, 'address']);
        addresses.claim(formatAddress(address.address), who, complain, [...path, 'address']);
      }
      return { ...nic, name: names[i], mac, address };
    });
  };
}

function checkAddress({ address, prefix }: Network, complain: Complain, path: Path): void {
  if (prefix >= 31 || (address & ~maskOf(prefix)) >>> 0 !== 0) return;
  complain(
    path,
    `${formatAddress(address)}/${prefix} is the network itself: ${formatAddress(address + 1)}/${prefix}, say, would be right`,
  );
}

function checkGuest(name: string, guest: GuestFile, complain: Complain): void {
  const path: Path = ['hosts', name];
  if (guest.cdrom === undefined && guest.kernel === undefined)
    complain(path, 'a guest starts from something: cdrom: FILE or kernel: FILE would be right', 'key');
  if (guest.kernel === undefined && (guest.initrd !== undefined || guest.commandLine !== undefined))
    complain(path, 'initrd and commandLine belong to a kernel: kernel: FILE would be right', 'key');
  const own = guest.nics.filter((nic) => nic.chip.startsWith('v86:'));
  if (own.length > 1) complain([...path, 'nics'], 'v86 has one network card of its own, and no more');
}

function checkServices(host: HostSpec, complain: Complain): void {
  const seen = new Set<number>();
  host.services.forEach((service, i) => {
    const path: Path = ['hosts', host.name, 'services', i];
    const port = servicePort(service);
    if (seen.has(port)) complain([...path, 'port'], `UDP port ${port} is taken: another would be right`);
    seen.add(port);
    if (service.kind === 'tftp') checkServed(service.files, path, complain);
    if (service.kind !== 'dhcp') return;
    const nic = servedNic(host, service.nic);
    if (nic === null || nic.address === null) {
      const names = host.nics.map((each) => each.name).join(', ') || 'none';
      complain(path, `a DHCP server wants a NIC with an address: nic: NAME would be right (there: ${names})`);
    } else if (!inNetwork(service.range.first, nic.address) || !inNetwork(service.range.last, nic.address)) {
      complain([...path, 'range'], `the range is not in the network of ${host.name}.${nic.name}`);
    }
  });
}

function checkServed(
  files: Extract<ServiceSpec, { kind: 'tftp' }>['files'],
  path: Path,
  complain: Complain,
): void {
  for (const [name, { file, text }] of Object.entries(files)) {
    if ((file === undefined) !== (text === undefined)) continue;
    complain(
      [...path, 'files', name],
      `"${name}" is a file or a text: file: FILE or text: TEXT would be right`,
    );
  }
}

function inNetwork(address: number, network: Network): boolean {
  return ((address ^ network.address) & maskOf(network.prefix)) === 0;
}

/** Locally administered; the host's number in the file and the NIC's in the host. */
function deriveMac(host: number, nic: number): Uint8Array {
  return Uint8Array.of(0x02, 0, 0, host >> 8, host & 0xff, nic + 1);
}

/** Who has what; complains about the second who wants it. */
class Owners {
  private readonly owners = new Map<string, string>();
  private readonly say: (what: string, who: string) => string;

  constructor(say: (what: string, who: string) => string) {
    this.say = say;
  }

  claim(what: string, who: string, complain: Complain, path: Path): void {
    const other = this.owners.get(what);
    if (other === undefined) this.owners.set(what, who);
    else complain(path, `${this.say(what, other)}: another would be right`);
  }
}
