// Receiving: buffers, lengths, hand-over, and the counters of both directions.

import { ETHERCAP_VLAN_MTU, LINK_STATE_DOWN } from '../../iopkt/flags.ts';
import { IoPktError } from '../../iopkt/self.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import { compare, numberOf } from '../../scenario/frames.ts';
import type { Check, Trial } from '../trial.ts';
import { Found } from '../trial.ts';
import { trap } from './trap.ts';

const SECOND = 1_000_000_000;
const VLAN_TYPE = 0x8100;

export const RECEIVE_CHECKS: readonly Check[] = [
  { rules: ['P07'], bound: 'io-pkt', run: noBuffer },
  { rules: ['P08'], bound: 'io-pkt', run: lengths },
  { rules: ['P09'], bound: 'io-pkt', run: touched },
  { rules: ['P10'], bound: 'io-pkt', run: bridged },
  { rules: ['N15'], bound: 'loaded', run: boundaries },
  { rules: ['B01'], bound: 'any', unloads: true, run: buffers },
  { rules: ['F09'], bound: 'loaded', run: counters },
];

function noBuffer(trial: Trial): void {
  const rig = trial.working();
  const { ifp, host } = rig;
  const frames = 40;
  const errors = ifp.if_ierrors;
  const { count } = host;
  const restore = rig.failBuffers();
  for (let i = 0; i < frames; i++) {
    rig.deliver(rig.frameIn());
    rig.run(100_000);
  }
  restore();
  // Frames for which the ring had no place are counted by a look at the card now and then.
  rig.run(3 * SECOND);
  const passed = host.count - count;
  const counted = ifp.if_ierrors - errors;
  trial.expect(
    passed + counted === frames,
    'process_interrupt',
    `of ${frames} frames without a fresh buffer ${passed} were passed up and ${counted} counted in if_ierrors`,
  );
  for (let i = 0; i < frames * 2; i++) {
    const frame = rig.frameIn();
    rig.deliver(frame);
    rig.run(1_000_000);
    trial.expect(rig.got(frame), 'process_interrupt', `receive slots are empty after a want of buffers`);
  }
}

function lengths(trial: Trial): void {
  const rig = trial.working();
  for (const length of [60, 61, 64, 100, 255, 256, 1000, 1513, 1514]) {
    const frame = rig.frameIn(length);
    rig.deliver(frame);
    rig.run(1_000_000);
    const got = rig.host.received.find((bytes) => numberOf(bytes) === numberOf(frame));
    trial.need(got !== undefined, `a frame of ${length} bytes does not come in`);
    const problem = compare(got!, frame);
    trial.expect(
      problem === '',
      'if_input',
      `a frame of ${length} bytes on the wire was passed up as ${problem}`,
    );
  }
}

/** Whoever takes the packets keeps them, trapped, until the driver has returned. */
function touched(trial: Trial): void {
  const rig = trial.working();
  const { ifp, source, machine } = rig;
  const { if_input } = ifp;
  const { inter } = source;
  const { func } = inter;
  const kept: { m: Mbuf; release: () => void }[] = [];
  ifp.if_input = (_ifp, m) => {
    const copy = machine.memory.u8.slice(m.data, m.data + m.length);
    const at = m.data;
    const release = trap(m, (field) =>
      trial.fail('if_input', `m.${field} is used after the packet was handed over`),
    );
    kept.push({
      m,
      release: () => {
        release();
        const now = machine.memory.u8.subarray(at, at + copy.length);
        const problem = compare(now, copy);
        trial.expect(problem === '', 'if_input', `bytes of a packet changed after hand-over: ${problem}`);
      },
    });
  };
  inter.func = (arg, wtp) => {
    const done = func!(arg, wtp);
    for (const { release } of kept) release();
    // From here on they are nobody's: as if a protocol had freed them.
    for (const { m } of kept.splice(0)) machine.mbufs.freem(m);
    return done;
  };
  for (let i = 0; i < 10; i++) {
    rig.deliver(rig.frameIn(60 + 140 * i));
    rig.deliver(rig.frameIn(1514 - 140 * i));
    rig.run(1_000_000);
  }
  ifp.if_input = if_input;
  inter.func = func;
}

