// A frame's way through the chip allocates nothing.

import { expect, test } from 'vitest';
import { heapGrowth, RETRY } from '../../../test/vocabulary/heap.ts';
import { FRAME_START } from '../../wire/frame.ts';
import { CB, CMD, COMMAND, RFD } from './blocks.ts';
import { CSR, CUC, CUC_SHIFT } from './sheet.ts';
import { ether, I8255xBench, MAC, OTHER } from './testing.ts';

const FRAMES = 100_000;
const ROUNDS = 10;
/** The least that a frame could leave behind: one boxed number. What V8 compiles meanwhile is far below it. */
const BOX_BYTES = 16;
const RING = 8;
const { S } = COMMAND;

/** A chip on a medium that keeps nothing, late enough that times are no small integers. */
function bench(): I8255xBench {
  const it = new I8255xBench().start(RING, 1536, 0);
  it.host.wait(10_000_000_000);
  const { medium } = it;
  medium.send = (frame) => {
    medium.pool.put(frame);
    it.chip.transmitted(0);
  };
  return it;
}

test.each([60, 1514])('frames of %i bytes in', RETRY, (length) => {
  const it = bench();
  const { pool } = it.medium;
  const { u16 } = it.host.memory;
  const bytes = ether(MAC, length);
  let next = 0;
  const receive = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const frame = pool.get(length);
      frame.u8.set(bytes, FRAME_START);
      it.chip.receive(frame);
      u16[(it.rfds[next] + RFD.STATUS) >> 1] = 0;
      next = (next + 1) % RING;
      it.chip.writeBar(0, CSR.SCB_STAT_ACK, 1, 0xff);
    }
  };
  receive(2 * FRAMES);
  const before = it.chip.counters.delivered;
  const grown = heapGrowth(() => receive(FRAMES / ROUNDS), ROUNDS);
  expect(it.chip.counters.delivered - before).toBe(FRAMES);
  expect(grown / FRAMES).toBeLessThan(BOX_BYTES / 2);
});

test.each([false, true])('frames out (flexible mode: %s)', RETRY, (flexible) => {
  const it = bench();
  const { u16 } = it.host.memory;
  const frame = ether(OTHER, 300);
  const blocks = Array.from({ length: RING }, () =>
    flexible ? it.flexible([frame.slice(0, 54), frame.slice(54)], S) : it.simplified(frame, S),
  );
  blocks.forEach((at, i) => {
    it.host.dma.write32(at + CB.LINK, blocks[(i + 1) % RING]);
  });
  const command = u16[(blocks[0] + CB.COMMAND) >> 1] & ~S;
  expect(command & COMMAND.CMD).toBe(CMD.TRANSMIT);
  let last = 0;
  it.cu(CUC.START, blocks[0]);
  const send = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const at = blocks[last];
      last = (last + 1) % RING;
      u16[(blocks[last] + CB.COMMAND) >> 1] = command | S;
      u16[(at + CB.COMMAND) >> 1] = command;
      it.chip.writeBar(0, CSR.SCB_COMMAND, 1, CUC.RESUME << CUC_SHIFT);
      it.chip.writeBar(0, CSR.SCB_STAT_ACK, 1, 0xff);
    }
  };
  send(2 * FRAMES);
  const before = it.chip.counters.transmitted;
  const grown = heapGrowth(() => send(FRAMES / ROUNDS), ROUNDS);
  expect(it.chip.counters.transmitted - before).toBe(FRAMES);
  expect(grown / FRAMES).toBeLessThan(BOX_BYTES / 2);
});
