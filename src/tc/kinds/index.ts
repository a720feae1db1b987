// Every kind of discipline that tc knows, by name.

import type { QdiscKind } from '../kind.ts';
import { choke } from './choke.ts';
import { codel } from './codel.ts';
import { drr } from './drr.ts';
import { bfifo, pfifo, pfifoFast } from './fifo.ts';
import { fq } from './fq.ts';
import { fqCodel } from './fq-codel.ts';
import { htb } from './htb.ts';
import { clsact, ingress } from './ingress.ts';
import { mq, mqprio } from './mq.ts';
import { netem } from './netem.ts';
import { prio } from './prio.ts';
import { red } from './red.ts';
import { sfq } from './sfq.ts';
import { tbf } from './tbf.ts';

const ALL: readonly QdiscKind[] = [
  pfifo,
  bfifo,
  pfifoFast,
  tbf,
  htb,
  prio,
  drr,
  sfq,
  red,
  codel,
  fqCodel,
  fq,
  choke,
  netem,
  mq,
  mqprio,
  ingress,
  clsact,
];

export const QDISC_KINDS: ReadonlyMap<string, QdiscKind> = new Map(ALL.map((kind) => [kind.name, kind]));
