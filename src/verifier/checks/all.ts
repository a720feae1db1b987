// The checks there are.

import type { Check } from '../trial.ts';
import { BUFFER_CHECKS } from './buffers.ts';
import { CONTROL_CHECKS } from './control.ts';
import { CORE_CHECKS } from './core.ts';
import { FAULT_CHECKS } from './faults.ts';
import { HOSTILE_CHECKS } from './hostile.ts';
import { INTERRUPT_CHECKS } from './interrupts.ts';
import { IONET_CHECKS } from './ionet.ts';
import { IONET_LIFE_CHECKS } from './ionet-life.ts';
import { LIFECYCLE_CHECKS } from './lifecycle.ts';
import { ORDINARY_CHECKS } from './ordinary.ts';
import { RECEIVE_CHECKS } from './receive.ts';
import { REGISTRATION_CHECKS } from './registration.ts';
import { TRANSMIT_CHECKS } from './transmit.ts';

export const CHECKS: readonly Check[] = [
  ...ORDINARY_CHECKS,
  ...LIFECYCLE_CHECKS,
  ...INTERRUPT_CHECKS,
  ...TRANSMIT_CHECKS,
  ...RECEIVE_CHECKS,
  ...CONTROL_CHECKS,
  ...FAULT_CHECKS,
  ...BUFFER_CHECKS,
  ...REGISTRATION_CHECKS,
  ...CORE_CHECKS,
  ...HOSTILE_CHECKS,
  ...IONET_CHECKS,
  ...IONET_LIFE_CHECKS,
];
