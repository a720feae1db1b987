// QEMU's e1000 without a driver: interrupts where they come from, and frames longer than any driver of ours sends. After
// Intel's 8254x software developer manual (317453): 13.4 registers, 3.3 transmit descriptors.

import { afterEach, describe, expect, it } from 'vitest';
import { Board, type BoardNic, closeBoards, hasQemu } from '../../../test/vocabulary/qemu.ts';
import { numbered } from '../../../test/vocabulary/station.ts';
import type { Registers } from '../../bus/registers.ts';
import { MAX_FRAME_BYTES } from '../../wire/frame.ts';

afterEach(closeBoards);

const [ICR, ICS, IMS] = [0xc0, 0xc8, 0xd0];
const [TCTL, TDBAL, TDLEN, TDH, TDT] = [0x400, 0x3800, 0x3808, 0x3810, 0x3818];
const LSC = 4;
const TCTL_EN = 2;
/** Descriptor: end of packet, insert FCS, report status. */
const EOP_IFCS_RS = 0x0b;
const DD = 1;
/** A transmit buffer may have 16,288 bytes; a packet takes as many as it needs. */
const PIECE = 4096;

function registersOf({ pci }: BoardNic): Registers {
  pci.enable();
  pci.setMaster();
  return pci.registers(0);
}

describe.skipIf(!hasQemu)("interrupts of QEMU's e1000", () => {
  it('preempt the code at the very register access that causes them', () => {
    const board = new Board({ nics: ['e1000'] });
    const [{ pci }] = board.nics;
    const registers = registersOf(board.nics[0]);
    const order: string[] = [];
    pci.requestIrq('test', () => {
      const cause = registers.read32(ICR);
      order.push(`cause ${cause & LSC}`);
      return cause !== 0;
    });
    registers.read32(ICR);
    board.machine.process(() => {
      registers.write32(IMS, LSC);
      order.push('before');
      registers.write32(ICS, LSC);
      order.push('after');
    });
    expect(order).toEqual(['before', `cause ${LSC}`, 'after']);
    expect(board.machine.irq.line(pci.irq)).toMatchObject({ delivered: 1, spurious: 0, shut: '' });
  });

  it('wait while the processor does not take any', () => {
    const board = new Board({ nics: ['e1000'] });
    const [{ pci }] = board.nics;
    const registers = registersOf(board.nics[0]);
    const order: string[] = [];
    pci.requestIrq('test', () => {
      order.push('irq');
      return registers.read32(ICR) !== 0;
    });
    registers.read32(ICR);
    board.machine.process(() => {
      const { cpu } = board.machine;
      cpu.irqDisable();
      registers.write32(IMS, LSC);
      registers.write32(ICS, LSC);
      order.push('enabled');
      cpu.irqEnable();
      order.push('after');
    });
    expect(order).toEqual(['enabled', 'irq', 'after']);
  });

  it('of two cards on one pin: both are asked, the one that did it says so', () => {
    const nics = [3, 7].map((slot) => ({ model: 'e1000', slot }));
    const board = new Board({ nics });
    const calls: string[] = [];
    const cards = board.nics.map((nic) => {
      const registers = registersOf(nic);
      registers.read32(ICR);
      registers.write32(IMS, LSC);
      nic.pci.requestIrq('test', () => {
        const mine = (registers.read32(ICR) & LSC) !== 0;
        calls.push(`${nic.options.slot} ${mine}`);
        return mine;
      });
      return registers;
    });
    board.machine.process(() => cards[1].write32(ICS, LSC));
    expect(calls).toEqual(['3 false', '7 true']);
    calls.length = 0;
    board.machine.process(() => cards[0].write32(ICS, LSC));
    expect(calls).toEqual(['3 true', '7 false']);
  });

  it('that come by themselves are taken in by poll, which says that there was something', async () => {
    const board = new Board({ nics: ['e1000'] });
    const [nic] = board.nics;
    const registers = registersOf(nic);
    let causes = 0;
    nic.pci.requestIrq('test', () => {
      const cause = registers.read32(ICR);
      causes |= cause;
      return cause !== 0;
    });
    registers.read32(ICR);
    registers.write32(IMS, LSC);
    // The link status changes when the cable is pulled.
    await board.until(() => (registers.read32(8) & 2) !== 0, 'link up');
    causes = 0;
    nic.link.setCarrier(false);
    await board.until(() => causes !== 0, 'a link status change');
    expect(causes & LSC).toBe(LSC);
    expect(registers.read32(8) & 2).toBe(0);
  });
});

describe.skipIf(!hasQemu)("frames of QEMU's e1000 that no driver of ours sends", () => {
  /** Sends `bytes` as one packet of as many descriptors as it takes, from an empty ring. */
  function transmitter(board: Board, registers: Registers) {
    const { memory } = board.machine;
    const entries = 64;
    const ring = memory.alloc(entries * 16, 128);
    const buffer = memory.alloc(0x20000, 4096);
    registers.write32(TDBAL, ring);
    registers.write32(TDLEN, entries * 16);
    registers.write32(TDH, 0);
    registers.write32(TDT, 0);
    registers.write32(TCTL, TCTL_EN);
    let next = 0;
    return async (bytes: Uint8Array): Promise<void> => {
      memory.u8.set(bytes, buffer);
      let last = 0;
      for (let at = 0; at < bytes.length; at += PIECE) {
        const length = Math.min(PIECE, bytes.length - at);
        const end = at + length === bytes.length;
        last = (ring >> 2) + next * 4;
        memory.u32[last] = buffer + at;
        memory.u32[last + 1] = 0;
        memory.u32[last + 2] = length | (end ? EOP_IFCS_RS << 24 : 0);
        memory.u32[last + 3] = 0;
        next = (next + 1) % entries;
      }
      registers.write32(TDT, next);
      await board.until(() => (memory.u32[last + 3] & DD) !== 0, 'the descriptor to come back');
    };
  }

  it('jumbo frames arrive whole; what is longer than any frame or shorter than a header is counted', async () => {
    const board = new Board({ nics: ['e1000'] });
    const [nic] = board.nics;
    const send = transmitter(board, registersOf(nic));
    const lengths = [14, 17, 59, 60, 2046, 2047, 9014, MAX_FRAME_BYTES];
    for (const [i, length] of lengths.entries()) await send(numbered(i, length));
    await send(numbered(100, MAX_FRAME_BYTES + 1));
    await send(numbered(101, 13));
    await send(numbered(102, 100));
    await board.until(() => nic.far.arrivals.length === lengths.length + 1, 'the frames');
    expect(nic.far.arrivals.map(({ bytes }) => bytes.length)).toEqual([
      ...lengths.map((length) => Math.max(length, 60)),
      100,
    ]);
    for (const [i, length] of lengths.entries()) {
      const { bytes } = nic.far.arrivals[i];
      expect(bytes.subarray(0, length), `${length} bytes`).toEqual(numbered(i, length));
      expect(bytes.subarray(length).every((byte) => byte === 0)).toBe(true);
    }
    const { fromQemu } = board.qemu.report(3);
    expect(fromQemu).toMatchObject({ sent: 9, padded: 3 });
    expect(fromQemu.dropTooLong).toBe(1);
    expect(fromQemu.frames).toBe(9 + 1 + fromQemu.dropTooShort);
    board.expectConserved();
    expect(board.pool.inUse).toBe(0);
  });
});
