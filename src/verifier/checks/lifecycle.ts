// Attach, init, stop, detach: what they take and give back.

import { ErrnoError } from '../../iopkt/errno.ts';
import { IFF_RUNNING } from '../../iopkt/flags.ts';
import { NUMBERS } from '../numbers.ts';
import { changes, type Rig } from '../rig.ts';
import type { Check, Trial } from '../trial.ts';

const SECOND = 1_000_000_000;
/** Buffers after which an init gets none: not one, and in the middle of a ring. */
const BUFFERS_THEN_NONE = [0, 1, 5];

export const LIFECYCLE_CHECKS: readonly Check[] = [
  { rules: ['P01'], bound: 'io-pkt', run: initAgain },
  { rules: ['P02'], bound: 'io-pkt', run: initWhileDying },
  { rules: ['P03'], bound: 'io-pkt', run: stopAndInit },
  { rules: ['I01'], bound: 'stopping', run: handlerAfterStop },
  { rules: ['F01'], bound: 'stopping', run: noResources },
  { rules: ['F02'], bound: 'stopping', run: detach },
  { rules: ['N12'], bound: 'stopping', run: quietAfterStop },
  { rules: ['N16'], bound: 'any', run: badAddress },
];

function initAgain(trial: Trial): void {
  const rig = trial.working();
  const once = rig.census();
  for (const times of NUMBERS.inits) {
    for (let i = 1; i < times; i++) rig.io.protocolStarts('another protocol');
    const more = changes(once, rig.census(), 'more');
    trial.expect(more === '', 'if_init', () => `${times} calls of init left more than one did: ${more}`);
  }
}

function initWhileDying(trial: Trial): void {
  earlyStop(trial);
  const rig = trial.working();
  const { card, ifp } = rig;
  const dev = ifp.if_dev!;
  let tried = false;
  card.onAccess = () => {
    if (tried || !dev.dv_leaving) return;
    tried = true;
    const before = card.accesses;
    // An address comes while the driver is being detached.
    rig.io.call(dev, 'if_init', () => ifp.if_init!(ifp));
    const touched = card.accesses - before;
    trial.expect(
      touched === 0 && (rig.line.handlers.length <= 1 || !ifp.running),
      'detach',
      `an init during detach made ${touched} register accesses: nothing must start any more`,
    );
  };
  rig.unmount();
  card.onAccess = null;
  trial.need(tried, 'detach of an interface that is up does not touch the card');
}

function earlyStop(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  const { ifp } = rig;
  const before = rig.census();
  rig.asDriver('stop before init', () => ifp.if_stop!(ifp, 0));
  rig.asDriver('stop before init', () => ifp.if_stop!(ifp, 1));
  const more = changes(before, rig.census(), 'more');
  trial.expect(more === '', 'if_stop', `a stop before the first init took something: ${more}`);
  trial.expect((ifp.if_flags & IFF_RUNNING) === 0, 'if_stop', 'a stop before the first init left it running');
  trial.need(rig.up(), 'the link does not come up');
}

function stopAndInit(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  const { ifp } = rig;
  const attached = rig.census();
  trial.need(rig.up(), 'the link does not come up');
  trial.needs(rig.exchange());
  for (let round = 1; round <= 3; round++) {
    rig.down();
    rig.asDriver('stop again', () => ifp.if_stop!(ifp, 1));
    rig.asDriver('stop again', () => ifp.if_stop!(ifp, 0));
    const less = changes(attached, rig.census(), 'less');
    trial.expect(less === '', 'if_stop', () => `stop gave back what attach had made: ${less}`);
    const back = rig.up();
    trial.expect(back, 'if_init', `after ${round} times stop and init there is no link`);
    const problem = rig.exchange();
    trial.expect(problem === '', 'if_init', () => `after ${round} times stop and init ${problem}`);
  }
}

function handlerAfterStop(trial: Trial): void {
  const rig = trial.working();
  rig.down();
  trial.expect(rig.line.handlers.length === 0, 'stop', 'the interrupt handler is still attached after stop');
  failingInit(rig, (error) => {
    trial.need(error !== '', 'an init without buffers succeeds');
    trial.expect(
      rig.line.handlers.length === 0,
      'init',
      `an init that failed (${error}) left its interrupt handler`,
    );
  });
}

