// Frames of every size and shape, both ways, byte for byte.

import { ETH_FRAME_LEN, ETH_HLEN, ETH_ZLEN } from '../../net/ether.ts';
import type { Bench } from '../bench.ts';
import { compare, padded } from '../frames.ts';
import type { Scenario } from '../scenario.ts';
import { FAR_MAC } from '../subject.ts';
import { echo, echoSome, sendOut } from '../traffic.ts';

/** Frames of the long run: the echo of each counts too. */
const LONG_RUN_FRAMES = 100_000;

export const everySize: Scenario = {
  name: 'every size',
  description: 'frames of 60 to 1514 bytes come back from an echo as they went',
  run: async (bench) => {
    await bench.up();
    await echo(bench, ETH_FRAME_LEN - ETH_ZLEN + 1, (i) => bench.frame(ETH_ZLEN + i));
    const { device, check } = bench;
    check.equal('no frame is bad', device.rx.errors + device.tx.errors, 0);
    bench.conserved();
  },
};

export const shortFrames: Scenario = {
  name: 'short frames',
  description: 'the card pads what is shorter than 60 bytes with zeros; runts from the wire are not received',
  run: async (bench) => {
    await bench.up();
    const { device, subject, check } = bench;
    const { far } = subject;
    // Ones in every buffer, so that a pad that is none is seen.
    await sendOut(bench, 64, () => bench.frameOut(ETH_FRAME_LEN).fill(0xff, ETH_HLEN + 4));
    await bench.quiet();
    const before = device.dropReport().PKT_TOO_SHORT ?? 0;
    for (let length = 1; length < ETH_HLEN; length++)
      bench.host.send(device, new Uint8Array(length).fill(0xff));
    const refused = (device.dropReport().PKT_TOO_SHORT ?? 0) - before;
    check.equal('what is shorter than a header is dropped and counted', refused, ETH_HLEN - 1);
    for (let length = ETH_HLEN; length < ETH_ZLEN; length++) {
      const bytes = bench.frameOut(length).fill(0xff, ETH_HLEN);
      bench.host.send(device, bytes);
      if (!(await bench.until('a short frame arrives', () => far.received.length > 0))) return;
      const got = far.received[0];
      far.clear();
      check.equal('a short frame arrives with 60 bytes', got.length, ETH_ZLEN);
      check.none('the packet is in front of the pad', compare(got.subarray(0, length), bytes));
      check.none(
        'the pad is zeros',
        compare(got.subarray(length), padded(bytes).subarray(length, got.length)),
      );
    }
    check.equal('the card pads, not the wire', subject.wirePadded(), 0);
    await runts(bench);
    await echoSome(bench);
  },
};

/** Frames below 64 bytes with FCS are what collisions leave: not for the host ("Receive Function Programming", RPA). */
async function runts(bench: Bench): Promise<void> {
  const { subject, host, check, device } = bench;
  await bench.quiet();
  const { packets } = device.rx;
  for (const length of [ETH_HLEN, 20, 46, 59]) subject.far.send(bench.frame(length));
  subject.far.send(bench.frame(64));
  await bench.until('the frame behind the runts arrives', () =>
    host.received.some((bytes) => bytes.length === 64),
  );
  check.equal('runts are not received', device.rx.packets - packets, 1);
  host.clear();
}

export const bursts: Scenario = {
  name: 'bursts',
  description: 'bursts as long as the rings wrap them many times, and nothing is lost or out of order',
  run: async (bench) => {
    await bench.up({ rxRing: 16, txRing: 16 });
    const rounds = 64;
    for (let round = 0; round < rounds; round++) {
      const frames = 1 + (round % 16);
      await echo(bench, frames, (i) => bench.frame(60 + ((13 * round + 7 * i) % 1455)), 16);
    }
    const { device, check } = bench;
    check.equal('no frame is missed', bench.stats().rx_missed_frames, 0);
    check.equal('the driver is never busy with its queue awake', device.txQueues[0].busies, 0);
    bench.conserved();
  },
};

export const pieces: Scenario = {
  name: 'pieces',
  needs: 'native',
  description: 'packets in several pieces leave as one frame, empty pieces and too many of them included',
  run: async (bench) => {
    await bench.up();
    const { check } = bench;
    const fixed = [[14], [1, 1, 1], [0, 14, 0, 20, 0], [700, 700], [14, 20, 20, 100, 100, 100, 100], [1513]];
    await sendOut(
      bench,
      fixed.length,
      () => bench.frameOut(ETH_FRAME_LEN),
      (i) => fixed[i],
    );
    check.equal('eight pieces go as they are', bench.stats().tx_linearised, 0);
    const many = Array.from({ length: 30 }, () => 40);
    await sendOut(
      bench,
      1,
      () => bench.frameOut(ETH_FRAME_LEN),
      () => many,
    );
    check.equal('thirty pieces are copied together', bench.stats().tx_linearised, 1);
    const { random } = bench;
    await sendOut(
      bench,
      500,
      () => bench.frameOut(60 + random.below(1455)),
      () => cuts(bench),
    );
    bench.conserved();
  },
};

