// red: tc-red(8), without adaptive and qevents.

import { Red } from '../../qdisc/red.ts';
import type { RedOptions } from '../../qdisc/red-options.ts';
import { defineKind } from '../kind.ts';
import type { Printer } from '../printer.ts';
import { printSize } from '../units.ts';
import type { Words } from '../words.ts';
import { readOptions } from './read.ts';

export const red = defineKind<Red, RedOptions>({
  name: 'red',
  usage:
    '... red limit BYTES [ min BYTES ] [ max BYTES ] avpkt BYTES [ burst PACKETS ] [ probability PROBABILITY ] [ bandwidth KBPS ] [ ecn ] [ harddrop ] [ nodrop ]',
  parse(words) {
    const options: Partial<RedOptions> = {};
    const size = (name: 'limit' | 'min' | 'max' | 'avpkt') => () => {
      options[name] = words.size(name);
    };
    const flag = (name: 'ecn' | 'harddrop' | 'nodrop') => () => {
      options[name] = true;
    };
    readOptions(words, {
      limit: size('limit'),
      min: size('min'),
      max: size('max'),
      avpkt: size('avpkt'),
      burst: (word) => {
        options.burst = words.whole(word, 1);
      },
      probability: (word) => {
        options.probability = readProbability(words, word);
      },
      bandwidth: (word) => {
        options.bandwidth = words.rate(word);
      },
      ecn: flag('ecn'),
      harddrop: flag('harddrop'),
      nodrop: flag('nodrop'),
    });
    const { limit, avpkt } = options;
    if (limit === undefined) return words.fail('limit BYTES');
    if (avpkt === undefined) return words.fail('avpkt BYTES');
    return { ...options, limit, avpkt };
  },
  make: (env, options) => new Red(env, options),
  change: (qdisc, options) => qdisc.change(withDefaults(options)),
  print(out, qdisc) {
    const { limit, min, max, ecn, harddrop, nodrop, probability } = qdisc.options;
    for (const [name, bytes] of [
      ['limit', limit],
      ['min', min],
      ['max', max],
    ] as const)
      out.put(`${name} ${printSize(Math.floor(bytes))}`, name, Math.floor(bytes));
    putFlags(out, { ecn, harddrop, adaptive: false, nodrop });
    if (!out.details) return;
    const ewma = -Math.log2(qdisc.averageWeight);
    out.put(`ewma ${ewma}`, 'ewma', ewma).put(`probability ${probability}`, 'probability', probability);
  },
  printStats(out, qdisc) {
    const { marked, early, pdrop } = qdisc.xstats();
    out.line(`  marked ${marked} early ${early} pdrop ${pdrop} other 0`);
    out.put('', 'marked', marked).put('', 'early', early).put('', 'pdrop', pdrop).put('', 'other', 0);
  },
});

/** Programs get them all, people those that are set. */
export function putFlags(out: Printer, flags: Readonly<Record<string, boolean>>): void {
  for (const [name, set] of Object.entries(flags)) out.put(set ? name : '', name, set);
}

export function readProbability(words: Words, word: string): number {
  return words.parsed((text) => {
    const value = /^(\d+(\.\d*)?|\.\d+)(e-?\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
    return value > 0 && value <= 1 ? value : null;
  }, `${word}: a probability, above 0 and up to 1, like 0.02`);
}

/** A line that changes says everything anew: what it leaves out has its default again. */
function withDefaults(options: RedOptions): RedOptions {
  return {
    min: undefined,
    max: undefined,
    burst: undefined,
    probability: undefined,
    bandwidth: undefined,
    ecn: false,
    harddrop: false,
    nodrop: false,
    ...options,
  };
}
