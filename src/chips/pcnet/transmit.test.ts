import { describe, expect, test } from 'vitest';
import { BROADCAST, ether, MAC, OTHER, PcnetBench } from './testing.ts';

const STP = 0x02000000;
const ENP = 0x01000000;
const TINT = 0x0200;

describe('sending', () => {
  test('TDMD sends the frame, gives the descriptor back and sets TINT', () => {
    const bench = new PcnetBench().start();
    const frame = ether(OTHER, 100);
    bench.send(0, frame);
    expect(bench.medium.sent).toEqual([{ bytes: frame, fcs: null }]);
    expect(bench.transmitRing.owned(0)).toBe(false);
    expect(bench.transmitRing.status(0)).toBe(0x03000000);
    expect(bench.transmitRing.errors(0)).toBe(0);
    expect(bench.csr(0) & TINT).toBe(TINT);
    expect(bench.host.line).toBe(true);
    bench.expectSums();
  });

  test('all styles of descriptor work', () => {
    for (const style of [0, 2, 3] as const) {
      const bench = new PcnetBench().start({ style });
      bench.send(0, ether(OTHER, 77));
      expect(bench.medium.sent[0].bytes).toEqual(ether(OTHER, 77));
      expect(bench.transmitRing.owned(0)).toBe(false);
    }
  });

  test('one demand sends everything in the ring, with one interrupt', () => {
    const bench = new PcnetBench().start();
    for (let i = 0; i < 8; i++) bench.fill(i, ether(OTHER, 60 + i));
    bench.demand();
    expect(bench.medium.sent.map((s) => s.bytes.length)).toEqual([60, 61, 62, 63, 64, 65, 66, 67]);
    expect(bench.host.rises).toBe(1);
    bench.expectSums();
  });

  test('on a medium that takes time, one frame goes after the other', () => {
    const bench = new PcnetBench().start();
    bench.medium.slow = true;
    bench.fill(0, ether(OTHER));
    bench.fill(1, ether(OTHER));
    bench.demand();
    expect(bench.medium.sent.length).toBe(1);
    expect(bench.transmitRing.owned(0)).toBe(true);
    bench.expectSums(1);
    bench.medium.finish();
    expect(bench.transmitRing.owned(0)).toBe(false);
    expect(bench.medium.sent.length).toBe(2);
    bench.medium.finish();
    bench.expectSums();
  });

  test('the ring is polled every 65536 PCI clocks without any demand', () => {
    const bench = new PcnetBench().start();
    bench.fill(0, ether(OTHER));
    bench.host.wait(1_900_000);
    expect(bench.medium.sent.length).toBe(0);
    bench.host.wait(100_000);
    expect(bench.medium.sent.length).toBe(1);
  });

  test('TXDPOLL turns the polling off', () => {
    const bench = new PcnetBench().start({ csr4: 0x1115 });
    bench.fill(0, ether(OTHER));
    bench.host.wait(1e9);
    expect(bench.medium.sent.length).toBe(0);
    bench.demand();
    expect(bench.medium.sent.length).toBe(1);
  });

  test('CSR47 sets the interval', () => {
    const bench = new PcnetBench();
    bench.writeCsr(47, 0x10000 - 1000);
    bench.start();
    bench.host.wait(1);
    bench.fill(0, ether(OTHER));
    bench.host.wait(30_000);
    expect(bench.medium.sent.length).toBe(1);
  });

  test('a received frame makes the chip look at the ring', () => {
    const bench = new PcnetBench().start();
    bench.fill(0, ether(OTHER));
    bench.arrive(ether(MAC));
    expect(bench.medium.sent.length).toBe(1);
  });
});

