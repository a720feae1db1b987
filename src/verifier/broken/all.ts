// One broken driver for each rule.

import type { BrokenDriver } from './broken.ts';
import { BROKEN_BUFFERS } from './buffers.ts';
import { BROKEN_CONTROL } from './control.ts';
import { BROKEN_CORE } from './core.ts';
import { BROKEN_INTERRUPT } from './interrupt.ts';
import { BROKEN_SHIMMED } from './ionet.ts';
import { BROKEN_LIFECYCLE } from './lifecycle.ts';
import { BROKEN_LOCKS } from './locks.ts';
import { BROKEN_TRAFFIC } from './traffic.ts';

export const BROKEN_DRIVERS: readonly BrokenDriver[] = [
  ...BROKEN_INTERRUPT,
  ...BROKEN_TRAFFIC,
  ...BROKEN_LOCKS,
  ...BROKEN_LIFECYCLE,
  ...BROKEN_CONTROL,
  ...BROKEN_CORE,
  ...BROKEN_BUFFERS,
  ...BROKEN_SHIMMED,
];
