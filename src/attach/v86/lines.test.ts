// Interrupt lines against v86's own interrupt controllers.

import { expect, it } from 'vitest';
import { type V86Bench, v86Bench } from '../../../test/vocabulary/v86-bench.ts';
import { IntxLines } from './lines.ts';

const MASK = 0;
const IRR = 3;
const CASCADE = 0x04;

/** Registers of both controllers, all lines let through. */
function controllers({ cpu }: V86Bench): { first: Uint8Array; second: Uint8Array } {
  const { buffer } = cpu.wasm_memory;
  const { get_pic_addr_slave: second } = cpu as unknown as { get_pic_addr_slave(): number };
  const both = {
    first: new Uint8Array(buffer, cpu.get_pic_addr_master()),
    second: new Uint8Array(buffer, second()),
  };
  // As v86 keeps it, a set bit lets a line through; lines 10 and 11 are levels.
  both.first[MASK] = 0xff;
  both.second[MASK] = 0xff;
  both.second[10] = 0x0c;
  return both;
}

it('leaves no request behind for a line that falls before the guest has looked', async () => {
  const bench = await v86Bench();
  const { first, second } = controllers(bench);
  const lines = new IntxLines(bench.cpu);
  lines.drive(3, 11);
  expect([first[IRR] & CASCADE, second[IRR]]).toEqual([CASCADE, 0x08]);
  lines.drive(3, 0);
  expect([first[IRR] & CASCADE, second[IRR]]).toEqual([0, 0]);
  lines.drive(3, 11);
  expect([first[IRR] & CASCADE, second[IRR]]).toEqual([CASCADE, 0x08]);
  await bench.emulator.destroy();
});

it('leaves the request of another line alone', async () => {
  const bench = await v86Bench();
  const { first, second } = controllers(bench);
  const lines = new IntxLines(bench.cpu);
  lines.drive(3, 11);
  lines.drive(4, 10);
  lines.drive(3, 0);
  expect([first[IRR] & CASCADE, second[IRR]]).toEqual([CASCADE, 0x04]);
  lines.drive(5, 5);
  lines.drive(4, 0);
  expect([first[IRR], second[IRR]]).toEqual([0x20, 0]);
  await bench.emulator.destroy();
});
