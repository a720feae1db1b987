// Names of things in a lab file: NICs that were given none, and the lookup of `alice.eth0`, `capture` or `sw`.

import type { BrokenEntry, Entries } from './check.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Complain, Path } from './problem.ts';
import type { Endpoint, HostSpec, NicSpec, NicTarget, ServiceSpec } from './spec.ts';

/** Names of a host's NICs: its own, or eth and the number in the list. */
export function nicNames(host: { nics: readonly { name?: string }[] }): string[] {
  return host.nics.map((nic, i) => nic.name ?? `eth${i}`);
}

/** The NIC that `alice.eth0`, or `alice` with one NIC, stands for; null when the name is wrong, which is said. */
export function findNic(name: string, entries: Entries, complain: Complain, path: Path): NicTarget | null {
  const dot = name.indexOf('.');
  const host = dot < 0 ? name : name.slice(0, dot);
  if (!findHost(host, entries, complain, path)) return null;
  const found = entries.hosts.get(host) ?? null;
  if (found === null) return null;
  const names = nicNames(found);
  if (dot >= 0) {
    const nic = name.slice(dot + 1);
    if (names.includes(nic)) return { host, nic };
    const hint = didYouMean(nic, names) || `; it has ${names.join(', ') || 'none'}`;
    complain(path, `${host} has no NIC "${nic}"${hint}`);
    return null;
  }
  if (names.length === 1) return { host, nic: names[0] };
  const right =
    names.length === 0 ? `nics: [{}] in host ${host}` : names.map((nic) => `${host}.${nic}`).join(' or ');
  complain(
    path,
    `${host} has ${names.length === 0 ? 'no NIC' : `${names.length} NICs`}: ${right} would be right`,
  );
  return null;
}

/** What a cable's end is plugged into; null when the name is wrong, which is said. */
export function findEndpoint(
  name: string,
  entries: Entries,
  complain: Complain,
  path: Path,
): Endpoint | null {
  if (entries.ports.has(name)) return { kind: 'port', name };
  if (entries.switches.has(name)) return { kind: 'switch', name };
  if (entries.hubs.has(name)) {
    complain(
      path,
      `"${name}" is a hub: what is plugged into it stands in its own list, hubs: {${name}: {connect: [...]}}`,
    );
    return null;
  }
  const host = name.split('.')[0];
  if (!entries.hosts.has(host)) {
    const known = [...entries.hosts.keys(), ...entries.ports.keys(), ...entries.switches.keys()];
    complain(path, `there is no host, port or switch "${host}"${didYouMean(host, known)}`);
    return null;
  }
  const nic = findNic(name, entries, complain, path);
  return nic === null ? null : { kind: 'nic', ...nic };
}

/** Says which names are wrong in an entry that is wrong in itself already, so that all is said at once. */
export function checkBroken(entry: BrokenEntry, entries: Entries, complain: Complain): void {
  const { path, value } = entry;
  for (const key of ['between', 'connect']) {
    const list = value[key];
    if (!Array.isArray(list)) continue;
    list.forEach((name, i) => {
      if (typeof name === 'string') findEndpoint(name, entries, complain, [...path, key, i]);
    });
  }
  for (const key of ['from', 'to']) {
    const name = value[key];
    if (typeof name !== 'string' || /^[\d.]+$/.test(name)) continue;
    if (name.includes('.')) findNic(name, entries, complain, [...path, key]);
    else findHost(name, entries, complain, [...path, key]);
  }
}

/** Whether there is such a host; says so when not. */
export function findHost(name: string, entries: Entries, complain: Complain, path: Path): boolean {
  if (entries.hosts.has(name)) return true;
  complain(path, `there is no host "${name}"${didYouMean(name, [...entries.hosts.keys()])}`);
  return false;
}

/** UDP port that a service is bound to. */
export function servicePort(service: ServiceSpec): number {
  switch (service.kind) {
    case 'dhcp':
      return 67;
    case 'tftp':
      return 69;
    default:
      return service.port;
  }
}

/** The NIC that a service is for: the one it names, else the first with an address; null when there is none. */
export function servedNic(host: HostSpec, name: string | undefined): NicSpec | null {
  return host.nics.find((nic) => (name === undefined ? nic.address !== null : nic.name === name)) ?? null;
}
