// The checks there are.

import type { Check } from '../trial.ts';
import { CONTROL_CHECKS } from './control.ts';
import { CORE_CHECKS } from './core.ts';
import { FAULT_CHECKS } from './faults.ts';
import { INTERRUPT_CHECKS } from './interrupts.ts';
import { LIFECYCLE_CHECKS } from './lifecycle.ts';
import { ORDINARY_CHECKS } from './ordinary.ts';
import { RECEIVE_CHECKS } from './receive.ts';
import { TRANSMIT_CHECKS } from './transmit.ts';

export const CHECKS: readonly Check[] = [
  ...ORDINARY_CHECKS,
  ...LIFECYCLE_CHECKS,
  ...INTERRUPT_CHECKS,
  ...TRANSMIT_CHECKS,
  ...RECEIVE_CHECKS,
  ...CONTROL_CHECKS,
  ...FAULT_CHECKS,
  ...CORE_CHECKS,
];