describe('chains', () => {
  test('buffers are joined; only the last one interrupts', () => {
    const bench = new PcnetBench().start();
    const frame = ether(OTHER, 333);
    bench.medium.slow = true;
    bench.fill(0, frame.slice(0, 100), STP);
    bench.fill(1, frame.slice(100, 101), 0);
    bench.fill(2, frame.slice(101), ENP);
    bench.demand();
    expect(bench.medium.sent[0].bytes).toEqual(frame);
    expect([0, 1, 2].map((i) => bench.transmitRing.owned(i))).toEqual([false, false, true]);
    expect(bench.csr(0) & TINT).toBe(0);
    bench.medium.finish();
    expect(bench.transmitRing.owned(2)).toBe(false);
    expect(bench.csr(0) & TINT).toBe(TINT);
    bench.expectSums();
  });

  test('a descriptor that starts nothing is given back and passed over', () => {
    const bench = new PcnetBench().start();
    bench.fill(0, ether(OTHER), ENP);
    bench.fill(1, ether(OTHER, 61));
    bench.demand();
    expect(bench.transmitRing.owned(0)).toBe(false);
    expect(bench.medium.sent.map((s) => s.bytes.length)).toEqual([61]);
    expect(bench.chip.counters.skippedDescriptors).toBe(1);
  });

  test('a chain that ends in a descriptor of the host is an underflow and turns the transmitter off', () => {
    const bench = new PcnetBench().start();
    bench.send(0, ether(OTHER), STP);
    expect(bench.transmitRing.status(0)).toBe(0x42000000);
    expect(bench.transmitRing.errors(0)).toBe(0xc0000000);
    expect(bench.csr(0) & 0x0010).toBe(0);
    expect(bench.csr(0) & TINT).toBe(TINT);
    bench.expectSums();
  });

  test('with DXSUFLO the transmitter stays on and goes on with the next frame', () => {
    const bench = new PcnetBench().start({ csr3: 0x0040 });
    bench.send(0, ether(OTHER), STP);
    bench.send(1, ether(OTHER, 70));
    expect(bench.medium.sent.map((s) => s.bytes.length)).toEqual([70]);
    bench.expectSums();
  });
});

describe('pad and FCS', () => {
  test('a short frame goes out short unless APAD_XMT', () => {
    const bench = new PcnetBench().start();
    bench.send(0, ether(OTHER, 20));
    expect(bench.medium.sent[0].bytes.length).toBe(20);
  });

  test('APAD_XMT fills up to 60 bytes with zeros', () => {
    const bench = new PcnetBench().start({ csr4: 0x0915 });
    bench.send(0, ether(OTHER, 1514).fill(0xff, 14));
    bench.send(1, ether(OTHER, 20));
    const { bytes } = bench.medium.sent[1];
    expect(bytes.length).toBe(60);
    expect(bytes.slice(0, 20)).toEqual(ether(OTHER, 20));
    expect(bytes.slice(20)).toEqual(new Uint8Array(40));
  });

  test('with DXMTFCS the last four bytes are the FCS', () => {
    const bench = new PcnetBench().start({ mode: 0x0008 });
    const bytes = ether(OTHER, 64);
    bytes.set([0x78, 0x56, 0x34, 0x12], 60);
    bench.send(0, bytes);
    expect(bench.medium.sent).toEqual([{ bytes: bytes.slice(0, 60), fcs: 0x12345678 }]);
  });

  test('ADD_FCS overrides DXMTFCS for one frame', () => {
    const bench = new PcnetBench().start({ mode: 0x0008 });
    bench.send(0, ether(OTHER, 64), STP | ENP | 0x20000000);
    expect(bench.medium.sent).toEqual([{ bytes: ether(OTHER, 64), fcs: null }]);
  });

  test('a padded frame gets an FCS whatever DXMTFCS says', () => {
    const bench = new PcnetBench().start({ mode: 0x0008, csr4: 0x0915 });
    bench.send(0, ether(OTHER, 20));
    expect(bench.medium.sent[0].fcs).toBe(null);
  });

  test('1519 bytes with FCS babble, 1518 do not', () => {
    const bench = new PcnetBench().start();
    bench.send(0, ether(OTHER, 1514));
    expect(bench.csr(0) & 0xc000).toBe(0);
    bench.send(1, ether(OTHER, 1515));
    expect(bench.csr(0) & 0xc000).toBe(0xc000);
    expect(bench.medium.sent.length).toBe(2);
  });
});

