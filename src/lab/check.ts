// What no single entry of a lab file can show: names that refer to others, sockets used twice, duplicate addresses.
// Makes the LabSpec as it goes. Entries that were wrong in themselves are null: their names are known, no more.

import { formatAddress, maskOf } from '../inet/address.ts';
import { formatMac } from '../net/ether.ts';
import { checkCables } from './check-cables.ts';
import { checkPorts, checkTraffic } from './check-traffic.ts';
import { checkBroken, nicNames } from './names.ts';
import type { Complain, Path } from './problem.ts';
import type { HostFile, HubFile, LinkFile, PortFile, SwitchFile, TrafficFile } from './schema.ts';
import type { HostSpec, LabSpec, NicSpec } from './spec.ts';

/** The file's entries, each valid in itself or null. */
export interface Entries {
  name: string;
  seed: number;
  hosts: Map<string, HostFile | null>;
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
  const hosts = checkHosts(entries, complain);
  const cables = checkCables(entries, complain);
  const lab: LabSpec = { name: entries.name, seed: entries.seed, hosts, ...cables, ports: [], traffic: [] };
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

function checkHosts(entries: Entries, complain: Complain): HostSpec[] {
  const macs = new Owners((mac: string, who) => `${mac} is the address of ${who} already`);
  const addresses = new Owners((address: string, who) => `${address} is the address of ${who} already`);
  const hosts: HostSpec[] = [];
  let number = 0;
  for (const [name, host] of entries.hosts) {
    number++;
    if (host === null) continue;
    const names = nicNames(host);
    const nics: NicSpec[] = host.nics.map((nic, i) => {
      const path: Path = ['hosts', name, 'nics', i];
      const who = `${name}.${names[i]}`;
      if (names.indexOf(names[i]) !== i)
        complain([...path, 'name'], `${name} has a NIC "${names[i]}" already`);
      const mac = nic.mac ?? deriveMac(number, i);
      macs.claim(formatMac(mac), who, complain, nic.mac === undefined ? path : [...path, 'mac']);
      const address = nic.address ?? null;
      if (address !== null) {
        const hostPart = (address.address & ~maskOf(address.prefix)) >>> 0;
        if (address.prefix < 31 && hostPart === 0) {
          complain(
            [...path, 'address'],
            `${formatAddress(address.address)}/${address.prefix} is the network itself: ${formatAddress(address.address + 1)}/${address.prefix}, say, would be right`,
          );
        }
        addresses.claim(formatAddress(address.address), who, complain, [...path, 'address']);
      }
      return { ...nic, name: names[i], mac, address };
    });
    checkServices(name, host, complain);
    hosts.push({ ...host, name, nics });
  }
  return hosts;
}

function checkServices(name: string, host: HostFile, complain: Complain): void {
  const seen = new Set<number>();
  host.services.forEach((service, i) => {
    if (seen.has(service.port)) {
      complain(
        ['hosts', name, 'services', i, 'port'],
        `UDP port ${service.port} is taken: another would be right`,
      );
    }
    seen.add(service.port);
  });
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
