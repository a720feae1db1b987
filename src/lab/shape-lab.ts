// The lab of `softnet shape`: two interfaces of this computer's kernel with a box between them that passes everything on, and
// queueing disciplines where packets leave it.
//
//   kernel ══ LEFT ══► box ──[ discipline of RIGHT ]──► RIGHT ══ kernel
//                      box ◄─[ discipline of LEFT ]─── (the other way)

import { stringify } from 'yaml';
import { parseNetwork } from '../inet/address.ts';

/** One side: an interface to be made in the kernel. */
export interface ShapeSide {
  name: string;
  /** Made by `ip netns add`. */
  namespace?: string;
  /** Like 10.0.0.1/24. */
  address?: string;
}

/** Linux's: IFNAMSIZ, with the NUL. */
const IFNAMSIZ = 16;

/** Reads NAME[@NAMESPACE][=ADDRESS/PREFIX]. Throws an Error that says what would be right. */
export function parseSide(text: string): ShapeSide {
  const parts = /^([^@=\s/]+)(?:@([^@=\s/]+))?(?:=(.+))?$/.exec(text);
  if (parts === null)
    throw new Error(
      `"${text}" is no interface: NAME[@NAMESPACE][=ADDRESS/PREFIX], like left@one=10.0.0.1/24`,
    );
  const [, name, namespace, address] = parts;
  if (!/^[a-zA-Z][\w-]*$/.test(name))
    throw new Error(`"${name}" is no name for an interface here: a letter, then letters, digits, _ and -`);
  if (name.length >= IFNAMSIZ)
    throw new Error(`"${name}" is too long for an interface: ${IFNAMSIZ - 1} letters at most`);
  if (address !== undefined) parseNetwork(address);
  return { name, namespace, address };
}

/** The lab file. `tc`: lines as tc(8) has them, whose devices are the names of the sides. */
export function shapeLabText(left: ShapeSide, right: ShapeSide, tc: readonly string[], seed: number): string {
  if (left.name === right.name) throw new Error(`${left.name} twice: two interfaces are wanted`);
  const sides = [left, right];
  return stringify({
    name: 'shape',
    seed,
    hosts: {
      box: {
        profile: 'ideal',
        mbufs: 32_768,
        clusters: 16_384,
        bridge: sides.map(({ name }) => name),
        nics: sides.map(({ name }) => ({ name, chip: 'none' })),
        ...(tc.length > 0 ? { tc } : {}),
      },
    },
    links: Object.fromEntries(
      sides.map((side) => [
        `${side.name}-cable`,
        { between: [`${side.name}-tap`, `box.${side.name}`], rate: 'unlimited', delay: 0 },
      ]),
    ),
    ports: Object.fromEntries(sides.map((side) => [`${side.name}-tap`, { kind: 'tap', ...side }])),
  });
}
