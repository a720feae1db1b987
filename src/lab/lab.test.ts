import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { shippedLab, simulate } from '../../test/vocabulary/labs.ts';

const SECOND = 1_000_000_000;

const TWO_HOSTS = `
hosts:
  alice: { nics: [{ address: 10.0.0.1/24, negotiation: 1ms }] }
  bob: { nics: [{ address: 10.0.0.2/24, negotiation: 1ms }] }
links:
  wire: { between: [alice, bob], rate: 100Mbit, delay: 1us }
`;

describe('the report', () => {
  test('has a place for every host, device, link and flow', () => {
    const { report } = simulate(shippedLab('default'), { forNs: SECOND });
    expect(report).toMatchObject({ lab: 'default', seed: 7, clock: 'virtual', durationNs: SECOND });
    expect(Object.keys(report.hosts)).toEqual(['alice', 'bob']);
    expect(Object.keys(report.hosts.bob.devices)).toEqual(['eth0', 'eth1']);
    expect(Object.keys(report.links)).toEqual(['wire', 'tape']);
    expect(report.flows.map((flow) => flow.name)).toEqual(['ping', 'voice', 'capture']);
    const { timeNs } = report.hosts.alice.cpus[0];
    expect(timeNs.idle + timeNs.process + timeNs.softirq + timeNs.hardirq).toBeGreaterThanOrEqual(SECOND);
    expect(report.hosts.alice.devices.eth0).toMatchObject({
      mac: '02:00:00:00:01:01',
      addresses: ['10.0.0.1/24'],
      carrier: true,
      bitsPerSecond: 100_000_000,
      drops: {},
    });
    expect(report.links.wire.directions['alice.eth0>bob.eth0']).toMatchObject({ drops: {}, inFlight: 0 });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  test('counts what was sent, received and lost, and how long it took', () => {
    const text = `${TWO_HOSTS}\ntraffic:\n  - { name: p, kind: ping, from: alice, to: bob, interval: 10ms }\n  - { name: u, kind: udp, from: alice, to: bob, rate: 1000pps }`;
    const { report } = simulate(text);
    expect(report.flows).toMatchObject([
      { name: 'p', kind: 'ping', from: 'alice', to: '10.0.0.2', sent: 11, received: 11, lost: 0 },
      { name: 'u', kind: 'udp', sent: 100, received: 100, lost: 0 },
    ]);
    for (const { latencyNs } of report.flows) {
      expect(latencyNs?.p50).toBeGreaterThan(5000);
      expect(latencyNs?.p99).toBeLessThan(100_000);
    }
  });

  test('a flow with a count ends by itself, and so does the run', () => {
    const text = `${TWO_HOSTS}\ntraffic: [{ kind: ping, from: alice, to: bob, interval: 1ms, count: 5 }]`;
    const { report } = simulate(text, { forNs: 10 * SECOND });
    expect(report.flows[0]).toMatchObject({ sent: 5, received: 5 });
    expect(report.durationNs).toBeLessThan(SECOND);
  });
});

describe('every lab that comes with softnet', () => {
  test.each(['default', 'lossy', 'router', 'hub', 'switch', 'livelock', 'io-pkt', 'media'])(
    '%s: nothing vanishes',
    (name) => {
      const { report } = simulate(shippedLab(name), { forNs: SECOND / 2 });
      expect(report.conservation.vanished).toEqual([]);
      expect(report.conservation.accounted).toBeGreaterThan(500);
      for (const flow of report.flows) expect(flow.received).toBeGreaterThan(0);
    },
  );

  test.each(['default', 'router', 'hub'])('%s: nothing is lost', (name) => {
    const { report } = simulate(shippedLab(name), { forNs: SECOND / 2 });
    for (const flow of report.flows) expect(flow).toMatchObject({ lost: 0 });
  });

  test('hub: stations collide and get through all the same', () => {
    const { report } = simulate(shippedLab('hub'), { forNs: SECOND / 2 });
    expect(report.links.hub.totals.collisions).toBeGreaterThan(10);
  });

  test('router: what alice sends leaves by the other card', () => {
    const { report } = simulate(shippedLab('router'), { forNs: SECOND / 2 });
    const { eth0, eth1 } = report.hosts.router.devices;
    expect(eth1.tx.packets).toBeGreaterThan(2500);
    expect(eth0.rx.packets).toBe(eth1.tx.packets);
  });

  test('switch: two flows for one port fill its queue', () => {
    const { report } = simulate(shippedLab('switch'), { forNs: SECOND / 2 });
    expect(report.links.sw.directions['bob.eth0.out'].drops.queueFull).toBeGreaterThan(100);
    expect(report.flows.find((flow) => flow.name === 'ping')).toMatchObject({ lost: 0 });
  });
});

test('the capture that comes with the labs is the one of the tests', () => {
  const read = (folder: string): Buffer =>
    readFileSync(new URL(`../../${folder}/captures/mixed.pcap`, import.meta.url));
  expect(read('labs')).toEqual(read('test'));
});

describe('a capture that is replayed', () => {
  const lab = (port: string, bob = ''): string => `
hosts: { bob: { nics: [{ address: 10.0.0.2/24, negotiation: 1ms ${bob} }] } }
ports: { tape: { kind: replay, file: captures/mixed.pcap, ${port} } }
links: { wire: { between: [tape, bob], rate: 100Mbit } }
`;

  test('reaches the device layer frame by frame', () => {
    const { report } = simulate(lab('pace: 10kpps', ', promiscuous: true'));
    expect(report.flows[0]).toMatchObject({
      kind: 'replay',
      to: 'bob.eth0',
      sent: 121,
      received: 121,
      lost: 0,
    });
  });

  test('is lost on a card that does not listen to everything', () => {
    const { report } = simulate(lab('pace: 10kpps'));
    const { sent, received, lost } = report.flows[0];
    expect(sent).toBe(121);
    expect(lost).toBe(sent - received);
    // What the station address and the multicast filter let through is not for this card to drop.
    expect(report.hosts.bob.devices.eth0.hardware.filtered).toBe(lost);
    expect(report.conservation.vanished).toEqual([]);
  });

  test('reaches a card that it is addressed to', () => {
    const { report } = simulate(lab('pace: 10kpps, destination: rewrite'));
    expect(report.flows[0]).toMatchObject({ sent: 121, received: 121 });
  });

  test('plays faster than it was captured', () => {
    const { report } = simulate(lab('speed: 1000, loops: 3', ', promiscuous: true'));
    expect(report.flows[0]).toMatchObject({ sent: 363, lost: 0 });
  });
});

describe('a lab that is right as a file and cannot run', () => {
  const message = (text: string): string => {
    try {
      simulate(text);
      return 'it ran';
    } catch (error) {
      return (error as Error).message;
    }
  };

  test('says which capture is missing', () => {
    const text = `${TWO_HOSTS.replace('bob]', 'x]')}ports: { x: { kind: replay, file: none.pcap } }`;
    expect(message(text)).toMatch(/^port "x": none.pcap: ENOENT/);
  });

  test('says that a TAP wants real time', () => {
    const text = `${TWO_HOSTS.replace('bob]', 'x]')}ports: { x: { kind: tap } }`;
    expect(message(text)).toBe(
      'port "x" leads to this computer\'s kernel, which runs in real time: softnet up FILE would be right',
    );
  });

  test('says which host has too few buffers', () => {
    const text = TWO_HOSTS.replace('alice: {', 'alice: { mbufs: 64, clusters: 64,').replace(
      'nics: [{',
      'nics: [{ driver: { rxRing: 128 },',
    );
    expect(message(text)).toMatch(/^host "alice": .*buffers/);
  });

  test('says which gateway is nowhere', () => {
    const text = TWO_HOSTS.replace('alice: {', 'alice: { gateway: 10.7.0.1,');
    expect(message(text)).toMatch(/^host "alice": .*gateway 10.7.0.1/);
  });
});
