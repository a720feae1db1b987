// codel: tc-codel(8), without ce_threshold.

import { Codel, type CodelOptions } from '../../qdisc/codel.ts';
import { defineKind } from '../kind.ts';
import type { Printer } from '../printer.ts';
import { printTime } from '../units.ts';
import { ETH_HLEN, readOptions } from './read.ts';

export const codel = defineKind<Codel, Partial<CodelOptions>>({
  name: 'codel',
  usage: '... codel [ limit PACKETS ] [ target TIME ] [ interval TIME ] [ ecn | noecn ]',
  parse(words, given, now) {
    const options: Partial<CodelOptions> = now === null ? { mtu: given.mtu + ETH_HLEN } : {};
    readOptions(words, {
      limit: (word) => {
        options.limit = words.whole(word, 1);
      },
      target: (word) => {
        options.targetNs = words.time(word);
      },
      interval: (word) => {
        options.intervalNs = words.time(word);
      },
      ecn: () => {
        options.ecn = true;
      },
      noecn: () => {
        options.ecn = false;
      },
    });
    return options;
  },
  make: (env, options) => new Codel(env, options),
  change: (qdisc, options, drop) => qdisc.change(options, drop),
  print(out, { options }) {
    const { limit, targetNs, intervalNs, ecn } = options;
    out.put(`limit ${limit}p`, 'limit', limit);
    putTimes(out, targetNs, intervalNs);
    if (ecn) out.put('ecn', 'ecn', true);
  },
  printStats(out, qdisc) {
    const x = qdisc.xstats();
    out.line(`  count ${x.count} lastcount ${x.lastcount} ldelay ${printTime(x.ldelay)}`);
    if (x.dropping !== 0) out.put('dropping', 'dropping', true);
    if (x.drop_next < 0) out.put(`drop_next -${printTime(-x.drop_next)}`);
    else out.put(`drop_next ${printTime(x.drop_next)}`);
    out.line(`  maxpacket ${x.maxpacket} ecn_mark ${x.ecn_mark} drop_overlimit ${x.drop_overlimit}`);
    for (const name of ['count', 'lastcount', 'maxpacket', 'ecn_mark', 'drop_overlimit'])
      out.put('', name, x[name]);
    out.put('', 'ldelay', Math.floor(x.ldelay / 1e3)).put('', 'drop_next', Math.floor(x.drop_next / 1e3));
  },
});

/** Programs get microseconds. */
export function putTimes(out: Printer, targetNs: number, intervalNs: number): void {
  out.put(`target ${printTime(targetNs)}`, 'target', Math.floor(targetNs / 1e3));
  out.put(`interval ${printTime(intervalNs)}`, 'interval', Math.floor(intervalNs / 1e3));
}
