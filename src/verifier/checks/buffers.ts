// Buffers that have more than one owner: packets that are sent while somebody keeps a reference, and received ones that
// somebody keeps while the card goes on.

import { verify } from '../../mbuf/debug.ts';
import { M_COPYALL, type Mbuf, MCLBYTES } from '../../mbuf/mbuf.ts';
import { compare } from '../../scenario/frames.ts';
import type { Rig } from '../rig.ts';
import type { Check, Trial } from '../trial.ts';

const SECOND = 1_000_000_000;
const HEADROOM = 64;
const PATTERN = 0xa5;
/** A frame that has to be padded, one that fills a part of its cluster, one that fills a frame. */
const LENGTHS = [42, 200, 1514];
/** Packets that are kept, and frames after them: more than any ring here has slots. */
const KEPT = 8;
const AFTER = 300;

export const BUFFER_CHECKS: readonly Check[] = [
  { rules: ['N11'], bound: 'any', run: sharedBytes },
  { rules: ['B04'], bound: 'any', run: references },
  { rules: ['B05'], bound: 'core', run: sums },
  { rules: ['B06'], bound: 'any', run: keptBytes },
];

/** Sends a packet whose cluster somebody else refers to as well; `look` gets the other owner's mbuf afterwards. */
function sendShared(trial: Trial, look: (kept: Mbuf, before: Uint8Array, length: number) => void): void {
  const rig = trial.working();
  const { machine, device, card } = rig;
  const { mbufs, memory } = machine;
  for (const length of LENGTHS) {
    const kept = mbufs.getcl();
    trial.need(kept !== null, 'there are no buffers');
    if (kept === null) return;
    const at = kept.data;
    memory.u8.fill(PATTERN, at, at + MCLBYTES);
    kept.data += HEADROOM;
    kept.length = kept.packetLength = length;
    memory.u8.set(rig.frameOut(Math.max(length, 60)).subarray(0, length), kept.data);
    const before = memory.u8.slice(at, at + MCLBYTES);
    const sent = mbufs.copym(kept, 0, M_COPYALL);
    trial.need(sent !== null && sent.storage === kept.storage, 'the copy does not share its bytes');
    const count = card.sent.length;
    machine.process(() => device.transmit(sent!));
    const left = rig.until(() => card.sent.length > count && rig.held === 0, 3 * SECOND);
    trial.need(left, `a packet of ${length} bytes with shared storage does not leave`);
    look(kept, before, length);
  }
}

function sharedBytes(trial: Trial): void {
  sendShared(trial, (kept, before, length) => {
    const at = kept.data - HEADROOM;
    const problem = compare(kept.pool.memory.u8.subarray(at, at + MCLBYTES), before);
    trial.expect(
      problem === '',
      'transmit',
      `a packet of ${length} bytes was sent, and bytes that another one shares changed: ${problem}`,
    );
  });
}

function references(trial: Trial): void {
  sendShared(trial, (kept) => {
    const count = kept.pool.references[kept.storage];
    trial.expect(
      count === 1,
      'transmit',
      `a packet that shared its storage was sent and freed, and ${count} references are counted where 1 is left`,
    );
    kept.pool.free(kept);
  });
}

/** Each packet that the driver passes up goes through `see` first. Returns how to end it. */
export function tapInput(rig: Rig, see: (m: Mbuf) => void): () => void {
  const { device } = rig;
  if (rig.ioOrNull === null) {
    const { receive } = device;
    device.receive = (m) => {
      see(m);
      return receive.call(device, m);
    };
    return () => {
      device.receive = receive;
    };
  }
  const { ifp } = rig;
  const { if_input } = ifp;
  ifp.if_input = (to, m) => {
    see(m);
    if_input(to, m);
  };
  return () => {
    ifp.if_input = if_input;
  };
}

function sums(trial: Trial): void {
  const rig = trial.working();
  let seen = 0;
  tapInput(rig, (m) => {
    seen++;
    const problem = verify(m);
    trial.expect(problem === null, 'poll', () => `a packet was passed up that is not whole: ${problem}`);
  });
  for (let i = 0; i < 10; i++) {
    rig.deliver(rig.frameIn(60 + 140 * i));
    rig.run(1_000_000);
  }
  trial.need(seen > 0, 'nothing is received');
}

/** A protocol keeps packets by reference; what comes later must not come into them. */
function keptBytes(trial: Trial): void {
  const rig = trial.working();
  const { mbufs, memory } = rig.machine;
  const kept: { m: Mbuf; bytes: Uint8Array }[] = [];
  const end = tapInput(rig, (m) => {
    if (kept.length === KEPT) return;
    const copy = mbufs.copym(m, 0, M_COPYALL);
    if (copy !== null) kept.push({ m: copy, bytes: memory.u8.slice(copy.data, copy.data + copy.length) });
  });
  for (let i = 0; i < AFTER; i++) {
    rig.deliver(rig.frameIn(60 + ((i * 37) % 1400)));
    rig.run(200_000);
  }
  end();
  trial.need(kept.length === KEPT, 'nothing is received');
  for (const { m, bytes } of kept) {
    const problem = compare(memory.u8.subarray(m.data, m.data + m.length), bytes);
    trial.expect(
      problem === '',
      'if_input',
      `a packet that was passed up, and is still in use, was written to by later frames: ${problem}`,
    );
    mbufs.freem(m);
  }
  trial.needs(rig.exchange());
}