/** Every frame goes back out of the device it came from, from within if_input. */
function bridged(trial: Trial): void {
  const rig = trial.working();
  const { ifp, card, host } = rig;
  const { if_input } = ifp;
  let inside = false;
  ifp.if_input = (to, m) => {
    inside = true;
    if_input(to, m);
    inside = false;
  };
  host.echo = true;
  try {
    for (let i = 0; i < 20; i++) {
      rig.deliver(rig.frameIn());
      rig.run(500_000);
    }
  } catch (error) {
    // start() wants a mutex that is held around if_input.
    if (inside && error instanceof IoPktError && error.rule === 'L03')
      throw new Found('P10', 'if_input', error.message);
    throw error;
  }
  host.echo = false;
  trial.need(card.sent.length === 20, 'frames are not sent back');
}

function boundaries(trial: Trial): void {
  const rig = trial.working();
  const { io, ifp, host } = rig;
  const { count } = host;
  for (const length of [1519, 1600, 2000]) {
    rig.deliver(rig.frameIn(length));
    rig.run(1_000_000);
  }
  trial.expect(host.count === count, 'if_input', 'a frame above the MTU, its header and a tag was accepted');
  trial.expect(ifp.if_link_state !== LINK_STATE_DOWN, 'idle', 'frames that are too long took the link down');
  if ((ifp.if_ethercom!.ec_capabilities & ETHERCAP_VLAN_MTU) === 0) return;
  const tagged = rig.frameIn(1518);
  tagged[12] = VLAN_TYPE >> 8;
  tagged[13] = VLAN_TYPE & 0xff;
  const { inputs } = io;
  rig.deliver(tagged);
  rig.run(1_000_000);
  trial.expect(
    io.inputs === inputs + 1,
    'process_interrupt',
    'a full frame with a VLAN tag (1518) is refused',
  );
}

function buffers(trial: Trial): void {
  const rig = trial.rigUp({ guarded: true });
  const { mbufs } = rig.machine;
  const before = mbufs.inUse;
  const problems: string[] = [];
  mbufs.debug!.report = (problem) => problems.push(problem);
  rig.mount();
  trial.need(rig.up(), 'the link does not come up');
  for (let i = 0; i < 20; i++) {
    rig.deliver(rig.frameIn(60 + 70 * i));
    rig.send(rig.frameOut(60 + 70 * i), [20, 20]);
    rig.run(1_000_000);
  }
  rig.run(3 * SECOND);
  rig.down();
  rig.unmount();
  problems.push(...mbufs.debug!.check());
  trial.expect(problems.length === 0, 'idle', () => problems[0]);
  const { inUse } = mbufs;
  trial.expect(
    inUse === before,
    'idle',
    () => `${inUse - before} buffers leaked: ${mbufs.debug!.leakReport()}`,
  );
}

function counters(trial: Trial): void {
  const rig = trial.working();
  const { ifp, card } = rig;
  rig.until(() => rig.held === 0, 3 * SECOND);
  const before = [ifp.if_ipackets, ifp.if_opackets, ifp.if_ierrors, ifp.if_oerrors];
  const frames = 25;
  for (let i = 0; i < frames; i++) {
    rig.deliver(rig.frameIn(60 + i * 50));
    rig.send(rig.frameOut(60 + i * 50));
    rig.run(1_000_000);
  }
  rig.until(() => rig.held === 0, 3 * SECOND);
  trial.need(rig.held === 0 && card.sent.length === frames, 'frames do not go out');
  const now = [ifp.if_ipackets, ifp.if_opackets, ifp.if_ierrors, ifp.if_oerrors];
  const wanted = [frames, frames, 0, 0];
  const names = ['if_ipackets', 'if_opackets', 'if_ierrors', 'if_oerrors'];
  for (const [i, name] of names.entries()) {
    const counted = now[i] - before[i];
    trial.expect(
      counted === wanted[i],
      'idle',
      `${frames} frames each way on the wire, and ${name} went up by ${counted} instead of ${wanted[i]}`,
    );
  }
}