describe('how a transmission ends', () => {
  // Status of the medium; TMD1 above ENP; TMD2; counter.
  const cases: [string, number, number, number, string][] = [
    ['after one collision: ONE', 0x01, 0x0b000000, 0x00000001, 'transmitted'],
    ['after five: MORE and the count', 0x05, 0x13000000, 0x00000005, 'transmitted'],
    ['after waiting: DEF', 0x10, 0x07000000, 0x00000000, 'transmitted'],
    ['given up: RTRY, and the count wraps to 0', 0x2f, 0x43000000, 0x04000000, 'txRetry'],
    ['late collision: LCOL', 0x41, 0x43000000, 0x10000001, 'txLateCollision'],
    ['no carrier: LCAR', 0x80, 0x43000000, 0x08000000, 'txNoCarrier'],
  ];
  for (const [name, ending, status, errors, counter] of cases) {
    test(name, () => {
      const bench = new PcnetBench().start();
      bench.medium.endings.push(ending);
      bench.send(0, ether(OTHER));
      expect(bench.transmitRing.status(0).toString(16)).toBe(status.toString(16));
      expect(bench.transmitRing.errors(0).toString(16)).toBe(errors.toString(16));
      expect(bench.chip.counters[counter as 'transmitted']).toBe(1);
      expect(bench.csr(0) & TINT).toBe(TINT);
      bench.expectSums();
    });
  }

  test('in style 0 the errors are in the half-word and there is no count', () => {
    const bench = new PcnetBench().start({ style: 0 });
    bench.medium.endings.push(0x41);
    bench.send(0, ether(OTHER));
    expect(bench.host.memory.u16[(bench.transmitRing.address >>> 1) + 3]).toBe(0x1000);
    expect(bench.transmitRing.bufferBytes(0)).toBe(60);
  });

  test('without a cable the frame is lost: LCAR, and CERR on the 10BASE-T port', () => {
    const bench = new PcnetBench().start();
    bench.medium.change({ carrier: false });
    bench.send(0, ether(OTHER));
    expect(bench.transmitRing.errors(0)).toBe(0x08000000);
    expect(bench.csr(0) & 0x2000).toBe(0x2000);
    expect(bench.bcr(4)).toBe(0x00c0);
    expect(bench.medium.sent.length).toBe(0);
    bench.expectSums();
  });

  test('a full-duplex Am79C973 does not notice, but its counter does', () => {
    const bench = new PcnetBench('Am79C973').start();
    bench.writeBcr(9, 1);
    bench.send(0, ether(OTHER));
    expect(bench.transmitRing.status(0)).toBe(0x03000000);
    expect(bench.chip.counters.txNoCarrier).toBe(1);
    bench.expectSums();
  });
});

describe('interrupts that are saved', () => {
  test('TOKINTD: none for frames that went well', () => {
    const bench = new PcnetBench().start({ csr5: 0x8000 });
    bench.send(0, ether(OTHER));
    expect(bench.csr(0) & TINT).toBe(0);
    bench.medium.endings.push(0x20);
    bench.send(1, ether(OTHER));
    expect(bench.csr(0) & TINT).toBe(TINT);
  });

  test('LTINTEN: only for descriptors that ask', () => {
    const bench = new PcnetBench().start({ csr5: 0x4000 });
    bench.send(0, ether(OTHER));
    expect(bench.csr(0) & TINT).toBe(0);
    bench.send(1, ether(OTHER), STP | ENP | 0x10000000);
    expect(bench.csr(0) & TINT).toBe(TINT);
    // LTINT shares its bit with MORE, which the status says was not so.
    expect(bench.transmitRing.status(1)).toBe(0x03000000);
  });

  test('LTINTEN overrides TOKINTD: a descriptor that asks interrupts with both', () => {
    const bench = new PcnetBench().start({ csr5: 0xc000 });
    bench.send(0, ether(OTHER));
    expect(bench.csr(0) & TINT).toBe(0);
    bench.send(1, ether(OTHER), STP | ENP | 0x10000000);
    expect(bench.csr(0) & TINT).toBe(TINT);
  });
});

