import { expect, test } from 'vitest';
import { netMachine, PEER, STATION } from '../../test/vocabulary/net-machine.ts';
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST } from '../mbuf/mbuf.ts';
import { DROP_PKT_TOO_SMALL, DROP_UNHANDLED_PROTO } from './drop-reason.ts';
import { BROADCAST_ADDRESS, ETH_P_802_2, ETH_P_802_3, ETH_P_ARP, ETH_P_IP, ETH_P_IPX } from './ether.ts';
import { PTYPE_HASH_SIZE } from './packet-type.ts';

test('a packet reaches the taker of its type, without its Ethernet header', () => {
  const { nic, machine, device, receive, taker } = netMachine();
  const ip = taker(ETH_P_IP);
  const arp = taker(ETH_P_ARP);
  nic.frame[14] = 0x45;
  receive();
  expect(arp).toEqual([]);
  expect(ip).toHaveLength(1);
  const [m] = ip;
  expect([m.protocol, m.packetType, m.packetLength, m.length]).toEqual([ETH_P_IP, PACKET_HOST, 46, 46]);
  expect(machine.memory.u8[m.data]).toBe(0x45);
  // What follows the header is on a word boundary.
  expect(m.data % 4).toBe(0);
  expect(device.rx).toMatchObject({ packets: 1, bytes: 60 });
  expect(device.delivered).toBe(1);
});

test('types of one bucket do not mix', () => {
  const { nic, receive, taker, device } = netMachine();
  const colliding = 0x0800 + PTYPE_HASH_SIZE;
  const ip = taker(ETH_P_IP);
  nic.setFrame(STATION, colliding);
  receive();
  expect(ip).toEqual([]);
  expect(device.drops[DROP_UNHANDLED_PROTO]).toBe(1);
  const other = taker(colliding);
  receive();
  expect([ip.length, other.length]).toEqual([0, 1]);
});

test('each of several takers gets the packet; what they get is one packet and shares its bytes', () => {
  const { machine, receive, taker, device } = netMachine();
  const takers = [taker(ETH_P_IP), taker(ETH_P_IP, device), taker(ETH_P_IP)];
  receive();
  expect(takers.map((taken) => taken.length)).toEqual([1, 1, 1]);
  expect(new Set(takers.map((taken) => taken[0].data)).size).toBe(1);
  expect(takers.every(([m]) => m.protocol === ETH_P_IP && m.packetLength === 46)).toBe(true);
  expect(machine.mbufs.isWritable(takers[0][0])).toBe(false);
  expect(device.delivered).toBe(1);
  for (const [m] of takers) machine.mbufs.freem(m);
  expect(machine.mbufs.clustersInUse).toBe(0);
});

test('a taker that goes without, for want of a buffer for its copy, is counted', () => {
  const { machine, receive, taker, device } = netMachine();
  const takers = [taker(ETH_P_IP), taker(ETH_P_IP)];
  const { mbufs } = machine;
  const copym = mbufs.copym.bind(mbufs);
  mbufs.copym = () => null;
  receive();
  mbufs.copym = copym;
  expect(takers.map((taken) => taken.length)).toEqual([0, 1]);
  expect(device.dropReport()).toEqual({ COPY_NOMEM: 1 });
  expect(device.delivered).toBe(1);
});

test('a taker of another device gets nothing', () => {
  const { layer, receive, taker, device } = netMachine();
  const other = { ...device, name: 'eth1' } as typeof device;
  const taken = taker(ETH_P_IP, other);
  receive();
  expect(taken).toEqual([]);
  expect(device.drops[DROP_UNHANDLED_PROTO]).toBe(1);
  expect(layer.machine.mbufs.inUse).toBe(0);
});

test('a taker that was removed gets nothing, and cannot be removed twice', () => {
  const { layer, receive, device } = netMachine();
  const type = { name: 'ip', type: ETH_P_IP, device: null, receive: () => expect.unreachable() };
  layer.packetTypes.add(type);
  layer.packetTypes.remove(type);
  receive();
  expect(device.drops[DROP_UNHANDLED_PROTO]).toBe(1);
  expect(() => layer.packetTypes.remove(type)).toThrow(/not registered/);
});

