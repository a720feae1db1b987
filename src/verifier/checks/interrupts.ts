// The interrupt side: ISR, masking, the way back from polling. An adversary delivers frames, and pulls at the shared line, at
// each point where the driver touches a register.

import { NUMBERS } from '../numbers.ts';
import type { Rig } from '../rig.ts';
import type { Check, Trial } from '../trial.ts';

const SECOND = 1_000_000_000;

export const INTERRUPT_CHECKS: readonly Check[] = [
  { rules: ['I03'], bound: 'any', run: claims },
  { rules: ['I04'], bound: 'any', run: lostEvent },
  { rules: ['I05'], bound: 'any', run: storm },
  { rules: ['I06'], bound: 'any', run: unmaskedEarly },
  { rules: ['P11'], bound: 'loaded', run: balance },
  { rules: ['P12'], bound: 'io-pkt', run: raisedInAttach },
  { rules: ['P13'], bound: 'io-pkt', run: sharedBeforeEnable },
];

function claims(trial: Trial): void {
  const rig = trial.working();
  const { line } = rig;
  for (let i = 0; i < 20; i++) {
    const spurious = line.spurious;
    rig.deliver(rig.frameIn());
    rig.send(rig.frameOut());
    rig.run(1_000_000);
    trial.expect(line.spurious === spurious, 'ISR', 'an interrupt of its card was taken by nobody');
  }
  const io = rig.ioOrNull;
  if (io === null) return;
  // Another device on the line asks. An ISR that masks the line cannot tell whose it was.
  rig.run(SECOND);
  const neighbour = line.addAction('neighbour', () => true);
  const queued = rig.source.calls;
  const { actions } = io.interrupts;
  let masked = 0;
  const watch = line.addAction('watch', () => {
    masked = rig.masks;
    return false;
  });
  line.pulse();
  rig.run(1_000_000);
  line.removeAction(watch);
  line.removeAction(neighbour);
  trial.expect(
    masked > 0 || (io.interrupts.actions === actions && rig.source.calls === queued),
    'ISR',
    'the interrupt of another device on its line was claimed without a look at the cause',
  );
}

function lostEvent(trial: Trial): void {
  const rig = trial.working();
  const { card } = rig;
  for (let point = 0; point < NUMBERS.points; point++) {
    let count = 0;
    let second: Uint8Array | null = null;
    let at = 0;
    card.onAccess = () => {
      if (second !== null || count++ < point) return;
      second = rig.frameIn();
      at = rig.machine.cpu.now();
      rig.deliver(second);
    };
    const first = rig.frameIn();
    rig.deliver(first);
    rig.run(NUMBERS.wakeUpNs / 10);
    card.onAccess = null;
    trial.need(rig.got(first), 'frames do not come in');
    // Beyond the last access of this interrupt.
    if (second === null) return;
    const late = second;
    const came = rig.until(() => rig.got(late), NUMBERS.wakeUpNs);
    trial.expect(
      came,
      'interrupt thread',
      `a frame that came at ${at} ns, before register access ${point + 1} of an interrupt, is not delivered`,
    );
    rig.forget();
  }
}

function storm(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  const { line } = rig;
  trial.need(rig.up(), 'the link does not come up');
  for (let i = 0; i < 4; i++) {
    const { delivered } = line;
    rig.deliver(rig.frameIn());
    rig.send(rig.frameOut());
    rig.run(10_000_000);
    const count = line.delivered - delivered;
    trial.expect(
      count < NUMBERS.storm,
      'ISR',
      () =>
        `two frames made ${count} interrupts${line.shut === '' ? '' : `; the line was shut: ${line.shut}`}`,
    );
  }
}

function unmaskedEarly(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  trial.need(rig.up(), 'the link does not come up');
  const first = rig.frameIn();
  rig.deliver(first);
  const came = rig.until(() => rig.got(first), NUMBERS.wakeUpNs);
  // An interrupt there has been, for something else.
  trial.expect(
    came || rig.ioOrNull === null || rig.source.calls === 0,
    'enable',
    'after an interrupt no frame comes in: the card is never unmasked',
  );
  trial.need(came, 'not even one frame comes in');
  const second = rig.frameIn();
  rig.deliver(second);
  trial.expect(
    rig.until(() => rig.got(second), NUMBERS.wakeUpNs),
    'enable',
    'after the first interrupt no other one comes: the card is never unmasked',
  );
  // An io-net driver does not mask its card: the kernel masks the line.
  if (rig.kind === 'io-pkt') whilePolled(trial, rig);
}

