// io-pkt under a protocol stack, on several CPUs, and under random commands: nothing is lost without being counted, nothing
// is left behind.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InetStack } from '../inet/stack.ts';
import { X86_DESKTOP } from '../kernel/profile.ts';
import { SIOCSIFMEDIA, SIOCSIFMTU } from './sockio.ts';
import { host, type TestHost } from './testing.ts';
import { RX_SLOTS } from './testing-card.ts';

const MAC = [Uint8Array.of(2, 0, 0, 0, 0, 1), Uint8Array.of(2, 0, 0, 0, 0, 2)];

test('two hosts ping each other through their drivers, with costs', () => {
  const a = host({ machine: { name: 'a', profile: X86_DESKTOP }, cards: [{ mac: MAC[0], frameNs: 6000 }] });
  const b = host({
    machine: { name: 'b', profile: X86_DESKTOP },
    cards: [{ mac: MAC[1], frameNs: 6000 }],
    clock: a.clock,
  });
  a.card.onSend = (bytes) => b.card.arrive(bytes);
  b.card.onSend = (bytes) => a.card.arrive(bytes);
  const stacks = [a, b].map((it, i) => {
    const stack = new InetStack(it.layer);
    it.layer.packetTypes.remove(it.layer.packetTypes.buckets[0][0]);
    it.io.mount('xx', i === 0 ? null : 'kermask');
    stack.addAddress(it.device(), `10.0.0.${i + 1}/24`);
    return stack;
  });
  const ping = stacks[0].ping('10.0.0.2', { count: 20, intervalNs: 1_000_000 });
  a.clock.run(3_000_000_000);
  expect([ping.finished, ping.received]).toEqual([true, 20]);
  for (const it of [a, b]) {
    expect([it.books(), it.io.fault]).toEqual(['', null]);
    expect(it.machine.mbufs.inUse).toBe(RX_SLOTS);
  }
  for (const stack of stacks) expect(stack.balance().missing).toBe(0);
});

test('an interrupt on the second CPU: its worker receives and sends, the first has the commands', () => {
  const it = host({ machine: { cpus: 2 } });
  const seen = new Set<string>();
  it.machine.irq.setAffinity(9, it.machine.cpus[1]);
  it.io.mount('xx');
  it.up();
  it.layer.packetTypes.remove(it.layer.packetTypes.buckets[0][0]);
  it.layer.packetTypes.add({
    name: 'echo',
    type: 0x0800,
    device: null,
    receive: (m) => {
      seen.add(it.io.thread.name);
      const out = it.machine.mbufs.prepend(m, 14);
      if (out !== null) it.device().transmit(out);
    },
  });
  for (let i = 0; i < 20; i++) {
    it.card.arrive(it.packet(i));
    it.send(i);
    it.run(1000);
  }
  expect([...seen]).toEqual(['io-pkt#1']);
  expect([it.card.sent, it.books()]).toEqual([40, '']);
});

type Step = (it: TestHost) => void;

function step<T>(
  name: string,
  values: fc.Arbitrary<T>,
  run: (it: TestHost, value: T) => void,
): fc.Arbitrary<Step> {
  return values.map((value) =>
    Object.assign((it: TestHost) => run(it, value), { [fc.toStringMethod]: () => `${name} ${value}` }),
  );
}

const steps = [
  step('send', fc.nat(40), (it, count) => {
    for (let i = 0; i < count; i++) it.send(i);
  }),
  step('arrive', fc.nat(20), (it, count) => {
    for (let i = 0; i < count; i++) it.card.arrive(it.packet(i));
  }),
  step('run', fc.constantFrom(100, 10_000, 1_000_000, 2_000_000_000), (it, ns) => it.run(ns)),
  step('up', fc.boolean(), (it, up) => {
    it.machine.process(() => (up ? it.device().open() : it.device().close()));
  }),
  step('link', fc.boolean(), (it, up) => it.card.setLink(up)),
  step('mtu', fc.integer({ min: 40, max: 1510 }), (it, ifr_mtu) => {
    it.io.ioctl('xx0', SIOCSIFMTU, { ifr_name: 'xx0', ifr_mtu });
  }),
  step('media', fc.constantFrom(0x20, 0x23, 0x100026, 0x22, 0x30), (it, ifr_media) => {
    it.io.ioctl('xx0', SIOCSIFMEDIA, { ifr_name: 'xx0', ifr_media });
  }),
  step('promiscuous', fc.constant(1), (it) => {
    it.machine.process(() => {
      it.device().setPromiscuity(1);
      it.device().setPromiscuity(-1);
    });
  }),
  step('group', fc.nat(3), (it, n) => {
    const group = Uint8Array.of(1, 0, 0x5e, 0, 0, n);
    it.machine.process(() =>
      n % 2 === 0 ? it.device().addMulticast(group) : it.device().removeMulticast(group),
    );
  }),
  step('protocol', fc.constant('qnet'), (it, name) => it.io.protocolStarts(name)),
];

test('random commands in the midst of traffic', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(...steps), { maxLength: 40 }),
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom(0, 1000, 500_000),
      (commands, kermask, costs, frameNs) => {
        const profile = costs ? { profile: X86_DESKTOP } : {};
        const it = host({
          machine: { mbufs: 200, clusters: 60, debugMbufs: true, ...profile },
          cards: [{ frameNs }],
        });
        it.io.mount('xx', kermask ? 'kermask' : null);
        for (const command of commands) {
          command(it);
          expect(it.books()).toBe('');
          expect([it.io.held.length, it.io.contexts.what, it.io.signalLocks]).toEqual([0, '', 0]);
        }
        it.run(1_000_000_000);
        const ifp = it.io.find('xx0')!;
        expect(ifp.if_ipackets).toBe(it.device().rx.packets);
        // All that waited has left, or has been dropped.
        if (it.device().carrier && it.card.running) expect([it.device().queued, ifp.held]).toEqual([0, 0]);
        it.io.destroy('xx0');
        expect([it.machine.mbufs.inUse, it.io.callouts.size, it.machine.mbufs.debug!.check()]).toEqual([
          0,
          0,
          [],
        ]);
        expect(it.machine.irq.line(9).masked).toBe(false);
      },
    ),
    { numRuns: 200, seed: 7 },
  );
});
