import { describe, expect, test } from 'vitest';
import { FakeHost, FakeMedium } from '../testing.ts';
import { Pcnet } from './model.ts';
import { BROADCAST, ether, MAC, PcnetBench } from './testing.ts';

describe('after H_RESET', () => {
  test('the chip is stopped and the registers have the values the data sheet gives', () => {
    const bench = new PcnetBench();
    expect(bench.csr(0)).toBe(0x0004);
    expect(bench.csr(3)).toBe(0x0000);
    expect(bench.csr(4)).toBe(0x0115);
    expect(bench.csr(5)).toBe(0x0000);
    expect(bench.csr(15)).toBe(0x0000);
    expect(bench.csr(58)).toBe(0x0200);
    // Bits 15 and 14 of CSR80 read as ones (19436); the later chip has zeros there.
    expect(bench.csr(80)).toBe(0xd410);
    expect(new PcnetBench('Am79C973').csr(80)).toBe(0x1410);
    expect(bench.csr(100)).toBe(0x0200);
    expect([0, 1, 2, 5, 6, 7, 9, 20].map((n) => bench.bcr(n))).toEqual([
      0x0005, 0x0005, 0x0002, 0x0084, 0x0088, 0x0090, 0x0000, 0x0200,
    ]);
    // LED0 shows the link, which is up.
    expect(bench.bcr(4)).toBe(0x80c0);
  });

  test('CSR88 and CSR89 identify the part', () => {
    const id = (bench: PcnetBench) => (bench.csr(88) | (bench.csr(89) << 16)) >>> 0;
    expect(id(new PcnetBench('Am79C970A'))).toBe(0x02621003);
    expect(id(new PcnetBench('Am79C973'))).toBe(0x02625003);
  });

  test('PCI sees AMD, an Ethernet controller, two ranges of 32 bytes', () => {
    const { identity } = new PcnetBench().chip;
    expect(identity).toMatchObject({
      vendorId: 0x1022,
      deviceId: 0x2000,
      classCode: 0x020000,
      interruptPin: 1,
    });
    expect(identity.bars).toEqual([
      { kind: 'io', size: 32 },
      { kind: 'memory', size: 32 },
    ]);
  });
});

describe('the address PROM', () => {
  test('holds the address, the sum of the other bytes, and two W', () => {
    const { chip } = new PcnetBench();
    const bytes = Array.from({ length: 16 }, (_, i) => chip.readBar(0, i, 1));
    expect(bytes.slice(0, 6)).toEqual(MAC);
    expect(bytes.slice(14)).toEqual([0x57, 0x57]);
    // 00+0c+29+aa+bb+cc = 0x266, and 0x11 + 0x57 + 0x57 = 0xbf.
    expect(bytes[12] | (bytes[13] << 8)).toBe(0x0325);
  });

  test('reads by word and double word too, through either range', () => {
    const { chip } = new PcnetBench();
    expect(chip.readBar(0, 0, 2)).toBe(0x0c00);
    expect(chip.readBar(1, 0, 4)).toBe(0xaa290c00);
    expect(chip.readBar(1, 14, 4)).toBe(0x5757);
  });

  test('can be written only with APROMWE', () => {
    const bench = new PcnetBench();
    bench.chip.writeBar(0, 0, 1, 0x42);
    expect(bench.chip.readBar(0, 0, 1)).toBe(0);
    bench.writeBcr(2, 0x0102);
    bench.chip.writeBar(0, 0, 1, 0x42);
    expect(bench.chip.readBar(0, 0, 1)).toBe(0x42);
  });
});

