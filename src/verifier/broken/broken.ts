// A driver that breaks one rule: the driver of the io-pkt tests, with the function replaced that the rule is about.

import type { DriverFunctions } from '../../iopkt/testing-softc.ts';
import { type VerifierSubject, xxSubject } from '../subjects.ts';

export interface BrokenDriver {
  readonly rule: string;
  /** What it does wrong. */
  readonly what: string;
  readonly subject: VerifierSubject;
}

export function broken(
  rule: string,
  what: string,
  functions: Partial<DriverFunctions>,
  variants: readonly (string | null)[] = [null],
): BrokenDriver {
  return { rule, what, subject: xxSubject(functions, `broken-${rule}`, variants) };
}

/** State of a broken driver's own, one for each of its cards. */
export function perCard<T>(make: () => T): (sc: object) => T {
  const all = new WeakMap<object, T>();
  return (sc) => {
    let state = all.get(sc);
    if (state === undefined) {
      state = make();
      all.set(sc, state);
    }
    return state;
  };
}