/** Lengths of up to seven pieces, empty ones among them. */
function cuts(bench: Bench): number[] {
  const { random } = bench;
  return Array.from({ length: random.below(8) }, () => (random.chance(0.2) ? 0 : random.below(400)));
}

export const giants: Scenario = {
  name: 'giants',
  needs: 'long frames',
  description:
    'what is longer than 1514 bytes is refused and counted once, a VLAN tag makes it 1518; smaller ones follow',
  run: async (bench) => {
    await bench.up();
    const { subject, check, device } = bench;
    let refused = 0;
    for (const length of [1515, 1516, 1517, 1518, 1519, 1522, 1600, 3000, 4000]) {
      const { packets } = device.rx;
      subject.far.send(bench.frame(length));
      await bench.until('a giant is counted', () => bench.stats().rx_length_errors > refused);
      refused++;
      await echo(bench, 2, () => bench.frame(100));
      check.equal('a giant is counted once', bench.stats().rx_length_errors, refused);
      check.equal('a giant does not reach the protocols', device.rx.packets - packets, 2);
    }
    const { packets } = device.rx;
    subject.far.send(tagged(bench.frame(1518)));
    await bench.until('1518 bytes with a tag are received', () => device.rx.packets > packets);
    subject.far.send(tagged(bench.frame(1519)));
    await bench.until(
      '1519 bytes with a tag are refused',
      () => bench.stats().rx_length_errors > refused,
      2000,
    );
    bench.host.send(device, bench.frameOut(1515));
    check.equal('1515 bytes are not sent', device.dropReport().PKT_TOO_BIG ?? 0, 1);
    await echoSome(bench);
    bench.conserved();
  },
};

function tagged(bytes: Uint8Array): Uint8Array {
  bytes[12] = 0x81;
  bytes[13] = 0x00;
  return bytes;
}

export const longRun: Scenario = {
  name: 'long run',
  description: `${LONG_RUN_FRAMES} frames of random sizes, half of them each way, are what was sent`,
  run: async (bench) => {
    await bench.up();
    const { random, check, device, subject } = bench;
    const before = bench.census();
    await echo(bench, LONG_RUN_FRAMES / 2, () => bench.frame(60 + random.below(1455)), 32);
    await bench.reaped();
    check.equal('every frame was received once', device.rx.packets, LONG_RUN_FRAMES / 2);
    check.equal('every frame was sent once', device.tx.packets, LONG_RUN_FRAMES / 2);
    check.equal('no frame is bad', device.rx.errors + device.tx.errors + subject.far.damaged, 0);
    await bench.quiet();
    // Sent packets wait in the ring for the next interrupt; buffers are what counts.
    await bench.until('no buffer is lost', () => bench.census().mbufs === before.mbufs);
    bench.conserved();
  },
};

export const counters: Scenario = {
  name: 'counters',
  needs: 'native',
  description: 'what the device counts is what was on the wire: packets, bytes, multicasts',
  run: async (bench) => {
    await bench.up();
    const { device, subject, check, random } = bench;
    const { far } = subject;
    const sizes = Array.from({ length: 200 }, () => 60 + random.below(1455));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const start = { frames: far.frames, bytes: far.bytes, sent: far.sent };
    await sendOut(bench, sizes.length, (i) => bench.frameOut(sizes[i]));
    await bench.reaped();
    check.equal('packets out', device.tx.packets, sizes.length);
    check.equal('bytes out', device.tx.bytes, total);
    check.equal('frames at the far end', far.frames - start.frames, sizes.length);
    check.equal('bytes at the far end', far.bytes - start.bytes, total);
    const tx = device.tx.packets;
    await echo(bench, sizes.length, (i) => bench.frame(sizes[i]));
    await bench.reaped();
    check.equal('packets in', device.rx.packets, far.sent - start.sent);
    check.equal('bytes in', device.rx.bytes, total);
    check.equal('packets sent back', device.tx.packets - tx, sizes.length);
    check.equal('packets delivered', device.delivered, sizes.length);
    check.equal('no errors', device.rx.errors + device.tx.errors, 0);
    const stats = bench.stats();
    check.equal('frames missed', stats.rx_missed_frames, 0);
    check.that('interrupts were handled', device.interrupts > 0, () => 'none');
    subject.far.send(bench.frame(60, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff), FAR_MAC));
    await bench.until('a broadcast arrives', () => device.rx.packets > sizes.length);
    check.equal('a broadcast is no multicast', device.rx.multicast, 0);
    bench.conserved();
  },
};