describe('ports', () => {
  test('a 32-bit write to RDP switches to double word mode, which only H_RESET leaves', () => {
    const { chip } = new PcnetBench();
    chip.writeBar(0, 0x10, 4, 0);
    chip.writeBar(0, 0x14, 4, 88);
    expect(chip.readBar(0, 0x10, 4)).toBe(0x1003);
    chip.writeBar(0, 0x14, 4, 18);
    expect(chip.readBar(0, 0x1c, 4) & 0x0080).toBe(0x0080);
    chip.readBar(0, 0x18, 4);
    expect(chip.readBar(0, 0x14, 4)).toBe(0);
    expect(chip.readBar(0, 0x10, 4)).toBe(0x0004);
    chip.reset();
    chip.writeBar(0, 0x12, 2, 88);
    expect(chip.readBar(0, 0x10, 2)).toBe(0x1003);
  });

  test('an access of the wrong width reads ones, does nothing, and is told', () => {
    const bench = new PcnetBench();
    expect(bench.chip.readBar(0, 0x10, 1)).toBe(0xff);
    expect(bench.chip.readBar(0, 0x10, 4)).toBe(0xffffffff);
    bench.chip.writeBar(0, 0x10, 4, 0);
    expect(bench.chip.readBar(0, 0x12, 2)).toBe(0xffff);
    expect(bench.host.warnings.length).toBe(3);
  });

  test('reading RESET stops the chip and keeps software style and BCRs', () => {
    const bench = new PcnetBench().start();
    bench.writeBcr(9, 1);
    expect(bench.csr(0) & 0x0004).toBe(0);
    bench.chip.readBar(0, 0x14, 2);
    expect(bench.csr(0)).toBe(0x0004);
    expect(bench.csr(4)).toBe(0x0115);
    expect(bench.csr(58)).toBe(0x0302);
    expect(bench.bcr(9)).toBe(1);
  });

  test('no register number and no value makes it throw', () => {
    for (const variant of ['Am79C970A', 'Am79C973'] as const) {
      const bench = new PcnetBench(variant);
      for (let register = 0; register < 256; register++) {
        for (const value of [0, 0xffff]) {
          bench.writeCsr(register, value);
          bench.writeBcr(register, value);
          expect(bench.csr(register)).toBeGreaterThanOrEqual(0);
          expect(bench.bcr(register)).toBeLessThanOrEqual(0xffff);
        }
      }
    }
  });
});

describe('starting', () => {
  test('INIT reads the block and sets IDON; STRT turns receiver and transmitter on', () => {
    const bench = new PcnetBench();
    bench.start({ mode: 0, receiveCount: 16, transmitCount: 8 });
    bench.writeCsr(0, 0x0004);
    bench.writeCsr(0, 0x0001);
    expect(bench.csr(0)).toBe(0x0181);
    bench.writeCsr(0, 0x0042);
    expect(bench.csr(0)).toBe(0x01f3);
    expect(bench.host.line).toBe(true);
    bench.writeCsr(0, 0x0140);
    expect(bench.csr(0)).toBe(0x0073);
    expect(bench.host.line).toBe(false);
  });

  test('the block ends up in the registers', () => {
    const bench = new PcnetBench().start({
      mode: 0x8000,
      receiveCount: 16,
      transmitCount: 4,
      filterLow: 0x33221100,
      filterHigh: 0x77665544,
    });
    expect(bench.csr(15)).toBe(0x8000);
    expect([12, 13, 14].map((n) => bench.csr(n))).toEqual([0x0c00, 0xaa29, 0xccbb]);
    expect([8, 9, 10, 11].map((n) => bench.csr(n))).toEqual([0x1100, 0x3322, 0x5544, 0x7766]);
    expect(bench.csr(24) | (bench.csr(25) << 16)).toBe(bench.receiveRing.address);
    expect(bench.csr(30) | (bench.csr(31) << 16)).toBe(bench.transmitRing.address);
    expect([bench.csr(76), bench.csr(78)]).toEqual([0xfff0, 0xfffc]);
    expect(bench.csr(6)).toBe(0x2400);
  });

  test('DRX and DTX keep receiver and transmitter off', () => {
    expect(new PcnetBench().start({ mode: 0x0001 }).csr(0) & 0x0030).toBe(0x0010);
    expect(new PcnetBench().start({ mode: 0x0002 }).csr(0) & 0x0030).toBe(0x0020);
  });

  test('INIT and STRT in one write do both', () => {
    const bench = new PcnetBench().start();
    bench.writeCsr(0, 0x0004);
    bench.writeCsr(0, 0x0003);
    expect(bench.csr(0)).toBe(0x01b3);
  });

  test('STRT starts a chip whose INIT is done, also when CSR0 is written back as it was read', () => {
    const bench = new PcnetBench().start();
    const block = bench.csr(1) | (bench.csr(2) << 16);
    bench.writeCsr(0, 0x0004);
    bench.writeCsr(1, block & 0xffff);
    bench.writeCsr(2, block >>> 16);
    bench.writeCsr(0, 0x0001);
    expect(bench.csr(0)).toBe(0x0181);
    // INIT reads as one and IDON is acknowledged: neither initializes again nor keeps the chip from starting.
    bench.writeCsr(0, 0x0181 | 0x0042);
    expect(bench.csr(0)).toBe(0x0073);
  });

  test('STOP wins over everything and clears all of CSR0', () => {
    const bench = new PcnetBench().start();
    bench.arrive(ether(MAC));
    expect(bench.host.line).toBe(true);
    bench.writeCsr(0, 0xffff);
    expect(bench.csr(0)).toBe(0x0004);
    expect(bench.host.line).toBe(false);
  });

  test('rings can be set up without a block, of any length', () => {
    const bench = new PcnetBench().start({ receiveCount: 8 });
    bench.writeCsr(0, 0x0004);
    bench.writeCsr(24, bench.receiveRing.address & 0xffff);
    bench.writeCsr(25, bench.receiveRing.address >>> 16);
    bench.writeCsr(76, 0x10000 - 3);
    bench.writeCsr(0, 0x0042);
    for (let i = 0; i < 3; i++) bench.arrive(ether(MAC));
    bench.receiveRing.give(0);
    bench.arrive(ether(MAC));
    expect([0, 1, 2, 3].map((i) => bench.receiveRing.owned(i))).toEqual([false, false, false, true]);
    expect(bench.chip.counters.delivered).toBe(4);
  });

  test('set-up registers do not change while the chip runs', () => {
    const bench = new PcnetBench().start();
    bench.writeCsr(8, 0xffff);
    bench.writeCsr(15, 0x8000);
    bench.writeCsr(76, 0);
    bench.writeCsr(58, 0);
    expect([8, 15, 76, 58].map((n) => bench.csr(n))).toEqual([0, 0, 0xfff8, 0x0302]);
  });

  test('the software style sets the width bits', () => {
    const bench = new PcnetBench();
    const seen = [0, 2, 3].map((style) => {
      bench.writeBcr(20, style);
      return bench.csr(58);
    });
    expect(seen).toEqual([0x0200, 0x0302, 0x0303]);
  });
});

