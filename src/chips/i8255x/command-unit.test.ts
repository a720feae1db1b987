import { describe, expect, test } from 'vitest';
import { formatBits } from '../../bus/format-bits.ts';
import { CB, CMD, COMMAND } from './blocks.ts';
import { CONFIG, configBytes } from './config.ts';
import { CUC, PORT, RUC, STAT_ACK } from './sheet.ts';
import { BROADCAST, DONE, ether, FLAGS, GROUP, I8255xBench, MAC, OTHER } from './testing.ts';

const { EL, S, I } = FLAGS;
const IDLE = 0x00;
const SUSPENDED = 0x40;
const ACTIVE = 0x80;

describe('the list', () => {
  test('is executed to the block with EL; CX for blocks that ask, CNA at the end', () => {
    const bench = new I8255xBench();
    const last = bench.block(EL);
    const second = bench.block(I, last);
    const first = bench.block(0, second);
    bench.cu(CUC.START, first);
    expect([first, second, last].map((at) => bench.word(at))).toEqual([DONE, DONE, DONE]);
    expect(bench.status).toBe(IDLE);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0xa0<CNA,CX>');
    expect(bench.host.rises).toBe(1);
  });

  test('links and the general pointer count from the CU base, around the end of the address space', () => {
    const bench = new I8255xBench();
    const second = bench.block(EL);
    const first = bench.block(0, (second + 0x10000) >>> 0);
    bench.cu(CUC.LOAD_BASE, 0xffff0000);
    bench.cu(CUC.START, first + 0x10000);
    expect([bench.word(first), bench.word(second), bench.status]).toEqual([DONE, DONE, IDLE]);
  });

  test('EL counts more than S', () => {
    const bench = new I8255xBench();
    bench.cu(CUC.START, bench.block(EL | S));
    expect(bench.status).toBe(IDLE);
  });
});

describe('suspension', () => {
  /** Two blocks in a ring, the first one suspends. */
  function suspended(bench = new I8255xBench()): { bench: I8255xBench; first: number; second: number } {
    const second = bench.block(S);
    const first = bench.block(S, second);
    bench.host.dma.write32(second + CB.LINK, first);
    bench.cu(CUC.START, first);
    return { bench, first, second };
  }
  const clearS = ({ bench }: { bench: I8255xBench }, at: number): void =>
    bench.host.dma.write16(at + CB.COMMAND, 0);

  test('S suspends with CNA, and resume goes on behind the block', () => {
    const rig = suspended();
    const { bench, first, second } = rig;
    expect(bench.status).toBe(SUSPENDED);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x20<CNA>');
    expect([bench.word(first), bench.word(second)]).toEqual([DONE, 0]);
    clearS(rig, first);
    bench.cu(CUC.RESUME);
    expect([bench.word(second), bench.status]).toEqual([DONE, SUSPENDED]);
  });

  test('a resume whose S bit is still set does nothing (6.5.3.2)', () => {
    const { bench, second } = suspended();
    bench.acknowledge();
    bench.cu(CUC.RESUME);
    expect([bench.word(second), bench.status, bench.causes]).toEqual([0, SUSPENDED, 0]);
  });

  test('a static resume does not look at it', () => {
    const { bench, second } = suspended();
    bench.cu(CUC.STATIC_RESUME);
    expect(bench.word(second)).toBe(DONE);
    const old = suspended(new I8255xBench('i82557c'));
    old.bench.cu(CUC.STATIC_RESUME);
    expect([old.bench.word(old.second), old.bench.chip.counters.ignoredScbCommands]).toEqual([0, 1]);
  });

  test('the link was read when the block was executed', () => {
    const rig = suspended();
    const { bench, first, second } = rig;
    bench.host.dma.write32(first + CB.LINK, 0xfffffff0);
    clearS(rig, first);
    bench.cu(CUC.RESUME);
    expect(bench.word(second)).toBe(DONE);
  });

  test('with CI only the end of the list is told', () => {
    const bench = new I8255xBench();
    bench.configure(configBytes([CONFIG.CI]));
    bench.acknowledge();
    const rig = suspended(bench);
    expect(bench.causes).toBe(0);
    bench.host.dma.write16(rig.second + CB.COMMAND, EL);
    clearS(rig, rig.first);
    bench.cu(CUC.RESUME);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x20<CNA>');
  });

  test('a start leaves the suspended list', () => {
    const { bench, second } = suspended();
    const other = bench.block(EL);
    bench.cu(CUC.START, other);
    expect([bench.word(other), bench.word(second), bench.status]).toEqual([DONE, 0, IDLE]);
  });

  test('an idle CU ignores resume', () => {
    const bench = new I8255xBench();
    bench.cu(CUC.RESUME);
    expect([bench.status, bench.chip.counters.ignoredScbCommands]).toEqual([IDLE, 1]);
  });
});

