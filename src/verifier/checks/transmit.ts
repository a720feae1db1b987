// Sending: the queue, the ring, and what becomes of each packet.

import { conservation } from '../../net/conservation.ts';
import { DROP_QDISC_RESET } from '../../net/drop-reason.ts';
import { compare, padded } from '../../scenario/frames.ts';
import { NUMBERS } from '../numbers.ts';
import type { Rig } from '../rig.ts';
import { type Check, Found, type Trial } from '../trial.ts';

const SECOND = 1_000_000_000;
/** More than any ring and queue here would take at once without waiting. */
const FLOOD = 150;

export const TRANSMIT_CHECKS: readonly Check[] = [
  { rules: ['P05'], bound: 'io-pkt', run: everyPath },
  { rules: ['P06'], bound: 'io-pkt', run: fragments },
  { rules: ['N09'], bound: 'any', run: freed },
  { rules: ['N10'], bound: 'stopping', run: wakes },
  { rules: ['B07'], bound: 'any', run: accounted },
];

/** start() on each of its paths; whether it gives the mutex back is seen by the interface. */
function everyPath(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  start(rig);
  trial.need(rig.up(), 'the link does not come up');
  start(rig);
  for (let i = 0; i < FLOOD; i++) rig.send(rig.frameOut(1000));
  rig.run(SECOND);
  const restore = rig.failBuffers();
  overFragmented(rig);
  restore();
  rig.card.setLink(false);
  start(rig);
  rig.run(5 * SECOND);
  start(rig);
  rig.send(rig.frameOut());
  rig.card.setLink(true);
  rig.run(5 * SECOND);
  rig.down();
  start(rig);
}

function start(rig: Rig): void {
  const { device, machine } = rig;
  machine.process(() => device.ops.start!(device.txQueues[0]));
}

function overFragmented(rig: Rig): Uint8Array {
  const frame = rig.frameOut(600);
  rig.send(
    frame,
    Array.from({ length: 40 }, () => 14),
  );
  return frame;
}

function fragments(trial: Trial): void {
  const rig = trial.working();
  const { ifp, card, random } = { ifp: rig.ifp, card: rig.card, random: trial.random };
  const drops = ifp.if_netdev!.drops;
  for (let i = 0; i < 60; i++) {
    const frame = rig.frameOut(60 + random.below(500));
    const pieces = 1 + random.below(40);
    const cuts = Array.from({ length: pieces }, () => (random.chance(0.4) ? 0 : random.below(60)));
    const errors = ifp.if_oerrors;
    const resets = drops[DROP_QDISC_RESET];
    card.sent.length = 0;
    rig.send(frame, cuts);
    rig.run(2_000_000);
    const [got] = card.sent;
    if (got === undefined) {
      const counted = ifp.if_oerrors - errors === 1 && drops[DROP_QDISC_RESET] === resets;
      trial.expect(counted, 'start()', `a packet of ${pieces} pieces vanished and no counter tells`);
      continue;
    }
    const problem = compare(got, padded(frame));
    trial.expect(problem === '', 'start()', `a packet in pieces ${cuts.join(',')} left changed: ${problem}`);
    trial.expect(card.sent.length === 1, 'start()', `a packet of ${pieces} pieces became several frames`);
  }
}

function freed(trial: Trial): void {
  const rig = trial.working();
  for (let i = 0; i < 3; i++) rig.send(rig.frameOut());
  const empty = rig.until(() => rig.held === 0, NUMBERS.freedNs);
  if (!empty && rig.kind === 'io-net' && !freedByTraffic(rig))
    throw new Found('S02', 'idle', `${rig.held} packets that were sent do not come back by tx_done at all`);
  trial.expect(empty, 'idle', `${rig.held} packets that were sent are still held after 3 s without traffic`);
}

function freedByTraffic(rig: Rig): boolean {
  const { held } = rig;
  rig.send(rig.frameOut());
  rig.deliver(rig.frameIn());
  rig.run(SECOND);
  return rig.held < held;
}

function wakes(trial: Trial): void {
  const rig = trial.working();
  const frames: Uint8Array[] = [];
  for (let i = 0; i < FLOOD; i++) {
    const frame = rig.frameOut(1400);
    frames.push(frame);
    rig.send(frame);
  }
  // At 10 Mb/s this takes a fifth of a second.
  rig.run(SECOND);
  const { queued } = rig.device;
  trial.expect(
    queued === 0 && !rig.stopped,
    'idle',
    `the ring was full once, and now ${queued} packets wait${rig.stopped ? ' in a stopped queue' : ''}`,
  );
}

/** Everything that costs a driver packets, and then the sum. */
function accounted(trial: Trial): void {
  const rig = trial.working();
  const { device } = rig;
  for (let i = 0; i < 30; i++) {
    for (let k = 0; k < 3; k++) {
      rig.send(rig.frameOut(60 + trial.random.below(1455)));
      rig.deliver(rig.frameIn(60 + trial.random.below(1455)));
    }
    rig.run(1_000_000);
  }
  rig.run(10_000_000);
  // What the driver has freed without counting it is found by the look that follows each of its stack calls.
  rig.ioOrNull?.settle(rig.ifp.if_dev);
  trial.expect(
    device.drops[DROP_QDISC_RESET] === 0,
    'idle',
    () => `${device.drops[DROP_QDISC_RESET]} packets were freed and counted nowhere`,
  );
  const restore = rig.failBuffers();
  for (let i = 0; i < 5; i++) rig.deliver(rig.frameIn());
  rig.run(10_000_000);
  restore();
  rig.card.setLink(false);
  for (let i = 0; i < 5; i++) rig.send(rig.frameOut());
  rig.run(5 * SECOND);
  rig.card.setLink(true);
  rig.run(5 * SECOND);
  rig.down();
  const { text } = conservation(device);
  trial.expect(text === '', 'idle', text);
}