describe('suspending', () => {
  test('SPND takes effect when the frame under way has left, opens the registers, and ends without loss', () => {
    const bench = new PcnetBench().start();
    bench.medium.slow = true;
    bench.send(0, ether(BROADCAST));
    bench.fill(1, ether(BROADCAST));
    bench.writeCsr(5, 0x0001);
    expect(bench.csr(5)).toBe(0);
    bench.medium.finish();
    expect(bench.csr(5)).toBe(1);
    expect(bench.medium.sent.length).toBe(1);
    bench.writeCsr(15, 0x8000);
    expect(bench.csr(15)).toBe(0x8000);
    bench.writeCsr(5, 0);
    expect(bench.medium.sent.length).toBe(2);
    bench.medium.finish();
    bench.expectSums();
  });

  test('nothing is received meanwhile', () => {
    const bench = new PcnetBench().start({ csr5: 0 });
    bench.writeCsr(5, 0x0001);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.rxOff).toBe(1);
    bench.writeCsr(5, 0);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.delivered).toBe(1);
  });
});

describe('interrupts', () => {
  test('a masked cause is set but does not interrupt', () => {
    const bench = new PcnetBench().start({ csr3: 0x0400 });
    bench.arrive(ether(MAC));
    expect(bench.csr(0)).toBe(0x0473);
    expect(bench.host.line).toBe(false);
    bench.writeCsr(3, 0);
    expect(bench.host.line).toBe(true);
  });

  test('without IENA, INTR is set and the line stays down', () => {
    const bench = new PcnetBench().start();
    bench.writeCsr(0, 0);
    bench.arrive(ether(MAC));
    expect(bench.csr(0)).toBe(0x04b3);
    expect(bench.host.line).toBe(false);
    bench.writeCsr(0, 0x0040);
    expect(bench.host.line).toBe(true);
  });

  test('writing back what was read clears exactly that', () => {
    const bench = new PcnetBench().start();
    bench.arrive(ether(MAC));
    const seen = bench.csr(0);
    bench.send(0, ether(BROADCAST));
    bench.writeCsr(0, seen & 0x7f00);
    expect(bench.csr(0) & 0x7f00).toBe(0x0200);
  });

  test('a handler that runs at once may acknowledge and send from inside', () => {
    const bench = new PcnetBench().start();
    bench.fill(0, ether(BROADCAST));
    bench.host.onInterrupt = () => {
      while (bench.host.line) bench.writeCsr(0, (bench.csr(0) & 0x7f00) | 0x48);
    };
    bench.arrive(ether(MAC));
    expect(bench.host.line).toBe(false);
    expect(bench.medium.sent.length).toBe(1);
    bench.expectSums();
  });

  test('subsystem ids and vendor are read only, BCR23 the vendor and BCR24 the device', () => {
    const bench = new PcnetBench('Am79C973');
    for (const register of [23, 24, 35]) bench.writeBcr(register, 0x1234);
    expect([23, 24, 35].map((register) => bench.bcr(register))).toEqual([0, 0, 0x1022]);
  });

  test('UINTCMD interrupts', () => {
    const bench = new PcnetBench().start();
    bench.writeCsr(4, 0x0115 | 0x0080);
    expect(bench.host.line).toBe(true);
    expect(bench.csr(4)).toBe(0x0155);
    bench.writeCsr(4, 0x0155);
    expect(bench.host.line).toBe(false);
  });

  test('TXSTRT interrupts when it is not masked', () => {
    const bench = new PcnetBench().start({ csr3: 0x0200, csr4: 0x0111 });
    bench.send(0, ether(BROADCAST));
    expect(bench.csr(4) & 0x0008).toBe(0x0008);
    expect(bench.host.line).toBe(true);
  });
});

