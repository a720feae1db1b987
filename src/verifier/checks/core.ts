// NAPI and the transmit queue, of drivers of the core's own interface. Budgets are tried by polls of the check's own, while the
// card's line is held.

import type { Napi } from '../../net/napi.ts';
import type { Rig } from '../rig.ts';
import type { Check, Trial } from '../trial.ts';

const BUDGET = 4;
const WAITING = 10;
/** More than any ring here. */
const FLOOD = 150;
const SECOND = 1_000_000_000;

export const CORE_CHECKS: readonly Check[] = [
  { rules: ['N01'], bound: 'core', run: overBudget },
  { rules: ['N02'], bound: 'core', run: completedAllTheSame },
  { rules: ['N03'], bound: 'core', run: noBudget },
  { rules: ['N08'], bound: 'core', run: busy },
];

function overBudget(trial: Trial): void {
  const { work, received } = pollOnce(trial, WAITING, BUDGET);
  const most = Math.max(work, received);
  trial.expect(most <= BUDGET, 'poll', `a poll with a budget of ${BUDGET} did ${most} packets of work`);
}

function completedAllTheSame(trial: Trial): void {
  const { work, completed } = pollOnce(trial, BUDGET, BUDGET);
  trial.need(work > 0, 'a poll with frames waiting does nothing');
  trial.expect(
    work < BUDGET || !completed,
    'poll',
    `a poll says that it used its whole budget of ${BUDGET}, and has completed`,
  );
}

function noBudget(trial: Trial): void {
  const { work, received, completed } = pollOnce(trial, WAITING, 0);
  trial.expect(
    work === 0 && received === 0,
    'poll',
    `a poll with a budget of 0 received ${received} packets`,
  );
  trial.expect(!completed, 'poll', 'a poll with a budget of 0 completed');
}

interface Polled {
  work: number;
  /** Packets that reached the protocols in it. */
  received: number;
  completed: boolean;
}

function pollOnce(trial: Trial, waiting: number, budget: number): Polled {
  const rig = trial.rigUp();
  const napi = capture(rig);
  rig.mount();
  trial.need(rig.up(), 'the link does not come up');
  trial.needs(rig.exchange());
  rig.run(SECOND);
  const instance = napi();
  trial.need(instance !== null, 'it does not schedule NAPI');
  const { line, host, machine } = rig;
  line.disable();
  for (let i = 0; i < waiting; i++) rig.deliver(rig.frameIn());
  const { count } = host;
  const polled = machine.process(() => poll(instance!, budget, () => host.count - count));
  line.enable();
  rig.run(SECOND);
  const all = host.count - count;
  trial.need(all === waiting, `of ${waiting} frames that waited ${all} came in`);
  return polled;
}

/** As the softirq does it; what it has not finished goes on from there. */
function poll(napi: Napi, budget: number, receivedSoFar: () => number): Polled {
  const mine = budget > 0 && napi.schedulePrep();
  napi.completed = false;
  const work = napi.poll(budget);
  const { completed } = napi;
  const received = receivedSoFar();
  if (mine && !completed) napi.schedule();
  return { work, received, completed };
}

/** The instance that the driver schedules first. */
function capture(rig: Rig): () => Napi | null {
  const { softnet } = rig.layer;
  const { addToPollList } = softnet;
  let first: Napi | null = null;
  softnet.addToPollList = (napi) => {
    first ??= napi;
    addToPollList.call(softnet, napi);
  };
  return () => first;
}

function busy(trial: Trial): void {
  const rig = trial.working();
  const [queue] = rig.device.txQueues;
  for (let i = 0; i < FLOOD; i++) rig.send(rig.frameOut(1000));
  rig.run(SECOND);
  trial.expect(
    queue.busies === 0,
    'startXmit',
    `it said ${queue.busies} times that it is busy, with ${FLOOD} packets to send`,
  );
}
