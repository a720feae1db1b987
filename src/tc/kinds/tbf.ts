// tbf: tc-tbf(8).

import { Tbf, type TbfOptions } from '../../qdisc/tbf.ts';
import { defineKind } from '../kind.ts';
import { inTicks } from '../ticks.ts';
import { printRate, printSize, printTime } from '../units.ts';
import type { Words } from '../words.ts';

const WORDS = [
  'limit',
  'latency',
  'burst',
  'buffer',
  'maxburst',
  'mtu',
  'minburst',
  'mpu',
  'rate',
  'peakrate',
  'overhead',
  'linklayer',
] as const;
const LINKLAYERS = ['ethernet', 'atm', 'adsl'] as const;

export const tbf = defineKind<Tbf, TbfOptions>({
  name: 'tbf',
  usage:
    '... tbf limit BYTES | latency TIME  burst BYTES rate KBPS [ mtu BYTES ] [ peakrate KBPS ] [ mpu BYTES ] [ overhead BYTES ] [ linklayer TYPE ]',
  parse(words, _, now) {
    const options: Partial<TbfOptions> = {};
    while (!words.done) readOption(words, options);
    if (options.limit !== undefined && options.latencyNs !== undefined)
      return words.fail('limit or latency, not both');
    const all = { ...now?.options, ...options };
    if (options.limit !== undefined) delete all.latencyNs;
    if (options.latencyNs !== undefined) delete all.limit;
    const { rate, burst } = all;
    if (rate === undefined) return words.fail('rate RATE');
    if (burst === undefined) return words.fail('burst SIZE');
    if (all.limit === undefined && all.latencyNs === undefined)
      return words.fail('limit SIZE or latency TIME');
    return { ...all, rate, burst };
  },
  make: (env, options) => new Tbf(env, options),
  change: (qdisc, options) => qdisc.change(options),
  print(out, { options }) {
    const { rate, burst, peakrate, mtu, mpu, linklayer, overhead } = options;
    const bucket = inTicks(burst, rate);
    const cell = out.details ? `/1 mpu ${printSize(mpu)}` : '';
    out.put(`rate ${printRate(rate)}`, 'rate', rate);
    out.put(`burst ${printSize(bucket)}${cell}`, 'burst', bucket);
    if (peakrate !== undefined) {
      out.put(`peakrate ${printRate(peakrate)}`, 'peakrate', peakrate);
      if (mtu !== undefined) out.put(`minburst ${printSize(mtu)}`, 'minburst', mtu);
    }
    const latency = latencyOf(options);
    if (latency < 0) out.put(`limit ${printSize(options.limit!)}`, 'limit', options.limit);
    else out.put(`lat ${printTime(latency)}`, 'lat', Math.floor(latency / 1e3));
    if (overhead > 0) out.put(`overhead ${overhead}`, 'overhead', overhead);
    if (out.details || linklayer !== 'ethernet') out.put(`linklayer ${linklayer}`, 'linklayer', linklayer);
  },
});

function readOption(words: Words, options: Partial<TbfOptions>): void {
  const word = words.oneOf(WORDS);
  switch (word) {
    case 'limit':
      options.limit = words.size(word);
      return;
    case 'latency':
      options.latencyNs = words.time(word);
      return;
    case 'burst':
    case 'buffer':
    case 'maxburst':
      options.burst = words.size(word);
      return;
    case 'mtu':
    case 'minburst':
      options.mtu = words.size(word);
      return;
    case 'mpu':
    case 'overhead':
      options[word] = words.size(word);
      return;
    case 'linklayer':
      options.linklayer = words.oneOf(LINKLAYERS, word);
      return;
    default:
      options[word] = words.rate(word);
  }
}

/** ns that the last byte of a full queue waits; below 0: the limit is less than a burst. */
function latencyOf({ rate, burst, limit, latencyNs, peakrate, mtu }: TbfOptions): number {
  if (latencyNs !== undefined) return latencyNs;
  const slow = ((limit! - burst) / rate) * 1e9;
  return peakrate === undefined ? slow : Math.max(slow, ((limit! - mtu!) / peakrate) * 1e9);
}
