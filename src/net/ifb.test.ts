import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { Tc } from '../tc/command.ts';
import { conservation } from './conservation.ts';
import { NetDevice } from './device.ts';
import { createIfb } from './ifb.ts';
import { DeviceLayer } from './layer.ts';

const SECOND = 1_000_000_000;
const FRAME = 1000;

/** eth0, whose driver sends at once, and ifb0, both up; what the protocols get and what eth0 sends, by its last byte. */
function net() {
  const one = oneMachine({ mbufs: 4096, clusters: 2048 });
  const { machine } = one;
  const layer = new DeviceLayer(machine);
  const sent: number[] = [];
  const got: number[] = [];
  const last = (m: Mbuf): number => machine.memory.u8[m.data + m.length - 1];
  const eth0: NetDevice = new NetDevice(layer, 'eth0', {
    open() {
      for (const queue of eth0.txQueues) queue.start();
      eth0.setCarrier(true);
    },
    stop() {},
    startXmit(m) {
      sent.push(last(m));
      eth0.transmitDone(m, true);
      return true;
    },
    held: () => 0,
  });
  eth0.address.set([2, 0, 0, 0, 0, 1]);
  layer.register(eth0);
  layer.packetTypes.add({
    name: 'ip',
    type: 0x0800,
    device: null,
    receive: (m, device) => {
      expect(device).toBe(eth0);
      got.push(last(m));
      machine.mbufs.freem(m);
    },
  });
  const ifb = createIfb(layer, 'ifb0');
  machine.process(() => {
    eth0.open();
    ifb.open();
  });
  const control = new Tc(layer);
  const tc = (line: string): string => machine.process(() => control.line(line)).text;
  const packet = (mark: number, bytes = FRAME): Mbuf => {
    const frame = new Uint8Array(bytes).fill(mark);
    frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, 0x45]);
    const m = machine.mbufs.fromBytes(frame);
    if (m === null) throw new Error('no buffers');
    return m;
  };
  const receive = (mark: number): void => {
    const m = packet(mark);
    m.device = eth0;
    machine.process(() => {
      machine.cpu.bhDisable();
      layer.receive(m);
      machine.cpu.bhEnable();
    });
  };
  const send = (mark: number): void => void machine.process(() => eth0.transmit(packet(mark)));
  const books = (): string => conservation(eth0).text + conservation(ifb).text;
  const free = machine.mbufs.inUse;
  return { ...one, layer, eth0, ifb, tc, packet, receive, send, books, sent, got, free };
}

const IN =
  'filter add dev eth0 parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ifb0';

test('what comes in is shaped to 1 Mbit/s by tbf on ifb0, in order, once, and the books are right all the way', () => {
  const it = net();
  it.tc('qdisc add dev eth0 ingress');
  it.tc(IN);
  it.tc('qdisc add dev ifb0 root tbf rate 1mbit burst 2000b limit 1mb');
  for (let i = 0; i < 200; i++) it.receive(i);
  expect(it.books()).toBe('');
  expect([it.got, it.ifb.queued]).toEqual([[0, 1], 198]);
  it.run(SECOND);
  // 2 of the burst, and 125 a second.
  expect(it.got).toEqual(Array.from({ length: 127 }, (_, i) => i));
  expect(it.books()).toBe('');
  it.run(SECOND);
  expect(it.got).toEqual(Array.from({ length: 200 }, (_, i) => i));
  expect([it.eth0.stolenIn, it.eth0.injected, it.eth0.delivered, it.ifb.tx.packets]).toEqual([
    200, 200, 200, 200,
  ]);
  expect([it.books(), it.sent, it.machine.mbufs.inUse]).toEqual(['', [], it.free]);
});

test('what is to be sent goes through ifb0 and then out, past the action that sent it there, to the class its filter names', () => {
  const it = net();
  it.tc('qdisc add dev eth0 root handle 1: prio');
  it.tc(
    'filter add dev eth0 parent 1: protocol ip u32 match u32 0 0 flowid 1:3 action mirred egress redirect dev ifb0',
  );
  for (let i = 0; i < 20; i++) it.send(i);
  expect(it.sent).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect([it.eth0.stolenOut, it.eth0.offered, it.ifb.tx.packets, it.books()]).toEqual([20, 40, 20, '']);
  expect(it.tc('-s class show dev eth0 classid 1:3')).toContain('20 pkt');
});

test('a packet that nobody redirected, and one whose device is gone or down, are dropped and counted', () => {
  const it = net();
  it.machine.process(() => it.ifb.transmit(it.packet(1)));
  expect([it.ifb.dropReport(), it.books()]).toEqual([{ DEV_READY: 1 }, '']);
  it.tc('qdisc add dev eth0 ingress');
  it.tc(IN);
  it.tc('qdisc add dev ifb0 root tbf rate 1mbit burst 2000b limit 1mb');
  for (let i = 0; i < 6; i++) it.receive(i);
  it.machine.process(() => it.eth0.close());
  it.run(SECOND);
  expect([it.got, it.eth0.dropReport(), it.books()]).toEqual([[0, 1], { IF_DOWN: 4 }, '']);
  it.machine.process(() => it.eth0.open());
  for (let i = 0; i < 6; i++) it.receive(i);
  it.machine.process(() => it.layer.unregister(it.eth0));
  it.run(SECOND);
  expect([it.ifb.dropReport(), it.books(), it.machine.mbufs.inUse]).toEqual([{ DEV_READY: 5 }, '', it.free]);
});

test('ifb0 down, or without room: dropped and counted there', () => {
  const it = net();
  it.tc('qdisc add dev eth0 ingress');
  it.tc(IN);
  it.tc('qdisc add dev ifb0 root tbf rate 8kbit burst 1000b limit 3000b');
  for (let i = 0; i < 10; i++) it.receive(i);
  expect([it.got, it.ifb.queued, it.ifb.dropReport(), it.books()]).toEqual([[0], 3, { QDISC_DROP: 6 }, '']);
  it.machine.process(() => it.ifb.close());
  it.receive(11);
  expect([it.eth0.dropReport(), it.books()]).toEqual([{ TC_INGRESS: 1 }, '']);
});

test('an ifb that redirects to an ifb ends: nothing goes round for ever', () => {
  const it = net();
  it.tc('qdisc add dev eth0 ingress');
  it.tc(IN);
  it.tc('qdisc add dev ifb0 root handle 1: prio');
  it.tc(
    'filter add dev ifb0 parent 1: protocol all u32 match u32 0 0 action mirred egress redirect dev ifb0',
  );
  it.receive(1);
  it.run(SECOND);
  expect([it.books(), it.machine.mbufs.inUse]).toEqual(['', it.free]);
  expect(
    it.got.length + (it.ifb.dropReport().REDIRECT_LOOP ?? 0) + (it.eth0.dropReport().REDIRECT_LOOP_IN ?? 0),
  ).toBe(1);
});

test('a copy that is mirrored to ifb0 ends there, counted: the packet itself goes on once', () => {
  const it = net();
  it.tc('qdisc add dev eth0 ingress');
  it.tc(IN.replace('redirect', 'mirror'));
  it.receive(1);
  expect([it.got, it.ifb.dropReport(), it.books()]).toEqual([[1], { DEV_READY: 1 }, '']);
});
