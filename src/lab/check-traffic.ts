// Ports to the outside and traffic: which NIC a replay is for, which address a flow goes to.

import { formatAddress, maskOf, parseAddress } from '../inet/address.ts';
import type { Entries } from './check.ts';
import { findHost, findNic, servicePort } from './names.ts';
import type { Complain, Path } from './problem.ts';
import type { PortFile, TrafficFile } from './schema.ts';
import {
  type Endpoint,
  endpointName,
  type GuestSpec,
  type HostSpec,
  type LabSpec,
  type NicTarget,
  type PortSpec,
  type TrafficSpec,
} from './spec.ts';

/** A NIC that may have an address, of a host or of a guest. */
type AddressedNic = HostSpec['nics'][number] | GuestSpec['nics'][number];

export function checkPorts(entries: Entries, lab: LabSpec, complain: Complain): PortSpec[] {
  const ports: PortSpec[] = [];
  for (const [name, file] of entries.ports) {
    if (file === null) continue;
    const spec =
      file.kind === 'tap' ? checkTap(name, file, complain) : checkSource(name, file, entries, lab, complain);
    if (spec !== null) ports.push(spec);
  }
  return ports;
}

/** IFNAMSIZ without the terminating zero. */
const INTERFACE_NAME_LENGTH = 15;

function checkTap(name: string, file: Extract<PortFile, { kind: 'tap' }>, complain: Complain): PortSpec {
  const interfaceName = file.name ?? name;
  if (interfaceName.length > INTERFACE_NAME_LENGTH) {
    complain(
      ['ports', name],
      `"${interfaceName}" is too long for an interface: ${INTERFACE_NAME_LENGTH} letters at most would be right`,
      'key',
    );
  }
  return {
    name,
    kind: 'tap',
    interfaceName,
    address: file.address ?? null,
    mtu: file.mtu,
    namespace: file.namespace,
  };
}

function checkSource(
  name: string,
  file: Exclude<PortFile, { kind: 'tap' }>,
  entries: Entries,
  lab: LabSpec,
  complain: Complain,
): PortSpec | null {
  const path: Path = ['ports', name];
  const to =
    file.to === undefined ? neighbour(name, lab) : findNic(file.to, entries, complain, [...path, 'to']);
  if (to === null) {
    if (file.to === undefined && isPluggedIn(name, lab)) {
      complain(path, `whom is "${name}" for? It is not linked to a NIC, so to: HOST would be right`, 'key');
    }
    return null;
  }
  if (isGuest(lab, to.host)) {
    complain(
      path,
      `${to.host} is a guest: what a port sends is followed up one of softnet's own hosts`,
      'key',
    );
    return null;
  }
  const base = { name, to, startNs: file.start };
  if (file.kind === 'replay') {
    const { pace, speed, loops, destination } = file;
    return { ...base, kind: 'replay', file: file.file, pace, speed, loops, destination };
  }
  const target = findNicSpec(lab, to);
  if (target !== null && target.address === null) {
    complain(
      path,
      `${to.host}.${to.nic} has no address to send to: address: 10.0.0.1/24, say, would be right there`,
      'key',
    );
  }
  return {
    ...base,
    kind: 'generator',
    pace: file.rate,
    size: file.size,
    udpPort: file.port,
    sink: file.sink,
  };
}

/** The NIC at the other end of a port's link. */
function neighbour(name: string, lab: LabSpec): NicTarget | null {
  for (const link of lab.links) {
    const index = link.ends.findIndex((end) => end.kind === 'port' && end.name === name);
    if (index < 0) continue;
    const other: Endpoint = link.ends[1 - index];
    return other.kind === 'nic' ? { host: other.host, nic: other.nic } : null;
  }
  return null;
}

function isPluggedIn(name: string, lab: LabSpec): boolean {
  const ends = [...lab.links.flatMap((link) => link.ends), ...lab.hubs.flatMap((hub) => hub.ends)];
  return ends.some((end) => endpointName(end) === name);
}

function findNicSpec(lab: LabSpec, target: NicTarget): AddressedNic | null {
  return machine(lab, target.host)?.nics.find((nic) => nic.name === target.nic) ?? null;
}

function isGuest(lab: LabSpec, name: string): boolean {
  return lab.guests.some((guest) => guest.name === name);
}

/** What flows can go to: a host, or a guest. */
function machine(lab: LabSpec, name: string): HostSpec | GuestSpec | undefined {
  return [...lab.hosts, ...lab.guests].find((candidate) => candidate.name === name);
}

/** UDP flows that name no port get these, so that each has its own. */
const FIRST_UDP_PORT = 5001;