describe('while the CU is active', () => {
  /** The FIFO is full: the block at hand waits. */
  function waiting(flags: number): { bench: I8255xBench; at: number } {
    const bench = new I8255xBench().start();
    bench.medium.slow = true;
    bench.send(ether(OTHER, 1514));
    bench.send(ether(OTHER, 1514));
    const at = bench.simplified(ether(OTHER, 1514), flags);
    bench.cu(CUC.START, at);
    expect([bench.status & 0xc0, bench.word(at)]).toEqual([ACTIVE, 0]);
    return { bench, at };
  }

  test('a resume makes it look at the S bit again when the block is done', () => {
    const { bench, at } = waiting(S);
    const next = bench.block(EL);
    bench.host.dma.write32(at + CB.LINK, next);
    bench.host.dma.write16(at + CB.COMMAND, CMD.TRANSMIT);
    bench.cu(CUC.RESUME);
    bench.medium.finish();
    expect([bench.word(at), bench.word(next), bench.status & 0xc0]).toEqual([DONE, DONE, IDLE]);
  });

  test('a start is remembered until the block is done', () => {
    const { bench, at } = waiting(EL);
    const other = bench.block(EL);
    bench.cu(CUC.START, other);
    expect(bench.word(other)).toBe(0);
    bench.medium.finish();
    expect([bench.word(at), bench.word(other), bench.status & 0xc0]).toEqual([DONE, DONE, IDLE]);
  });

  test('what changes the meaning of frames comes after those in the FIFO', () => {
    const bench = new I8255xBench().start();
    bench.medium.slow = true;
    bench.send(ether(OTHER));
    const at = bench.block(CMD.CONFIGURE | EL);
    bench.host.memory.u8.set(configBytes([CONFIG.PROMISCUOUS]), at + CB.CONFIG);
    bench.cu(CUC.START, at);
    expect([bench.word(at), bench.status & 0xc0]).toEqual([0, ACTIVE]);
    bench.medium.finish();
    expect([bench.word(at), bench.status & 0xc0]).toEqual([DONE, IDLE]);
  });
});

describe('commands', () => {
  const passes = (bench: I8255xBench, destination: readonly number[]): boolean => {
    const before = bench.chip.counters.filtered;
    bench.arrive(ether(destination));
    return bench.chip.counters.filtered === before;
  };

  test('individual address setup', () => {
    const bench = new I8255xBench().start();
    expect([passes(bench, MAC), passes(bench, OTHER)]).toEqual([true, false]);
    expect(bench.setAddress(OTHER)).toBe(DONE);
    expect([passes(bench, MAC), passes(bench, OTHER)]).toEqual([false, true]);
  });

  test('configure takes as many bytes as it says, and the others stay', () => {
    const bench = new I8255xBench().start();
    bench.configure(configBytes([CONFIG.PROMISCUOUS]));
    const some = configBytes([]).subarray(0, 10);
    some[0] = 10;
    expect(bench.configure(some)).toBe(DONE);
    expect(passes(bench, OTHER)).toBe(true);
    expect(bench.configure(configBytes([]))).toBe(DONE);
    expect(passes(bench, OTHER)).toBe(false);
  });

  test('multicast setup replaces the filter; half an address counts for nothing', () => {
    const bench = new I8255xBench().start();
    const second = [0x33, 0x33, 0, 0, 0, 1];
    expect(bench.multicast(GROUP, second, [0x01, 0x02])).toBe(DONE);
    expect([passes(bench, GROUP), passes(bench, second)]).toEqual([true, true]);
    expect(passes(bench, [0x01, 0x00, 0x5e, 0x7f, 0xff, 0xfa])).toBe(false);
    bench.multicast(second);
    expect([passes(bench, GROUP), passes(bench, second)]).toEqual([false, true]);
    bench.multicast();
    expect([passes(bench, second), passes(bench, BROADCAST)]).toEqual([false, true]);
    bench.multicast(second);
    bench.port(PORT.SOFTWARE_RESET);
    expect(passes(bench, second)).toBe(false);
  });

  test('the hash is made of CRC bits 2 to 7: addresses that differ elsewhere share a bit', () => {
    // Found by computing bits 7 to 2 of the register bit by bit, as a shift register of clause 3.2.9 does.
    const hash = (octets: readonly number[]): number => {
      let crc = 0xffffffff;
      for (const octet of octets)
        for (let bit = 0; bit < 8; bit++) {
          const carry = (crc >>> 31) ^ ((octet >>> bit) & 1);
          crc = (crc << 1) ^ (carry !== 0 ? 0x04c11db7 : 0);
        }
      return (crc >>> 2) & 63;
    };
    const group = (n: number): number[] => [0x01, 0x00, 0x5e, 0, n >> 8, n & 0xff];
    const bench = new I8255xBench().start();
    bench.multicast(group(0));
    let shared = 0;
    for (let n = 0; n < 256; n++) {
      const expected = hash(group(n)) === hash(group(0));
      if (expected) shared++;
      expect(passes(bench, group(n))).toBe(expected);
    }
    expect(shared).toBeGreaterThan(1);
  });

  test('load microcode, diagnose and dump are done', () => {
    const bench = new I8255xBench();
    expect(bench.run(CMD.LOAD_MICROCODE, new Uint8Array(256))).toBe(DONE);
    expect(bench.chip.counters.microcodeLoads).toBe(1);
    expect(bench.run(CMD.DIAGNOSE)).toBe(DONE);
    const at = bench.host.memory.alloc(600, 16);
    expect(bench.run(CMD.DUMP, new Uint8Array(Uint32Array.of(at).buffer))).toBe(DONE);
    expect(bench.host.memory.u8[at]).toBe(22);
  });

  test('an IPCB of the 82550 is not modelled: no OK, and it is said', () => {
    const bench = new I8255xBench('i82550');
    expect(bench.run(COMMAND.SF | 1, new Uint8Array(32))).toBe(0x8000);
    expect(bench.chip.counters.unknownCommands).toBe(1);
    expect(bench.host.warnings.length).toBe(1);
  });

  test('SCB commands that mean nothing are counted', () => {
    const bench = new I8255xBench();
    bench.cu(3);
    bench.cu(0xb);
    bench.ru(RUC.DMA_REDIRECT);
    bench.ru(RUC.RBD_RESUME);
    bench.ru(RUC.RESUME);
    expect(bench.chip.counters.ignoredScbCommands).toBe(5);
    expect(bench.status).toBe(0);
  });
});
