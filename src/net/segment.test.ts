import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { captureFile } from '../../test/vocabulary/capture-files.ts';
import { type NetMachine, netMachine } from '../../test/vocabulary/net-machine.ts';
import { hasProgram, requirement } from '../../test/vocabulary/require.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { internetChecksum, sumWords } from './checksum.ts';
import { conservation } from './conservation.ts';
import { NETIF_F_IP_CSUM, NETIF_F_SG, NETIF_F_TSO } from './device.ts';

const tshark = requirement('tshark', hasProgram('tshark'), 'it is not installed');
const FIN_PSH_ACK_CWR = 0x99;
const SEQUENCE = 0xffff_f000;

function payloadOf(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

/** Headers with 12 bytes of TCP options, Ethernet first. */
function headersOf(v6: boolean, flags: number, sequence: number): number[] {
  const ethernet = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1];
  const ip4 = [8, 0, 0x45, 0, 0, 0, 0xff, 0xff, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
  const address = (last: number): number[] => [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), last];
  const ip6 = [0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 6, 64, ...address(1), ...address(2)];
  const isSyn = (flags & 0x02) !== 0;
  const tcp = [0x30, 0x39, 0x27, 0x0f, 0, 0, 0, 0, 0, 0, 0, isSyn ? 0 : 1, 0x80, flags, 0x20, 0, 0, 0, 0, 0];
  // MSS, selective acknowledgements, scale; or a time stamp.
  const options = isSyn ? [2, 4, 5, 0xb4, 4, 2, 3, 3, 0, 1, 1, 1] : [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9];
  for (let i = 0; i < 4; i++) tcp[4 + i] = (sequence >>> (24 - 8 * i)) & 255;
  return [...ethernet, ...(v6 ? ip6 : ip4), ...tcp, ...options];
}

function large(net: NetMachine, bytes: number, v6 = false, flags = FIN_PSH_ACK_CWR, gsoSize = 1400): Mbuf {
  const packet = Uint8Array.from([...headersOf(v6, flags, SEQUENCE), ...payloadOf(bytes)]);
  const m = net.machine.mbufs.fromBytes(packet);
  if (m === null) throw new Error('no buffers for a large packet');
  m.gsoSize = gsoSize;
  return m;
}

/** What it says of itself, and its payload. */
function read(bytes: Uint8Array, v6: boolean) {
  const tcp = v6 ? 54 : 34;
  const from = v6 ? 22 : 26;
  const pseudo = sumWords(bytes, from, v6 ? 32 : 8) + 6 + (bytes.length - tcp);
  return {
    id: (bytes[18] << 8) | bytes[19],
    length: v6 ? ((bytes[18] << 8) | bytes[19]) + 54 : ((bytes[16] << 8) | bytes[17]) + 14,
    header: v6 ? 0 : internetChecksum(bytes, 14, 20),
    sequence: new DataView(bytes.buffer, bytes.byteOffset).getUint32(tcp + 4),
    flags: bytes[tcp + 13],
    checksum: internetChecksum(bytes, tcp, bytes.length - tcp, pseudo),
    payload: bytes.subarray(tcp + 32),
  };
}

for (const v6 of [false, true]) {
  for (const features of [0, NETIF_F_SG]) {
    const how = features === 0 ? 'copied into one piece' : 'shared by reference';
    test(`TCP over IPv${v6 ? 6 : 4} is cut into segments, payload ${how}`, () => {
      const net = netMachine({ txRing: 64 });
      net.device.features = features;
      const pieces: number[] = [];
      net.layer.packetTypes.addTap({ device: null, see: (m) => void pieces.push(m.next === null ? 1 : 2) });
      net.send(large(net, 30_000, v6));
      const sent = net.nic.sent.map((bytes) => read(bytes, v6));
      expect(sent).toHaveLength(22); // 21 of 1400, one of 600
      expect(Math.max(...pieces)).toBe(features === 0 ? 1 : 2);
      sent.forEach((it, i) => {
        const last = i === 21;
        expect([it.length, it.header, it.checksum]).toEqual([net.nic.sent[i].length, 0, 0]);
        expect(it.sequence).toBe((SEQUENCE + i * 1400) >>> 0);
        expect(it.flags).toBe(0x10 | (last ? 0x09 : 0) | (i === 0 ? 0x80 : 0));
        if (!v6) expect(it.id).toBe((0xffff + i) & 0xffff);
      });
      expect(Buffer.concat(sent.map(({ payload }) => payload))).toEqual(Buffer.from(payloadOf(30_000)));
      expect(net.device.txQueues[0].qdisc!.stats.packets).toBe(22);
      for (let i = 0; i < 22; i++) net.nic.sendOne();
      net.run(1);
      expect([net.device.offered, net.device.copied, net.device.tx.packets]).toEqual([1, 21, 22]);
      expect([conservation(net.device).text, net.machine.mbufs.inUse]).toEqual(['', 0]);
    });
  }
}