describe('the address registers', () => {
  test('follow the rings', () => {
    const bench = new PcnetBench().start();
    const pair = (n: number) => bench.csr(n) | (bench.csr(n + 1) << 16);
    bench.arrive(ether(MAC));
    expect(pair(28)).toBe(bench.receiveRing.address + 16);
    expect(pair(26)).toBe(bench.receiveRing.address + 32);
    expect(pair(36)).toBe(bench.receiveRing.address + 48);
    expect(pair(18)).toBe(bench.receiveBuffers[1]);
    expect(pair(22)).toBe(bench.receiveBuffers[2]);
    expect(bench.csr(72)).toBe(0xfff9);
    expect(bench.csr(40)).toBe(0xa00);
    expect(pair(34)).toBe(bench.transmitRing.address);
    expect(bench.csr(74)).toBe(0xfff8);
  });
});

describe('the Am79C973', () => {
  test('has its PHY at address 30 and nothing elsewhere', () => {
    const bench = new PcnetBench('Am79C973').linkUp();
    expect([bench.phy(2), bench.phy(3)]).toEqual([0x0000, 0x6b60]);
    bench.writeBcr(33, (1 << 5) | 2);
    expect(bench.bcr(34)).toBe(0xffff);
  });

  test('negotiates for a while, then passes frames', () => {
    const bench = new PcnetBench('Am79C973').start();
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.linkDown).toBe(1);
    expect(bench.bcr(4) & 0x8000).toBe(0);
    bench.linkUp();
    expect(bench.bcr(4) & 0x8000).toBe(0x8000);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.delivered).toBe(1);
    bench.writePhy(0, 0x0400 | 0x3100);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.linkDown).toBe(2);
    bench.expectSums();
  });

  test('LED registers open with LEDPE', () => {
    const bench = new PcnetBench('Am79C973');
    bench.writeBcr(5, 0x0010);
    expect(bench.bcr(5)).toBe(0x0084);
    bench.writeBcr(2, 0x1002);
    bench.writeBcr(5, 0x0010);
    expect(bench.bcr(5)).toBe(0x0010);
  });
});

test('a chip whose bus mastering is off says MERR and works once it is on', () => {
  const bench = new PcnetBench();
  bench.host.dma.enabled = false;
  bench.start();
  expect(bench.csr(0) & 0x8900).toBe(0x8800);
  bench.host.dma.enabled = true;
  bench.writeCsr(0, 0x0004);
  bench.writeCsr(0, 0x0003);
  expect(bench.csr(0) & 0x0130).toBe(0x0130);
});

test('a station address given as any list of six is taken', () => {
  const chip = new Pcnet(new FakeHost(), new FakeMedium(), { variant: 'Am79C973', mac: new Uint8Array(MAC) });
  expect(chip.readBar(0, 4, 2)).toBe(0xccbb);
});
