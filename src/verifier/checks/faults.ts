// Ends and accidents: shutdown hooks, threads, a card that is gone, a link that flaps.

import { shutdownhook_establish } from '../../iopkt/hooks.ts';
import { CTX_TRACKED, CTX_UNTRACKED } from '../../iopkt/self.ts';
import { quiesce_all, unquiesce_all } from '../../iopkt/threads.ts';
import { conservation } from '../../net/conservation.ts';
import { NUMBERS } from '../numbers.ts';
import type { Rig } from '../rig.ts';
import type { Check, Trial } from '../trial.ts';
import { firstDifference } from './lifecycle.ts';

const SECOND = 1_000_000_000;

export const FAULT_CHECKS: readonly Check[] = [
  { rules: ['P19'], bound: 'io-pkt', run: hooks },
  { rules: ['P20'], bound: 'io-pkt', run: threads },
  { rules: ['F03'], bound: 'any', unloads: true, run: pulled },
  { rules: ['F05'], bound: 'any', run: flaps },
  { rules: ['F07'], bound: 'any', unloads: true, run: polls },
];

function hooks(trial: Trial): void {
  ending(trial, (rig) => void rig.io.stop());
  ending(trial, (rig) => {
    rig.ifp.if_ioctl = () => {
      throw new TypeError('a pointer that is null');
    };
    try {
      rig.io.ioctl(rig.ifp.if_xname, 0, {});
    } catch {
      // FaultError, as a program sees it.
    }
  });
}

/** A hook that faults goes first; then the driver's must have silenced the card. */
function ending(trial: Trial, end: (rig: Rig) => void): void {
  const rig = trial.working({ sigsegv: true });
  const { io, card, line, machine } = rig;
  const { pciTaken } = io;
  let faulted = false;
  rig.asDriver('a neighbour', () =>
    shutdownhook_establish(() => {
      faulted = true;
      throw new TypeError('a hook that faults');
    }, null),
  );
  // What the system does at the end of a process would hide a hook that does nothing.
  pciTaken.clear();
  const results: { ok: boolean; message: string }[] = [];
  for (const hook of io.hooks) {
    const { func } = hook;
    hook.func = (arg) => {
      try {
        func(arg);
        results.push({ ok: true, message: '' });
      } catch (error) {
        results.push({ ok: false, message: (error as Error).message });
        throw error;
      }
    };
  }
  const own = io.hooks.length - 1;
  for (let i = 0; i < 6; i++) rig.send(rig.frameOut(1000));
  end(rig);
  trial.need(faulted, 'the end does not come');
  const [, ...mine] = results;
  trial.expect(own > 0, 'attach', 'it has no shutdown hook');
  trial.expect(mine.length === own, 'shutdown hook', 'a hook did not run after another one had faulted');
  const bad = mine.find(({ ok }) => !ok);
  trial.expect(bad === undefined, 'shutdown hook', () => `the hook failed: ${bad?.message}`);
  // The frame that was on the wire leaves.
  rig.run(3_000_000);
  const memory = machine.memory.u8.slice();
  const { accesses } = card;
  const sent = card.sent.length;
  const { delivered } = line;
  for (let i = 0; i < 6; i++) rig.deliver(rig.frameIn());
  rig.run(5 * SECOND);
  trial.expect(card.accesses === accesses, 'after the hook', 'the driver touches the card after its hook');
  trial.expect(card.sent.length === sent, 'after the hook', 'the card sends after the hook');
  trial.expect(line.delivered === delivered, 'after the hook', 'the card interrupts after the hook');
  const at = firstDifference(memory, machine.memory.u8);
  trial.expect(at < 0, 'after the hook', `the card wrote to memory at 0x${at.toString(16)} after the hook`);
}

