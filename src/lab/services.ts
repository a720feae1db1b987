// What a host serves to anybody who asks, the outside world included: a UDP sink that counts, a UDP echo.

import { UdpEcho } from '../inet/echo.ts';
import { UdpSink } from '../inet/sink.ts';
import type { LabHost } from './hosts.ts';
import type { HostSpec } from './spec.ts';

export interface ServiceReport {
  kind: 'udp-sink' | 'udp-echo';
  port: number;
  /** Taken by a sink, answered by an echo. */
  packets: number;
  /** Payload; a sink's only. */
  bytes?: number;
  /** Datagrams the full socket refused. */
  refused: number;
}

export interface Service {
  readonly host: LabHost;
  readonly port: number;
  report(): ServiceReport;
}

export function makeService(host: LabHost, spec: HostSpec['services'][number]): Service {
  const { kind, port } = spec;
  if (kind === 'udp-sink') {
    const sink = new UdpSink(host.stack, port);
    const report = (): ServiceReport => {
      const { packets, bytes, socket } = sink;
      return { kind, port, packets, bytes, refused: socket.overflows };
    };
    return { host, port, report };
  }
  const echo = new UdpEcho(host.stack, port);
  const report = (): ServiceReport => {
    const { answered, socket } = echo;
    return { kind, port, packets: answered, refused: socket.overflows };
  };
  return { host, port, report };
}
