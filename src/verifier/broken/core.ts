// Drivers of the core's interface that break its rules.

import { CAUSE_LINK, GONE } from '../../iopkt/testing-card.ts';
import { type CoreFunctions, type CoreNic, coreSubject, poll, put, receiveOne } from '../testing-core.ts';
import type { BrokenDriver } from './broken.ts';

function brokenCore(rule: string, what: string, functions: Partial<CoreFunctions>): BrokenDriver {
  return { rule, what, subject: coreSubject(functions, `broken-${rule}`) };
}

/** Takes all that waits, or so much of it. */
function take(nic: CoreNic, most: number): number {
  let work = 0;
  while (work < most && nic.card.rxLength[nic.rxNext] > 0) {
    receiveOne(nic);
    work++;
  }
  return work;
}

export const BROKEN_CORE: readonly BrokenDriver[] = [
  brokenCore('N01', 'poll takes all that waits, whatever its budget', {
    poll(nic, budget) {
      if (budget === 0) return poll(nic, 0);
      const { card, napi } = nic;
      poll(nic, 0);
      const cause = card.readCause();
      if (cause !== GONE && (cause & CAUSE_LINK) !== 0) nic.device.setCarrier((card.readPhy(1) & 4) !== 0);
      poll(nic, 0);
      const work = take(nic, card.slots);
      if (napi.complete()) card.writeMask(false);
      return Math.min(work, budget - 1);
    },
  }),
  brokenCore('N02', 'poll completes when its budget is just used up', {
    poll(nic, budget) {
      const work = poll(nic, budget);
      const more = nic.card.rxLength[nic.rxNext] > 0;
      if (budget > 0 && work === budget && !more && nic.napi.complete()) nic.card.writeMask(false);
      return work;
    },
  }),
  brokenCore('N03', 'poll receives with a budget of 0', {
    poll(nic, budget) {
      if (budget > 0) return poll(nic, budget);
      poll(nic, 0);
      take(nic, nic.card.slots);
      return 0;
    },
  }),
  brokenCore('N06', 'open enables NAPI twice', {
    open(nic) {
      nic.napi.enable();
      nic.napi.enable();
    },
  }),
  brokenCore('B05', 'poll leaves the FCS in the packet length, and not in its member', {
    handUp({ device }, m) {
      m.packetLength += 4;
      device.receive(m);
    },
  }),
  brokenCore('N08', 'startXmit lets its ring run full and says busy', {
    startXmit(nic, m) {
      if (nic.txFree === 0) {
        nic.device.txQueues[0].stop();
        return false;
      }
      put(nic, m);
      return true;
    },
  }),
];