export function checkTraffic(entries: Entries, lab: LabSpec, complain: Complain): TrafficSpec[] {
  const traffic: TrafficSpec[] = [];
  // Ports with replay or generator are flows too.
  const names = new Set(entries.ports.keys());
  entries.traffic.forEach((file, i) => {
    if (file === null) return;
    const path: Path = ['traffic', i];
    const name = file.name ?? freeName(file, names);
    if (names.has(name))
      complain([...path, 'name'], `there is a flow "${name}" already: another name would be right`);
    names.add(name);
    const from = findHost(file.from, entries, complain, [...path, 'from']);
    if (isGuest(lab, file.from)) {
      complain([...path, 'from'], `${file.from} is a guest: what it sends is for itself to say`);
      return;
    }
    const target = findTarget(file, entries, lab, complain, [...path, 'to']);
    if (!from || target === null) return;
    const base = {
      name,
      from: file.from,
      ...target,
      startNs: file.start,
      count: file.count,
      size: file.size,
    };
    if (file.kind === 'ping') traffic.push({ ...base, kind: 'ping', intervalNs: file.interval });
    else {
      const udpPort = file.port ?? FIRST_UDP_PORT + i;
      traffic.push({ ...base, kind: 'udp', pace: file.rate, udpPort });
      checkUdpPort(lab, traffic, udpPort, target.toHost, complain, path);
    }
  });
  return traffic;
}

function freeName(file: TrafficFile, names: Set<string>): string {
  const base = `${file.kind} ${file.from}>${file.to}`;
  if (!names.has(base)) return base;
  for (let number = 2; ; number++) if (!names.has(`${base} ${number}`)) return `${base} ${number}`;
}

/** `to` is a host, a NIC or an address. */
function findTarget(
  file: TrafficFile,
  entries: Entries,
  lab: LabSpec,
  complain: Complain,
  path: Path,
): { to: number; toHost: string | null } | null {
  if (/^[\d.]+$/.test(file.to)) {
    try {
      const to = parseAddress(file.to);
      const host = lab.hosts.find((each) => each.nics.some((nic) => nic.address?.address === to));
      return { to, toHost: host?.name ?? null };
    } catch (error) {
      complain(path, (error as Error).message);
      return null;
    }
  }
  const [hostName] = file.to.split('.');
  if (!findHost(hostName, entries, complain, path)) return null;
  const host = machine(lab, hostName);
  if (host === undefined) return null;
  const nic = file.to.includes('.')
    ? namedNic(file.to, entries, lab, complain, path)
    : bestNic(host, file.from, lab);
  if (nic === null) {
    if (!file.to.includes('.'))
      complain(
        path,
        `${hostName} has no address to send to: nics: [{address: 10.0.0.1/24}], say, would be right there`,
      );
    return null;
  }
  if (nic.address === null) {
    complain(path, `${file.to} has no address to send to`);
    return null;
  }
  return { to: nic.address.address, toHost: isGuest(lab, hostName) ? null : hostName };
}

function namedNic(
  name: string,
  entries: Entries,
  lab: LabSpec,
  complain: Complain,
  path: Path,
): AddressedNic | null {
  const target = findNic(name, entries, complain, path);
  return target === null ? null : findNicSpec(lab, target);
}

/** The NIC in a network of the sender's, else the first with an address. */
function bestNic(host: HostSpec | GuestSpec, from: string, lab: LabSpec): AddressedNic | null {
  const sender = lab.hosts.find((candidate) => candidate.name === from);
  const nics: readonly AddressedNic[] = host.nics;
  const near = nics.find((nic) => sender?.nics.some((own) => sameNetwork(nic, own)));
  return near ?? nics.find((nic) => nic.address !== null) ?? null;
}

function sameNetwork(a: AddressedNic, b: AddressedNic): boolean {
  if (a.address === null || b.address === null) return false;
  const mask = maskOf(a.address.prefix);
  return ((a.address.address ^ b.address.address) & mask) === 0;
}

function checkUdpPort(
  lab: LabSpec,
  traffic: readonly TrafficSpec[],
  udpPort: number,
  host: string | null,
  complain: Complain,
  path: Path,
): void {
  if (host === null) return;
  const flow = traffic.find(
    (other, i) =>
      i < traffic.length - 1 && other.kind === 'udp' && other.toHost === host && other.udpPort === udpPort,
  );
  const service = lab.hosts
    .find((candidate) => candidate.name === host)
    ?.services.find((each) => servicePort(each) === udpPort);
  const who =
    flow !== undefined ? `flow "${flow.name}"` : service !== undefined ? `a ${service.kind} service` : null;
  if (who === null) return;
  const { to } = traffic[traffic.length - 1];
  complain(
    path,
    `UDP port ${udpPort} of ${host} (${formatAddress(to)}) belongs to ${who}: another port would be right`,
  );
}
