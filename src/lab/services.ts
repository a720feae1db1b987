// What a host serves to anybody who asks, guests and the outside world included: a UDP sink that counts, a UDP echo, and
// what network boot needs: DHCP and TFTP.

import { DhcpServer } from '../inet/dhcp-server.ts';
import { UdpEcho } from '../inet/echo.ts';
import { UdpSink } from '../inet/sink.ts';
import { TftpServer } from '../inet/tftp-server.ts';
import { nonZero } from './card-books.ts';
import type { LabHost } from './hosts.ts';
import { servedNic, servicePort } from './names.ts';
import { LabRunError } from './problem.ts';
import type { ServiceSpec } from './spec.ts';

export interface ServiceReport {
  kind: ServiceSpec['kind'];
  port: number;
  /** Datagrams taken by a sink, answered by an echo, received by a server. */
  packets: number;
  /** Payload; a sink's only. */
  bytes?: number;
  /** Datagrams the full socket refused. */
  refused: number;
  /** A server's own counters that are not 0. */
  counters?: Record<string, number>;
  /** Addresses given out. */
  leases?: { address: string; mac: string; name: string; state: string }[];
  /** Files asked for, and how far each got. */
  transfers?: { file: string; client: string; state: string; size: number; bytes: number }[];
}

export interface Service {
  readonly host: LabHost;
  report(): ServiceReport;
}

/** Reads a file that a lab names; `path` is as it stands in the lab file. Throws when it cannot. */
export type ReadFile = (path: string) => Uint8Array;

/** The host is up. Throws with what is wrong. */
export function makeService(host: LabHost, spec: ServiceSpec, readFile: ReadFile): Service {
  const base = { kind: spec.kind, port: servicePort(spec) };
  switch (spec.kind) {
    case 'udp-sink': {
      const sink = new UdpSink(host.stack, spec.port);
      return {
        host,
        report: () => ({ ...base, packets: sink.packets, bytes: sink.bytes, refused: sink.socket.overflows }),
      };
    }
    case 'udp-echo': {
      const echo = new UdpEcho(host.stack, spec.port);
      return { host, report: () => ({ ...base, packets: echo.answered, refused: echo.socket.overflows }) };
    }
    case 'dhcp':
      return dhcp(host, spec, base);
    case 'tftp':
      return tftp(host, spec, base, readFile);
  }
}

type Base = Pick<ServiceReport, 'kind' | 'port'>;

function dhcp(host: LabHost, spec: Extract<ServiceSpec, { kind: 'dhcp' }>, base: Base): Service {
  const { nic, range, router, dns, lease, bootFile, nextServer } = spec;
  const { name } = servedNic(host.spec, nic)!;
  const { device } = host.nic(name);
  if (device === null) throw new Error(`the DHCP server's NIC ${name} has no interface: drivers: would help`);
  const server = new DhcpServer(host.stack, {
    device,
    ...range,
    router,
    dns: dns === undefined ? [] : [dns],
    leaseSeconds: Math.max(1, Math.round(lease / 1e9)),
    bootFile,
    nextServer,
    // There is no other on the lab's own wires.
    authoritative: true,
  });
  return {
    host,
    report: () => ({
      ...base,
      packets: server.counters.received,
      refused: server.socket.overflows,
      counters: { ...nonZero(server.counters), ...server.dropReport() },
      leases: server.leases.map(({ address, mac, name, state }) => ({ address, mac, name, state })),
    }),
  };
}

function tftp(
  host: LabHost,
  spec: Extract<ServiceSpec, { kind: 'tftp' }>,
  base: Base,
  readFile: ReadFile,
): Service {
  const files = new Map<string, Uint8Array>();
  for (const [name, { file, text = '' }] of Object.entries(spec.files)) {
    files.set(name, file === undefined ? new TextEncoder().encode(text) : readServed(host, file, readFile));
  }
  const server = new TftpServer(host.stack, { files });
  return {
    host,
    report: () => ({
      ...base,
      packets: server.counters.requests,
      refused: server.socket.overflows,
      counters: nonZero(server.counters),
      transfers: server.transfers.map(({ file, client, state, size, bytes }) => {
        return { file, client, state, size, bytes };
      }),
    }),
  };
}

function readServed(host: LabHost, file: string, readFile: ReadFile): Uint8Array {
  try {
    return readFile(file);
  } catch (error) {
    const help = file.startsWith('guests/') ? '; npm run guests fetches it' : '';
    const at = ['hosts', host.spec.name, 'services'];
    throw new LabRunError(`host "${host.spec.name}": ${file}: ${(error as Error).message}${help}`, at);
  }
}