describe('STOP with a frame under way', () => {
  test('forgets the frame and leaves its descriptor alone', () => {
    const bench = new PcnetBench().start();
    bench.medium.slow = true;
    bench.send(0, ether(OTHER));
    bench.writeCsr(0, 0x0004);
    bench.medium.finish();
    expect(bench.transmitRing.owned(0)).toBe(true);
    expect(bench.csr(0)).toBe(0x0004);
    expect(bench.chip.counters.txAborted).toBe(1);
    bench.expectSums();
  });

  test('the next frame waits until the medium is free, also after a new start', () => {
    const bench = new PcnetBench().start();
    bench.medium.slow = true;
    bench.send(0, ether(OTHER));
    bench.writeCsr(0, 0x0004);
    bench.start();
    bench.send(0, ether(OTHER, 99));
    expect(bench.medium.sent.length).toBe(1);
    bench.medium.finish();
    expect(bench.medium.sent.length).toBe(2);
    bench.medium.finish();
    expect(bench.transmitRing.owned(0)).toBe(false);
    bench.expectSums();
  });
});

describe('loopback', () => {
  test('internal: the frame comes back and nothing leaves', () => {
    const bench = new PcnetBench().start({ mode: 0x0044 });
    bench.send(0, ether(MAC, 20));
    expect(bench.medium.sent.length).toBe(0);
    expect(bench.receiveRing.messageBytes(0)).toBe(24);
    expect(bench.received(0, 20)).toEqual(ether(MAC, 20));
    expect(bench.transmitRing.owned(0)).toBe(false);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.loopbackMode).toBe(1);
    bench.expectSums();
  });

  test('internal, for another address: filtered', () => {
    const bench = new PcnetBench().start({ mode: 0x0044 });
    bench.send(0, ether(OTHER));
    expect(bench.chip.counters.filtered).toBe(1);
    bench.expectSums();
  });

  test('internal, with a bad FCS of our own: CRC', () => {
    const bench = new PcnetBench().start({ mode: 0x004c });
    bench.send(0, ether(MAC, 64));
    expect(bench.receiveRing.status(0) & 0x48000000).toBe(0x48000000);
  });

  test('a forced collision ends in RTRY', () => {
    const bench = new PcnetBench().start({ mode: 0x0054 });
    bench.send(0, ether(MAC));
    expect(bench.transmitRing.errors(0)).toBe(0x04000000);
    bench.expectSums();
  });

  test('external: it leaves and comes back', () => {
    const bench = new PcnetBench().start({ mode: 0x0004 });
    bench.send(0, ether(MAC));
    expect(bench.medium.sent.length).toBe(1);
    expect(bench.receiveRing.owned(0)).toBe(false);
    bench.expectSums();
  });

  test('in the PHY of the Am79C973: it comes back and nothing leaves', () => {
    const bench = new PcnetBench('Am79C973').start({ mode: 0x0004 });
    bench.writePhy(0, 0x4000 | 0x2100);
    bench.send(0, ether(MAC));
    expect(bench.medium.sent.length).toBe(0);
    expect(bench.receiveRing.owned(0)).toBe(false);
    bench.expectSums();
  });
});

test('broadcasts of our own are not heard without loopback', () => {
  const bench = new PcnetBench().start();
  bench.send(0, ether(BROADCAST));
  expect(bench.chip.counters.received + bench.chip.counters.looped).toBe(0);
});
