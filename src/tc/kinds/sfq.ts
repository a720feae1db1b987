// sfq: tc-sfq(8), without its RED mode.

import { Sfq, type SfqOptions } from '../../qdisc/sfq.ts';
import { defineKind } from '../kind.ts';
import { printSize } from '../units.ts';
import { ETH_HLEN, readOptions } from './read.ts';

export const sfq = defineKind<Sfq, Partial<SfqOptions>>({
  name: 'sfq',
  usage:
    '... sfq [ limit PACKETS ] [ perturb SECS ] [ quantum BYTES ] [ divisor NUMBER ] [ flows NUMBER ] [ depth NUMBER ] [ headdrop ]',
  parse(words, given, now) {
    const options: Partial<SfqOptions> = now === null ? { quantum: given.mtu + ETH_HLEN } : {};
    readOptions(words, {
      limit: (word) => {
        options.limit = words.whole(word, 1, 65_535);
      },
      perturb: (word) => {
        options.perturbNs = words.whole(word) * 1e9;
      },
      quantum: (word) => {
        options.quantum = words.size(word);
      },
      divisor: (word) => {
        options.divisor = words.whole(word, 1, 65_536);
      },
      flows: (word) => {
        options.flows = words.whole(word, 1, 65_535);
      },
      depth: (word) => {
        options.depth = words.whole(word, 1, 65_535);
      },
      headdrop: () => {
        options.headdrop = true;
      },
    });
    return options;
  },
  make: (env, options) => new Sfq(env, options),
  change: (qdisc, options, drop) => qdisc.change(options, drop),
  print(out, { options }) {
    const { limit, quantum, depth, headdrop, flows, divisor, perturbNs } = options;
    out.put(`limit ${limit}p`, 'limit', limit).put(`quantum ${printSize(quantum)}`, 'quantum', quantum);
    out.put(`depth ${depth}`, 'depth', depth);
    if (headdrop) out.put('headdrop', 'headdrop', true);
    if (out.details) out.put(`flows ${flows}/${divisor}`, 'flows', flows);
    out.put(`divisor ${divisor}`, 'divisor', divisor);
    const seconds = perturbNs / 1e9;
    if (seconds > 0) out.put(`perturb ${seconds}sec`, 'perturb', seconds);
  },
});
