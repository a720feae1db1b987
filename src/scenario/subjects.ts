// Which subjects there are, by the names the lab file has for chips.

import { type I8255xModel, MODELS } from '../chips/i8255x/models.ts';
import { modelSubject } from './model-subject.ts';
import type { OpenSubject } from './subject.ts';

/** Our models first: what fails there need not be looked for in QEMU. */
export const SUBJECT_NAMES = ['pcnet', 'am79c970a', 'qemu:pcnet'] as const;

/** The members of the 8255x family that QEMU has. */
export const QEMU_I8255X = [
  'i82550',
  'i82551',
  'i82557a',
  'i82557b',
  'i82557c',
  'i82558a',
  'i82558b',
  'i82559a',
  'i82559b',
  'i82559c',
  'i82559er',
  'i82562',
  'i82801',
] as const;

/** The same for the 8255x: our models, then QEMU's. */
export const I8255X_SUBJECT_NAMES: readonly string[] = [
  ...Object.keys(MODELS),
  ...QEMU_I8255X.map((model) => `qemu:${model}`),
];

/** How to open a subject. `now` is for those in real time. Throws with the names there are. */
export function subjectNamed(name: string, now: () => number): OpenSubject {
  if (name === 'pcnet') return modelSubject(name, 'Am79C973');
  if (name === 'am79c970a') return modelSubject(name, 'Am79C970A');
  if (Object.hasOwn(MODELS, name)) return modelSubject(name, name as I8255xModel);
  if (name !== 'qemu:pcnet' && !I8255X_SUBJECT_NAMES.includes(name)) {
    const names = [...SUBJECT_NAMES, ...I8255X_SUBJECT_NAMES];
    throw new RangeError(`no subject is called "${name}"; there are: ${names.join(', ')}`);
  }
  // Only now: it calls into the C library, which whoever has no QEMU need not be able to.
  return async (options) => {
    const { qemuSubject } = await import('./qemu-subject.ts');
    return qemuSubject(name, now, name.slice('qemu:'.length))(options);
  };
}
