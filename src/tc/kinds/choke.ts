// choke: tc-choke(8).

import { Choke, type ChokeOptions } from '../../qdisc/choke.ts';
import { defineKind } from '../kind.ts';
import { readOptions } from './read.ts';
import { putFlags, readProbability } from './red.ts';

export const choke = defineKind<Choke, ChokeOptions>({
  name: 'choke',
  usage:
    '... choke limit PACKETS bandwidth KBPS [ ecn ] [ min PACKETS ] [ max PACKETS ] [ burst PACKETS ] [ avpkt BYTES ] [ probability PROBABILITY ]',
  parse(words) {
    const options: Partial<ChokeOptions> = {};
    const whole = (name: 'limit' | 'min' | 'max' | 'burst') => () => {
      options[name] = words.whole(name, 1);
    };
    readOptions(words, {
      limit: whole('limit'),
      min: whole('min'),
      max: whole('max'),
      burst: whole('burst'),
      bandwidth: (word) => {
        options.bandwidth = words.rate(word);
      },
      avpkt: (word) => {
        options.avpkt = words.size(word);
      },
      probability: (word) => {
        options.probability = readProbability(words, word);
      },
      ecn: () => {
        options.ecn = true;
      },
    });
    const { limit, bandwidth } = options;
    if (limit === undefined) return words.fail('limit PACKETS');
    if (bandwidth === undefined) return words.fail('bandwidth RATE');
    return { ...options, limit, bandwidth };
  },
  make: (env, options) => new Choke(env, options),
  change: (qdisc, options, drop) => qdisc.change(withDefaults(options), drop),
  print(out, { options, averageWeight }) {
    for (const name of ['limit', 'min', 'max'] as const) {
      const packets = Math.floor(options[name]);
      out.put(`${name} ${packets}p`, name, packets);
    }
    putFlags(out, { ecn: options.ecn, harddrop: false, adaptive: false, nodrop: false });
    if (!out.details) return;
    const ewma = -Math.log2(averageWeight);
    out.put(`ewma ${ewma}`, 'ewma', ewma);
    out.put(`probability ${options.probability}`, 'probability', options.probability);
  },
  printStats(out, qdisc) {
    const { marked, early, pdrop, matched } = qdisc.xstats();
    out.line(`  marked ${marked} early ${early} pdrop ${pdrop} other 0 matched ${matched}`);
    out.put('', 'marked', marked).put('', 'early', early).put('', 'pdrop', pdrop);
    out.put('', 'other', 0).put('', 'matched', matched);
  },
});

/** A line that changes says everything anew: what it leaves out has its default again. */
function withDefaults(options: ChokeOptions): ChokeOptions {
  return {
    min: undefined,
    max: undefined,
    burst: undefined,
    probability: undefined,
    avpkt: undefined,
    ecn: false,
    ...options,
  };
}
