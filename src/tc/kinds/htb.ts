// htb: tc-htb(8).

import { Htb, type HtbClass } from '../../qdisc/htb.ts';
import type { HtbClassOptions, HtbOptions } from '../../qdisc/htb-options.ts';
import { defineClasses, defineKind } from '../kind.ts';
import { inTicks, ticks } from '../ticks.ts';
import { printRate, printSize } from '../units.ts';
import type { Words } from '../words.ts';

const LINKLAYERS = ['ethernet', 'atm', 'adsl'] as const;
const CLASS_WORDS = [
  'rate',
  'ceil',
  'burst',
  'buffer',
  'maxburst',
  'cburst',
  'cbuffer',
  'cmaxburst',
  'prio',
  'quantum',
  'mtu',
  'mpu',
  'overhead',
  'linklayer',
] as const;
/** What a bucket holds, at least, unless `mtu` says otherwise. */
const MTU = 1600;

const classes = defineClasses<Htb, Partial<HtbClassOptions>>({
  usage:
    '... class add ... htb rate RATE [ burst BYTES ] [ ceil RATE ] [ cburst BYTES ] [ mtu BYTES ] [ mpu BYTES ] [ overhead BYTES ] [ linklayer TYPE ] [ prio NUMBER ] [ quantum BYTES ]',
  parse(words, _, now) {
    const options: Partial<HtbClassOptions> = {};
    const mtu = [MTU];
    while (!words.done) readClassWord(words, options, mtu);
    const { rate } = options;
    if (now === null && rate === undefined) return words.fail('rate RATE');
    if (rate !== undefined) {
      // tc sends all of them each time: what is not named goes back to its default.
      options.prio ??= 0;
      options.ceil ??= rate;
      options.burst ??= Math.floor(rate / 1e9 + mtu[0]);
      options.cburst ??= Math.floor(options.ceil / 1e9 + mtu[0]);
    }
    return options;
  },
  add: (qdisc, minor, parent, options, drop) =>
    qdisc.addClass(minor, parent, options as HtbClassOptions, drop),
  change: (qdisc, minor, options) => qdisc.changeClass(minor, options),
});

export const htb = defineKind<Htb, HtbOptions>({
  name: 'htb',
  usage: '... htb [ default N ] [ r2q N ] [ direct_qlen P ]',
  parse(words, given, now) {
    const options: HtbOptions = now === null ? { directQueueLength: given.txQueueLength } : {};
    while (!words.done) {
      const word = words.oneOf(['default', 'r2q', 'direct_qlen', 'offload', 'debug']);
      if (word === 'default')
        options.default = words.parsed(parseMinor, 'default: the class, in hex, like 30');
      else if (word === 'r2q') options.r2q = words.whole(word, 1);
      else if (word === 'direct_qlen') options.directQueueLength = words.whole(word);
      else words.refuse('default, r2q or direct_qlen: there is no hardware to do it');
    }
    return options;
  },
  make: (env, options) => new Htb(env, options),
  change: (qdisc, options) => qdisc.change(options),
  print(out, qdisc) {
    const { r2q, default: fallback, directQueueLength } = qdisc.options;
    const { direct_packets_stat: direct } = qdisc.xstats();
    // As printf's %#x.
    const hex = fallback === 0 ? '0' : `0x${fallback.toString(16)}`;
    out.put(`r2q ${r2q}`, 'r2q', r2q).put(`default ${hex}`, 'default', hex);
    out.put(`direct_packets_stat ${direct}`, 'direct_packets_stat', direct);
    out.put(`direct_qlen ${directQueueLength}`, 'direct_qlen', directQueueLength);
  },
  classes,
  printClass(out, _, one) {
    const { rates, level, leaf } = one as HtbClass;
    if (leaf !== null) {
      out.put(`prio ${rates.prio}`, 'prio', rates.prio);
      if (out.details) out.put(`quantum ${rates.quantum}`, 'quantum', rates.quantum);
    }
    out.put(`rate ${printRate(rates.rate)}`, 'rate', rates.rate);
    if (rates.overhead > 0) out.put(`overhead ${rates.overhead}`, 'overhead', rates.overhead);
    out.put(`ceil ${printRate(rates.ceil)}`, 'ceil', rates.ceil);
    if (out.details || rates.linklayer !== 'ethernet')
      out.put(`linklayer ${rates.linklayer}`, 'linklayer', rates.linklayer);
    const burst = inTicks(rates.burst, rates.rate);
    const cburst = inTicks(rates.cburst, rates.ceil);
    const cell = out.details ? `/1 mpu ${printSize(rates.mpu)}` : '';
    out.put(`burst ${printSize(burst)}${cell}`, 'burst', burst);
    out.put(`cburst ${printSize(cburst)}${cell}`, 'cburst', cburst);
    if (out.details) out.put(`level ${level}`, 'level', level);
  },
  printClassStats(out, _, one) {
    const { lended, borrowed, tokens, ctokens } = one as HtbClass;
    out.line(` lended: ${lended} borrowed: ${borrowed} giants: 0`);
    out.line(` tokens: ${ticks(tokens)} ctokens: ${ticks(ctokens)}`);
    Object.assign(out.json, { lended, borrowed, giants: 0, tokens: ticks(tokens), ctokens: ticks(ctokens) });
  },
});

function readClassWord(words: Words, options: Partial<HtbClassOptions>, mtu: number[]): void {
  const word = words.oneOf(CLASS_WORDS);
  switch (word) {
    case 'rate':
    case 'ceil':
      options[word] = words.rate(word);
      return;
    case 'burst':
    case 'buffer':
    case 'maxburst':
      options.burst = words.size(word);
      return;
    case 'cburst':
    case 'cbuffer':
    case 'cmaxburst':
      options.cburst = words.size(word);
      return;
    case 'prio':
      options.prio = words.whole(word, 0, 7);
      return;
    case 'quantum':
      options.quantum = words.size(word);
      return;
    case 'mtu':
      mtu[0] = words.size(word);
      return;
    case 'linklayer':
      options.linklayer = words.oneOf(LINKLAYERS, word);
      return;
    default:
      options[word] = words.size(word);
  }
}

function parseMinor(text: string): number | null {
  return /^(0x)?[0-9a-f]{1,4}$/i.test(text) ? Number.parseInt(text, 16) : null;
}
