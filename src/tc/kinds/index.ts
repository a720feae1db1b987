// Every kind of discipline that tc knows, by name.

import type { QdiscKind } from '../kind.ts';
import { bfifo, pfifo, pfifoFast } from './fifo.ts';
import { tbf } from './tbf.ts';

const ALL: readonly QdiscKind[] = [pfifo, bfifo, pfifoFast, tbf];

export const QDISC_KINDS: ReadonlyMap<string, QdiscKind> = new Map(ALL.map((kind) => [kind.name, kind]));
