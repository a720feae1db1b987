// A buffer that must not be touched any more: every use of its fields is told.

import type { Mbuf } from '../../mbuf/mbuf.ts';

const FIELDS = [
  'next',
  'nextPacket',
  'data',
  'length',
  'flags',
  'packetLength',
  'device',
  'protocol',
  'checksumFlags',
] as const;

/** `onTouch` gets the field's name; returns how to take the trap away. */
export function trap(m: Mbuf, onTouch: (field: string) => void): () => void {
  const values = FIELDS.map((field) => m[field]);
  for (const [i, field] of FIELDS.entries()) {
    Object.defineProperty(m, field, {
      configurable: true,
      enumerable: true,
      get: () => {
        onTouch(field);
        return values[i];
      },
      set: () => onTouch(field),
    });
  }
  return () => {
    for (const [i, field] of FIELDS.entries()) {
      Object.defineProperty(m, field, {
        configurable: true,
        enumerable: true,
        writable: true,
        value: values[i],
      });
    }
  };
}
