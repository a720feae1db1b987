// Coming and going of io-net drivers. Theirs are other moments than a native driver's: alive from init to shutdown2, whether
// their interface is up or down, and memory where a native driver has mbufs.

import { ErrnoError } from '../../iopkt/errno.ts';
import { changes, type Rig } from '../rig.ts';
import type { Check, Trial } from '../trial.ts';
import { badOptions, firstDifference } from './lifecycle.ts';

const SECOND = 1_000_000_000;
/** Blocks of memory after which an init gets none: all that come first, and some in the middle of a pool. */
const BLOCKS_THEN_NONE = [0, 1, 2, 3, 4, 5, 9, 40];

export const IONET_LIFE_CHECKS: readonly Check[] = [
  { rules: ['I01'], bound: 'io-net', unloads: true, run: handlerAfterEnd },
  { rules: ['F01'], bound: 'io-net', unloads: true, run: noMemory },
  { rules: ['F02'], bound: 'io-net', unloads: true, run: ended },
  { rules: ['N12'], bound: 'io-net', unloads: true, run: quiet },
];

function handlerAfterEnd(trial: Trial): void {
  const rig = trial.working();
  rig.unmount();
  trial.expect(
    rig.line.handlers.length === 0,
    'shutdown2',
    'the interrupt is still attached after shutdown2',
  );
  for (const after of BLOCKS_THEN_NONE) {
    if (mounts(rig, after)) break;
    trial.expect(rig.line.handlers.length === 0, 'init', 'an init that failed left its interrupt attached');
  }
}

/** Loads it with so much memory; true: that was enough, and it is gone again. */
function mounts(rig: Rig, blocks: number): boolean {
  const restore = rig.failMemory(blocks);
  try {
    rig.mount();
  } catch (error) {
    if (!(error instanceof ErrnoError)) throw error;
    return false;
  } finally {
    restore();
  }
  rig.unmount();
  return true;
}

function noMemory(trial: Trial): void {
  badOptions(trial);
  const rig = trial.rigUp();
  const before = rig.census();
  let enough = false;
  for (const after of BLOCKS_THEN_NONE) {
    enough = mounts(rig, after);
    const left = changes(before, rig.census(), 'more');
    trial.expect(left === '', 'init', () => `init with ${after} blocks of memory left ${left}`);
    trial.expect(rig.io.ifnets.length === 0, 'init', `init with ${after} blocks of memory left an interface`);
    if (enough) break;
    // Nothing of it comes later either.
    rig.run(SECOND);
  }
  rig.mount();
  trial.expect(rig.up() && rig.exchange() === '', 'init', 'it does not work when there is memory again');
  rig.unmount();
}

function ended(trial: Trial): void {
  const rig = trial.rigUp();
  const before = rig.census();
  for (let round = 0; round < 3; round++) {
    rig.mount();
    trial.need(rig.up(), 'the link does not come up');
    for (let i = 0; i < 4; i++) {
      rig.deliver(rig.frameIn());
      rig.send(rig.frameOut());
    }
    rig.run(round * 1_000_000);
    if (round === 1) rig.down();
    rig.unmount();
    const left = changes({ ...before, buffers: 0 }, { ...rig.census(), buffers: 0 }, 'more');
    trial.expect(left === '', 'shutdown2', `shutdown left ${left}`);
    // Whatever was left behind and comes now is an error by itself.
    rig.run(5 * SECOND);
  }
}

/** What the bus does for a card that is given back would hide one that goes on. */
function unmountAlone(rig: Rig): void {
  const { pci } = rig;
  if (pci === null) {
    rig.unmount();
    return;
  }
  const { disable } = pci;
  pci.disable = () => {};
  try {
    rig.unmount();
  } finally {
    pci.disable = disable;
  }
}

function quiet(trial: Trial): void {
  const rig = trial.working();
  const { host, card, machine } = rig;
  rig.down();
  let { count } = host;
  for (let i = 0; i < 8; i++) rig.deliver(rig.frameIn());
  rig.run(SECOND);
  trial.expect(host.count === count, 'after stop', 'a packet was passed up while the interface is down');
  rig.up();
  for (let i = 0; i < 4; i++) rig.send(rig.frameOut());
  unmountAlone(rig);
  // The frame that is on the wire leaves.
  rig.run(2_000_000);
  const memory = machine.memory.u8.slice();
  const { accesses } = card;
  const sent = card.sent.length;
  ({ count } = host);
  for (let i = 0; i < 8; i++) rig.deliver(rig.frameIn());
  rig.run(5 * SECOND);
  trial.expect(card.accesses === accesses, 'after shutdown2', 'the driver touches its card after shutdown2');
  trial.expect(host.count === count, 'after shutdown2', 'a packet was passed up after shutdown2');
  trial.expect(card.sent.length === sent, 'after shutdown2', 'a frame was sent after shutdown2');
  const at = firstDifference(memory, machine.memory.u8);
  trial.expect(at < 0, 'after shutdown2', `the card wrote to memory at 0x${at.toString(16)} after shutdown2`);
}
