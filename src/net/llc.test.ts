import { describe, expect, test } from 'vitest';
import { type Host, twoHosts } from '../../test/vocabulary/inet-hosts.ts';
import {
  BROADCAST,
  ethernet,
  ipv4,
  join,
  STRANGER,
  udp,
  word,
  zeros,
} from '../../test/vocabulary/packets.ts';
import { IPX_PING_SOCKET, Ipx } from '../inet/ipx.ts';
import { Llc } from './llc.ts';

const NETWARE_SERIAL = 0x0456;

/** An IPX datagram from STRANGER to the ping socket. */
function ipx(
  toNode: Uint8Array,
  socket: number,
  payload: Uint8Array,
  length = 30 + payload.length,
): Uint8Array {
  const net = [0, 0, 0, 1];
  return join(
    [0xff, 0xff],
    word(length),
    [2, 4],
    net,
    toNode,
    word(socket),
    net,
    STRANGER,
    word(0x4003),
    payload,
  );
}

const FRAMINGS = [
  { name: 'ethernet-ii', type: (_length: number) => 0x8137, header: [] },
  { name: '802.3', type: (length: number) => length, header: [] },
  { name: '802.2', type: (length: number) => length, header: [0xe0, 0xe0, 3] },
  { name: 'snap', type: (length: number) => length, header: [0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0x37] },
] as const;

function host(): {
  b: Host;
  llc: Llc;
  ipx: Ipx;
  deliver: (type: number, payload: Uint8Array, to?: Uint8Array) => Uint8Array[];
} {
  const { clock, b } = twoHosts();
  const llc = new Llc(b.layer);
  const it = new Ipx(b.stack.shared, llc);
  clock.run(1_000_000);
  const log: Uint8Array[] = [];
  b.ends[0].log = log;
  return {
    b,
    llc,
    ipx: it,
    deliver(type, payload, to = b.device.address) {
      const frame = ethernet(to, STRANGER, type, payload);
      // A length in place of the type says where padding starts; with a type, padding would hide that a packet is short.
      b.ends[0].inject(type < 0x600 ? join(frame, zeros(Math.max(0, 60 - frame.length))) : frame);
      clock.run(clock.now() + 1_000_000);
      return log.splice(0);
    },
  };
}

describe.each(FRAMINGS)('IPX in $name', ({ name, type, header }) => {
  test('is taken, and a ping answered in the same framing', () => {
    const { b, ipx: protocol, deliver } = host();
    const payload = Uint8Array.from([1, 2, 3, 4]);
    const packet = join(header, ipx(b.device.address, IPX_PING_SOCKET, payload));
    const answers = deliver(type(packet.length), packet);
    expect(protocol.received).toEqual({ 'ethernet-ii': 0, '802.3': 0, '802.2': 0, snap: 0, [name]: 1 });
    expect(answers).toHaveLength(1);
    const [answer] = answers;
    expect(answer.slice(0, 12)).toEqual(join(STRANGER, b.device.address));
    expect((answer[12] << 8) | answer[13]).toBe(type(packet.length));
    const inside = 14 + header.length;
    expect([...answer.slice(14, inside)]).toEqual([...header]);
    expect(answer.slice(inside + 10, inside + 18)).toEqual(join(STRANGER, word(0x4003)));
    expect(answer.slice(inside + 22, inside + 30)).toEqual(join(b.device.address, word(IPX_PING_SOCKET)));
    expect(answer.slice(inside + 30)).toEqual(payload);
    b.expectBalanced();
  });

  test('to all stations is answered from our own address', () => {
    const { b, deliver } = host();
    const packet = join(header, ipx(BROADCAST, IPX_PING_SOCKET, zeros(2)));
    const [answer] = deliver(type(packet.length), packet, BROADCAST);
    expect(answer.slice(14 + header.length + 22, 14 + header.length + 28)).toEqual(
      Uint8Array.from(b.device.address),
    );
    b.expectBalanced();
  });

  test.each([
    ['cut short', (packet: Uint8Array) => packet.slice(0, 29)],
    ['with a length beyond the packet', (packet: Uint8Array) => setWord(packet, 2, 900)],
    ['with a length within the header', (packet: Uint8Array) => setWord(packet, 2, 29)],
    ['after 16 routers', (packet: Uint8Array) => setWord(packet, 4, 0x1004)],
    ['from a group', (packet: Uint8Array) => setWord(packet, 22, 0x0300)],
  ])('%s is dropped as IPX_INVALID', (_name, damage) => {
    const { b, deliver } = host();
    const packet = join(header, damage(ipx(b.device.address, IPX_PING_SOCKET, zeros(2))));
    deliver(type(packet.length), packet);
    expect(b.device.dropReport()).toEqual({ IPX_INVALID: 1 });
    b.expectBalanced();
  });

  test('to a socket nobody has is counted, and not answered', () => {
    const { b, ipx: protocol, deliver } = host();
    const packet = join(header, ipx(b.device.address, NETWARE_SERIAL, zeros(2)));
    expect(deliver(type(packet.length), packet)).toEqual([]);
    expect(protocol.ignored).toBe(1);
    b.expectBalanced();
  });
});

describe('LLC', () => {
  test('gives IPv4 in SNAP to the IPv4 handler', () => {
    const { b, llc, deliver } = host();
    const socket = b.stack.udp.open(9);
    const packet = join(
      [0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00],
      ipv4({ from: '10.0.0.1', to: '10.0.0.2' }, udp({}, zeros(5))),
    );
    deliver(packet.length, packet);
    expect(llc.counters).toEqual({ received: 1, delivered: 0, redelivered: 1, dropped: 0, bpdus: 0 });
    const m = socket.receive();
    expect(m?.packetLength).toBe(5);
    b.machine.mbufs.freem(m);
    b.expectBalanced();
  });

  test.each([
    ['no bytes', [], 'LLC_INVALID'],
    ['two bytes', [0xaa, 0xaa], 'LLC_INVALID'],
    ['a connection', [0xe0, 0xe0, 0x7f], 'LLC_INVALID'],
    ['a TEST', [0xe0, 0xe0, 0xe3], 'LLC_INVALID'],
    ['SNAP cut short', [0xaa, 0xaa, 3, 0, 0, 0, 8], 'LLC_INVALID'],
    ['SNAP from another SAP', [0xaa, 0x42, 3, 0, 0, 0, 8, 0], 'LLC_INVALID'],
    ['SNAP with the pseudo type of 802.2', [0xaa, 0xaa, 3, 0, 0, 0, 0, 4], 'LLC_INVALID'],
    ['SNAP with a type nobody has', [0xaa, 0xaa, 3, 0, 0, 0, 0x99, 0x99], 'LLC_NOSAP'],
    ['SNAP of an organisation', [0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0], 'LLC_NOSAP'],
    ['a SAP nobody has', [0x06, 0x06, 3, 0], 'LLC_NOSAP'],
    ['a spanning tree BPDU', [0x42, 0x42, 3, 0, 0, 0, 0], 'LLC_NOSAP'],
  ])('drops %s as it should', (name, bytes, reason) => {
    const { b, llc, deliver } = host();
    deliver(bytes.length, Uint8Array.from(bytes));
    expect(b.device.dropReport()).toEqual({ [reason]: 1 });
    expect(llc.counters).toMatchObject({ received: 1, dropped: 1, bpdus: name.includes('BPDU') ? 1 : 0 });
    b.expectBalanced();
  });
});

function setWord(packet: Uint8Array, at: number, value: number): Uint8Array {
  const copy = packet.slice();
  copy[at] = value >> 8;
  copy[at + 1] = value & 0xff;
  return copy;
}