test('taps see every packet first, in and out, with its Ethernet header', () => {
  const { layer, machine, nic, receive, packet, send, device } = netMachine();
  const seen: string[] = [];
  const tap = {
    device: null,
    see: (m: { data: number; packetLength: number }, _device: unknown, outgoing: boolean) => {
      const type = (machine.memory.u8[m.data + 12] << 8) | machine.memory.u8[m.data + 13];
      seen.push(`${outgoing ? 'out' : 'in'} ${type.toString(16)} ${m.packetLength}`);
    },
  };
  layer.packetTypes.addTap(tap);
  layer.packetTypes.addTap({ device: null as never, see: () => seen.push('second') });
  nic.setFrame(STATION, 0x1234);
  receive();
  send(packet());
  expect(seen).toEqual(['in 1234 60', 'second', 'out 800 60', 'second']);
  expect(device.drops[DROP_UNHANDLED_PROTO]).toBe(1);
  layer.packetTypes.removeTap(tap);
  expect(() => layer.packetTypes.removeTap(tap)).toThrow(/not registered/);
});

test('frames are sorted by whom they are for', () => {
  const { nic, receive, taker, device } = netMachine();
  const taken = taker(ETH_P_IP);
  const group = new Uint8Array([1, 0, 0x5e, 0, 0, 1]);
  for (const to of [STATION, BROADCAST_ADDRESS, group, PEER]) {
    nic.setFrame(to, ETH_P_IP);
    receive();
  }
  expect(taken.map((m) => m.packetType)).toEqual([
    PACKET_HOST,
    PACKET_BROADCAST,
    PACKET_MULTICAST,
    PACKET_OTHERHOST,
  ]);
  expect(device.rx.multicast).toBe(1);
});

test('a frame too short for its header is dropped and counted', () => {
  const { nic, receive, device, machine } = netMachine();
  for (const length of [0, 1, 13]) {
    nic.setFrame(STATION, ETH_P_IP, length);
    receive();
  }
  expect(device.drops[DROP_PKT_TOO_SMALL]).toBe(3);
  expect(device.rx.packets).toBe(3);
  expect(machine.mbufs.inUse).toBe(0);
});

test('a frame that is all header reaches its taker empty', () => {
  const { nic, receive, taker } = netMachine();
  const ip = taker(ETH_P_IP);
  nic.setFrame(STATION, ETH_P_IP, 14);
  receive();
  expect(ip[0].packetLength).toBe(0);
});

test('in an 802.3 frame the length cuts off the padding; FFFF behind it is IPX without 802.2', () => {
  const { nic, receive, taker } = netMachine();
  const llc = taker(ETH_P_802_2);
  const raw = taker(ETH_P_802_3);
  nic.setFrame(STATION, 30);
  nic.frame.set([0xe0, 0xe0, 0x03], 14);
  receive();
  nic.frame.set([0xff, 0xff], 14);
  receive();
  // A length that says more than there is stays for 802.2 to judge.
  nic.setFrame(STATION, 0x05dc);
  receive();
  // 0x05ff is a length still, 0x0600 a type.
  nic.setFrame(STATION, 0x05ff);
  receive();
  expect(llc.map((m) => m.packetLength)).toEqual([30, 46, 46]);
  expect(raw.map((m) => [m.packetLength, m.length])).toEqual([[30, 30]]);
  const xns = taker(0x0600);
  nic.setFrame(STATION, 0x0600);
  receive();
  expect(xns).toHaveLength(1);
});

test('IPX in Ethernet II reaches its taker by the same table', () => {
  const { nic, receive, taker } = netMachine();
  const ipx = taker(ETH_P_IPX);
  nic.setFrame(STATION, ETH_P_IPX);
  receive();
  expect(ipx).toHaveLength(1);
});
