import { describe, expect, test } from 'vitest';
import { dhcpLab, ip } from '../../test/vocabulary/dhcp-lab.ts';
import { Host } from '../../test/vocabulary/inet-hosts.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { DhcpServer } from './dhcp-server.ts';

describe('a DHCP server', () => {
  test.each([
    [{ first: ip('10.0.0.9'), last: ip('10.0.0.8') }, 'the first must not be above the last'],
    [{ first: ip('10.0.1.9'), last: ip('10.0.1.10') }, "in the clients' network, 10.0.0.0/24"],
    [{ leaseSeconds: 0 }, '1 to 4294967295 (for ever)'],
    [{ bootFile: 'x'.repeat(128) }, '127 characters fit'],
    [{ serverName: 'ā' }, 'Latin letters only'],
    [{ dns: Array.from({ length: 9 }, () => 1) }, 'room for 8'],
    [{ reservations: [{ mac: Uint8Array.of(1), address: 1 }] }, '6 wanted'],
    [{ reservations: [{ mac: new Uint8Array(6), address: ip('10.0.0.1') }] }, "somebody else's"],
    [{ reservations: [{ mac: new Uint8Array(6), address: ip('10.9.0.1') }] }, 'must be in 10.0.0.0/24'],
  ])('refuses %j', (options, message) => {
    expect(() => dhcpLab(options)).toThrow(message);
  });

  test('wants an address of its own', () => {
    const host = new Host('h', new VirtualClock());
    const { device } = host.plug();
    expect(() => new DhcpServer(host.stack, { device, first: 1, last: 2 })).toThrow(
      'give the device an address',
    );
  });
});
