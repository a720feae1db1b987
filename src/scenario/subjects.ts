// Which subjects there are, by the names the lab file has for chips.

import { modelSubject } from './model-subject.ts';
import type { OpenSubject } from './subject.ts';

/** Our models first: what fails there need not be looked for in QEMU. */
export const SUBJECT_NAMES = ['pcnet', 'am79c970a', 'qemu:pcnet'] as const;

/** How to open a subject. `now` is for those in real time. Throws with the names there are. */
export function subjectNamed(name: string, now: () => number): OpenSubject {
  switch (name) {
    case 'pcnet':
      return modelSubject(name, 'Am79C973');
    case 'am79c970a':
      return modelSubject(name, 'Am79C970A');
    case 'qemu:pcnet':
      // Only now: it calls into the C library, which whoever has no QEMU need not be able to.
      return async (options) => {
        const { qemuSubject } = await import('./qemu-subject.ts');
        return qemuSubject(name, now)(options);
      };
    default:
      throw new RangeError(`no subject is called "${name}"; there are: ${SUBJECT_NAMES.join(', ')}`);
  }
}