function threads(trial: Trial): void {
  const rig = trial.working();
  const { io, ifp } = rig;
  const untracked = io.threads.find((thread) => !thread.tracked);
  trial.expect(
    untracked === undefined,
    'attach',
    () => `thread ${untracked?.wtp.name} is not tracked: nw_pthread_create makes one that is`,
  );
  const { if_input } = ifp;
  ifp.if_input = (to, m) => {
    const { context } = io.contexts;
    trial.expect(
      context !== CTX_TRACKED && context !== CTX_UNTRACKED,
      'thread',
      'packets are received on a thread of the driver',
    );
    if_input(to, m);
  };
  for (let i = 0; i < 20; i++) {
    rig.deliver(rig.frameIn());
    rig.send(rig.frameOut());
    rig.run(trial.random.below(2_000_000));
    const from = rig.now;
    rig.asDriver('quiesce', () => {
      quiesce_all();
      unquiesce_all();
    });
    const took = rig.now - from;
    trial.expect(took <= NUMBERS.quiesceNs, 'thread', `it took ${took} ns to quiesce`);
  }
  ifp.if_input = if_input;
  trial.needs(rig.exchange());
}

/** All ones from the n-th access on. */
function pulled(trial: Trial): void {
  for (const point of [0, 1, 2, 3, 5, 8, 13]) {
    const rig = trial.working();
    const { card } = rig;
    let count = 0;
    let instant = -1;
    let out = false;
    let reads = 0;
    card.onAccess = (_register, write) => {
      if (!out && count++ === point) {
        out = true;
        card.pull();
      }
      const now = rig.machine.cpu.now();
      // With costs time passes at each read: then one callback is what comes in less than a second.
      if (now - instant > SECOND / 10) {
        instant = now;
        reads = 0;
      }
      if (out && !write && ++reads > NUMBERS.stepLimit)
        trial.fail('driver', `more than ${NUMBERS.stepLimit} register reads after the card was pulled out`);
    };
    for (let i = 0; i < 4; i++) {
      rig.deliver(rig.frameIn());
      rig.send(rig.frameOut());
    }
    rig.run(10 * SECOND);
    rig.down();
    rig.unmount();
    card.onAccess = null;
  }
}

function flaps(trial: Trial): void {
  const rig = trial.working();
  const { card, device } = rig;
  const traffic = (): void => {
    for (let i = 0; i < 4; i++) {
      rig.deliver(rig.frameIn());
      rig.send(rig.frameOut(1000));
    }
  };
  for (let i = 0; i < 8; i++) {
    traffic();
    card.setLink(false);
    rig.run(50_000 * (i + 1));
    traffic();
    card.setLink(true);
    rig.run(i % 3 === 2 ? 2 * SECOND : 300_000);
  }
  rig.run(NUMBERS.linkNs);
  trial.expect(rig.linked, 'link', 'the link is not back 5 s after the last of eight flaps under load');
  const problem = rig.exchange();
  trial.expect(problem === '', 'link', `after the link flapped under load ${problem}`);
  const { text } = conservation(device);
  trial.expect(text === '', 'link', text);
}

function polls(trial: Trial): void {
  const rig = trial.rigUp();
  const { card } = rig;
  const counts = new Map<number, number>();
  let instant = -1;
  card.onAccess = (register, write) => {
    const now = rig.machine.cpu.now();
    if (now !== instant) {
      instant = now;
      counts.clear();
    }
    if (write) return;
    const count = (counts.get(register) ?? 0) + 1;
    counts.set(register, count);
    if (count > NUMBERS.polling)
      trial.fail('driver', `register 0x${register.toString(16)} is read ${count} times at one instant`);
  };
  rig.mount();
  trial.need(rig.up(), 'the link does not come up');
  trial.needs(rig.exchange());
  card.setLink(false);
  rig.run(5 * SECOND);
  card.setLink(true);
  rig.run(5 * SECOND);
  rig.down();
  rig.up();
  rig.down();
  rig.unmount();
  card.onAccess = null;
}
