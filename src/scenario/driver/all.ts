// The driver scenarios, in the order in which they run: what the later ones stand on comes first.

import type { Scenario } from '../scenario.ts';
import { bringUp, registerDump } from './bring-up.ts';
import { foundInDisorder, lostAndFound } from './faults.ts';
import { address, broadcast, multicast, promiscuous, unicast } from './filter.ts';
import { bursts, counters, everySize, giants, longRun, pieces, shortFrames } from './frames.ts';
import { modeChanges, probeAgain, restarts, selfTest, stopInFlight } from './life.ts';
import { doubleWordAccess, wordAccess } from './modes.ts';
import { link, openWithoutLink, receiveRingFull, transmitRingFull } from './rings.ts';

export const DRIVER_SCENARIOS: readonly Scenario[] = [
  bringUp,
  everySize,
  shortFrames,
  bursts,
  pieces,
  giants,
  unicast,
  broadcast,
  multicast,
  promiscuous,
  address,
  selfTest,
  link,
  openWithoutLink,
  receiveRingFull,
  transmitRingFull,
  modeChanges,
  restarts,
  stopInFlight,
  probeAgain,
  foundInDisorder,
  lostAndFound,
  wordAccess,
  doubleWordAccess,
  registerDump,
  counters,
  longRun,
];