/** An open for which there are no buffers; why it failed, or empty. */
function failingInit(rig: Rig, judgeIt: (error: string) => void, after = 0): void {
  const restore = rig.failBuffers(after);
  let error = '';
  try {
    rig.open();
  } catch (thrown) {
    if (!(thrown instanceof ErrnoError) && rig.ioOrNull !== null) throw thrown;
    error = (thrown as Error).message;
  } finally {
    restore();
  }
  judgeIt(error);
}

function noResources(trial: Trial): void {
  badOptions(trial);
  for (const after of BUFFERS_THEN_NONE) {
    const rig = trial.rigUp();
    const before = rig.census();
    rig.mount();
    const attached = rig.census();
    failingInit(
      rig,
      (error) => {
        trial.expect(error !== '', 'init', `init says that all is well with ${after} buffers for its ring`);
        trial.expect(
          rig.ioOrNull === null || !rig.ifp.running,
          'init',
          `init failed for want of buffers (${error}) and left RUNNING`,
        );
        const left = changes({ ...attached, buffers: 0 }, { ...rig.census(), buffers: 0 }, 'more');
        trial.expect(left === '', 'init', `init failed for want of buffers and left ${left}`);
      },
      after,
    );
    const back = rig.up();
    trial.expect(back && rig.exchange() === '', 'init', 'it does not work when there are buffers again');
    rig.down();
    rig.unmount();
    const leaked = changes(before, rig.census(), 'more');
    trial.expect(leaked === '', 'detach', `after an init that failed, detach leaves ${leaked}`);
  }
}

/** Wrong options of drivers that io-pkt loads: attach fails, says so, and leaves nothing. */
export function badOptions(trial: Trial): void {
  const rig = trial.rigUp();
  if (rig.ioOrNull === null) return;
  const before = rig.census();
  for (const options of ['nosuchoption', 'speed=100', 'mac=12']) {
    let failed = false;
    try {
      rig.mount(options);
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      failed = true;
    }
    trial.expect(failed, 'attach', `options "${options}" are taken as if they were right`);
    const left = changes(before, rig.census(), 'more');
    trial.expect(left === '', 'attach', `attach failed and left ${left}`);
  }
  rig.mount();
}

function detach(trial: Trial): void {
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
    trial.expect(left === '', 'detach', `detach left ${left}`);
    // Whatever was left behind and comes now is an error by itself.
    rig.run(5 * SECOND);
  }
}

function quietAfterStop(trial: Trial): void {
  const rig = trial.working();
  const { machine, card, host } = rig;
  for (let i = 0; i < 4; i++) rig.send(rig.frameOut());
  rig.down();
  // The frame that is on the wire leaves.
  rig.run(2_000_000);
  const { u8 } = machine.memory;
  const memory = u8.slice();
  const sent = card.sent.length;
  const { count } = host;
  for (let i = 0; i < 8; i++) rig.deliver(rig.frameIn());
  rig.run(5 * SECOND);
  trial.expect(host.count === count, 'after stop', 'a packet was passed up after stop');
  trial.expect(card.sent.length === sent, 'after stop', 'a frame was sent after stop');
  const at = firstDifference(memory, u8);
  trial.expect(at < 0, 'after stop', `the card wrote to memory at 0x${at.toString(16)} after stop`);
}

export function firstDifference(before: Uint8Array, now: Uint8Array): number {
  // Words first: memories are large.
  const words = before.length >> 2;
  const a = new Uint32Array(before.buffer, before.byteOffset, words);
  const b = new Uint32Array(now.buffer, now.byteOffset, words);
  for (let i = 0; i < words; i++) if (a[i] !== b[i]) return i << 2;
  return -1;
}

function badAddress(trial: Trial): void {
  const bad = [
    [0, 0, 0, 0, 0, 0],
    [0x01, 0x00, 0x5e, 0x01, 0x02, 0x03],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  ];
  for (const octets of bad) {
    const rig = trial.rigUp({ mac: Uint8Array.from(octets) });
    const before = rig.census();
    let failed = false;
    try {
      rig.mount();
    } catch (error) {
      if (rig.ioOrNull !== null && !(error instanceof ErrnoError)) throw error;
      failed = true;
    }
    if (!failed) {
      const taken = [...rig.device.address].join(',');
      trial.expect(
        taken !== octets.join(','),
        'attach',
        `a card whose address is ${octets.join(',')} comes up as an interface`,
      );
      continue;
    }
    const left = changes(before, rig.census(), 'more');
    trial.expect(left === '', 'attach', `refusing the card left ${left}`);
  }
}