test('a device that can do it itself gets the packet whole', () => {
  const net = netMachine({ txRing: 4 });
  net.device.features = NETIF_F_SG | NETIF_F_IP_CSUM | NETIF_F_TSO;
  net.send(large(net, 30_000));
  expect(net.nic.sent.map(({ length }) => length)).toEqual([30_066]);
});

test('disciplines see one packet; segments that the driver has no room for go first later, in order', () => {
  const net = netMachine({ txRing: 8, frameNs: 1000 });
  net.machine.process(() => {
    net.device.txQueues[0].stop();
    net.device.transmit(large(net, 28_000));
    net.device.transmit(large(net, 1400, false, 0x10));
    expect(net.device.queued).toBe(2);
    net.device.txQueues[0].wake();
  });
  expect([net.nic.sent.length, net.device.queued]).toEqual([8, 13]);
  expect(conservation(net.device).text).toBe('');
  net.run(1_000_000);
  const sent = net.nic.sent.map((bytes) => read(bytes, false).sequence);
  const want = Array.from({ length: 20 }, (_, i) => (SEQUENCE + i * 1400) >>> 0);
  expect(sent).toEqual([...want, SEQUENCE]);
  expect(conservation(net.device).text).toBe('');
});

test('what cannot be cut is dropped whole with a reason: UDP, a fragment, cut-off headers, too large segments, no buffers', () => {
  const net = netMachine({ txRing: 64, machine: { mbufs: 256, clusters: 64 } });
  const { u8 } = net.machine.memory;
  const spoilt = (at: number, value: number): void => {
    const m = large(net, 3000);
    u8[m.data + at] = value;
    net.send(m);
  };
  spoilt(23, 17);
  spoilt(20, 0x20);
  spoilt(14, 0x44);
  spoilt(46, 0x40);
  const short = large(net, 0);
  net.machine.mbufs.adj(short, 50 - short.packetLength);
  net.send(short);
  net.send(large(net, 3000, false, 0x10, 1500));
  net.send(large(net, 1000, false, 0x10, 1));
  expect(net.device.dropReport()).toEqual({ SKB_GSO_SEG: 6, PKT_TOO_BIG: 1 });
  expect([net.nic.sent.length, net.device.copied, net.machine.mbufs.inUse]).toEqual([0, 0, 0]);
});

/** tshark's fields of a capture, a line a packet. */
function ask(file: string, ...args: string[]): string {
  const run = spawnSync('tshark', ['-r', file, '-n', ...args], { encoding: 'utf8', timeout: 60_000 });
  if (run.status !== 0) throw new Error(`tshark: ${run.stderr}`);
  return run.stdout;
}

test.runIf(tshark)(
  "Wireshark's reader finds the segments right: checksums good, nothing to warn of, the stream as it was",
  { timeout: 120_000 },
  () => {
    for (const v6 of [false, true]) {
      const net = netMachine({ txRing: 64 });
      net.device.features = v6 ? NETIF_F_SG : 0;
      const syn = net.machine.mbufs.fromBytes(Uint8Array.from(headersOf(v6, 0x02, SEQUENCE - 1)));
      // A SYN as a packet of one segment without payload: its checksums are filled in on the way.
      syn!.gsoSize = 1400;
      net.send(syn!);
      net.send(large(net, 50_000, v6, 0x18));
      const folder = mkdtempSync(join(tmpdir(), 'segments-'));
      try {
        const file = join(folder, 'segments.pcap');
        writeFileSync(file, captureFile('pcap', net.nic.sent));
        const checks = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
        const fields = ['-T', 'fields', '-e', 'tcp.checksum.status', '-e', 'ip.checksum.status'];
        const status = ask(file, ...checks, ...fields)
          .trim()
          .split('\n')
          .map((line) => line.trim());
        expect(status).toHaveLength(37);
        expect(new Set(status)).toEqual(new Set([v6 ? '1' : '1\t1']));
        // Notes and all that is worse; below are chats: a connection is asked for.
        expect(ask(file, ...checks, '-Y', '_ws.expert.severity >= 0x400000')).toBe('');
        const stream = ask(file, '-q', '-z', 'follow,tcp,raw,0');
        const hex = (stream.match(/^[0-9a-f]{2,}$/gm) ?? []).join('');
        expect(hex).toBe(Buffer.from(payloadOf(50_000)).toString('hex'));
      } finally {
        rmSync(folder, { recursive: true });
      }
    }
  },
);
