// drr: tc-drr(8).

import { Drr, type DrrClass, type DrrClassOptions } from '../../qdisc/drr.ts';
import { defineClasses, defineKind } from '../kind.ts';
import { printSize } from '../units.ts';
import { ETH_HLEN, readOptions } from './read.ts';

const classes = defineClasses<Drr, Partial<DrrClassOptions>>({
  usage: '... drr [ quantum SIZE ]',
  parse(words, given, now) {
    const options: Partial<DrrClassOptions> = now === null ? { quantum: given.mtu + ETH_HLEN } : {};
    readOptions(words, {
      quantum: (word) => {
        options.quantum = words.size(word);
      },
    });
    return options;
  },
  add(qdisc, minor, parent, options) {
    if (parent !== 0) throw new RangeError('drr: a class below another: the parent must be the discipline');
    qdisc.addClass(minor, options);
  },
  change: (qdisc, minor, options) => qdisc.changeClass(minor, options),
});

export const drr = defineKind<Drr, null>({
  name: 'drr',
  usage: '... drr',
  parse(words) {
    words.end('nothing more: drr has no options, its classes have');
    return null;
  },
  make: (env) => new Drr(env),
  change: () => {},
  print: () => {},
  classes,
  printClass(out, _, one) {
    const { quantum } = one as DrrClass;
    out.put(`quantum ${printSize(quantum)}`, 'quantum', quantum);
  },
  printClassStats(out, _, one) {
    const { deficit } = one as DrrClass;
    out.line(` deficit ${printSize(deficit)} `).put('', 'deficit', deficit);
  },
});
