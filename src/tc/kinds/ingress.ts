// ingress, clsact: tc(8).

import { Ingress } from '../../qdisc/ingress.ts';
import { defineKind, type QdiscKind } from '../kind.ts';

function hook(name: 'ingress' | 'clsact'): QdiscKind {
  return defineKind<Ingress, null>({
    name,
    usage: `... ${name}`,
    parse: (words) => {
      words.end(`nothing more: ${name} has no options`);
      return null;
    },
    make: () => new Ingress(name),
    print: () => {},
  });
}

export const ingress = hook('ingress');
export const clsact = hook('clsact');