/** A frame at each register access while the entry is processed: no ISR may come. */
function whilePolled(trial: Trial, rig: Rig): void {
  const { card, source } = rig;
  const { inter } = source;
  const { func } = inter;
  let inside = false;
  /** ISRs that came while the entry was processed. */
  let came = 0;
  inter.func = (arg, wtp) => {
    const { spurious } = inter;
    inside = true;
    try {
      return func!(arg, wtp);
    } finally {
      inside = false;
      came += inter.spurious - spurious;
    }
  };
  for (let point = 0; point < NUMBERS.points / 4; point++) {
    let count = 0;
    let done = false;
    card.onAccess = () => {
      if (done || !inside || count++ < point) return;
      done = true;
      rig.deliver(rig.frameIn());
    };
    rig.deliver(rig.frameIn());
    rig.run(1_000_000);
    card.onAccess = null;
    trial.expect(
      came === 0,
      'process_interrupt',
      'the card interrupted while its entry was still being processed: it was unmasked too early',
    );
  }
  inter.func = func;
}

function balance(trial: Trial): void {
  const rig = trial.working();
  for (let i = 0; i < 20; i++) {
    for (let k = 0; k <= i % 4; k++) rig.deliver(rig.frameIn());
    rig.send(rig.frameOut());
    rig.run(1_000_000);
  }
  rig.run(SECOND);
  trial.expect(rig.masks === 0, 'idle', `${rig.masks} masks of its interrupt are not taken back at idle`);
  rig.down();
  rig.up();
  trial.expect(rig.masks === 0, 'idle', `${rig.masks} masks of its interrupt are left after stop and init`);
}

function raisedInAttach(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  const { line } = rig;
  const { addAction } = line;
  let raised = 0;
  line.addAction = (name, handler) => {
    const action = addAction.call(line, name, handler);
    raised++;
    // Before InterruptAttach returns. Somebody else's interrupt will do, on a shared line.
    line.pulse();
    return action;
  };
  const open = rig.up();
  line.addAction = addAction;
  trial.need(open && raised > 0, 'InterruptAttach is not called by init');
  rig.run(SECOND);
  trial.expect(
    rig.masks === 0,
    'ISR',
    'an interrupt inside of InterruptAttach is never unmasked: its ISR did not keep the iid it was given',
  );
  const problem = rig.exchange(NUMBERS.wakeUpNs);
  trial.expect(problem === '', 'ISR', `after an interrupt inside of InterruptAttach ${problem}`);
}

function sharedBeforeEnable(trial: Trial): void {
  const rig = trial.working();
  const { line, source } = rig;
  const { inter } = source;
  const { enable } = inter;
  const before = line.delivered;
  rig.deliver(rig.frameIn());
  rig.run(1_000_000);
  trial.need(line.delivered - before < NUMBERS.storm, 'every interrupt is a storm');
  const neighbour = line.addAction('neighbour', () => true);
  let done = false;
  inter.enable = (arg) => {
    if (!done) {
      done = true;
      // on_list is clear, and the card still masked: a frame, and the interrupt of another device on the line.
      rig.deliver(rig.frameIn());
      line.pulse();
    }
    return enable!(arg);
  };
  const { delivered } = line;
  const frame = rig.frameIn();
  rig.deliver(frame);
  rig.run(1_000_000);
  inter.enable = enable;
  trial.expect(
    line.delivered - delivered < NUMBERS.storm && line.shut === '',
    'ISR',
    () =>
      `a shared interrupt between on_list and enable left the card unmasked: ${line.delivered - delivered} interrupts`,
  );
  const problem = rig.exchange(NUMBERS.wakeUpNs);
  line.removeAction(neighbour);
  trial.expect(problem === '', 'ISR', `after a shared interrupt between on_list and enable ${problem}`);
}
