// fq_codel: tc-fq_codel(8), without ce_threshold.

import { FqCodel, type FqCodelOptions } from '../../qdisc/fq-codel.ts';
import { defineKind } from '../kind.ts';
import { printSize } from '../units.ts';
import { putTimes } from './codel.ts';
import { ETH_HLEN, readOptions } from './read.ts';

export const fqCodel = defineKind<FqCodel, Partial<FqCodelOptions>>({
  name: 'fq_codel',
  usage:
    '... fq_codel [ limit PACKETS ] [ flows NUMBER ] [ memory_limit BYTES ] [ target TIME ] [ interval TIME ] [ quantum BYTES ] [ [no]ecn ] [ drop_batch SIZE ]',
  parse(words, given, now) {
    const mtu = given.mtu + ETH_HLEN;
    const options: Partial<FqCodelOptions> = now === null ? { mtu, quantum: mtu } : {};
    readOptions(words, {
      limit: (word) => {
        options.limit = words.whole(word, 1);
      },
      flows: (word) => {
        options.flows = words.whole(word, 1, 65_536);
      },
      memory_limit: (word) => {
        options.memoryLimit = words.size(word);
      },
      target: (word) => {
        options.targetNs = words.time(word);
      },
      interval: (word) => {
        options.intervalNs = words.time(word);
      },
      quantum: (word) => {
        options.quantum = words.size(word);
      },
      ecn: () => {
        options.ecn = true;
      },
      noecn: () => {
        options.ecn = false;
      },
      drop_batch: (word) => {
        options.dropBatch = words.whole(word, 1);
      },
    });
    return options;
  },
  make: (env, options) => new FqCodel(env, options),
  change: (qdisc, options, drop) => qdisc.change(options, drop),
  print(out, { options }) {
    const { limit, flows, quantum, targetNs, intervalNs, memoryLimit, ecn, dropBatch } = options;
    out.put(`limit ${limit}p`, 'limit', limit).put(`flows ${flows}`, 'flows', flows);
    out.put(`quantum ${quantum}`, 'quantum', quantum);
    putTimes(out, targetNs, intervalNs);
    out.put(`memory_limit ${printSize(memoryLimit)}`, 'memory_limit', memoryLimit);
    if (ecn) out.put('ecn', 'ecn', true);
    out.put(`drop_batch ${dropBatch}`, 'drop_batch', dropBatch);
  },
  printStats(out, qdisc) {
    const x = qdisc.xstats();
    const put = (name: string): void => void out.put(`${name} ${x[name]}`, name, x[name]);
    out.line(`  maxpacket ${x.maxpacket}`).put('', 'maxpacket', x.maxpacket);
    for (const name of ['drop_overlimit', 'new_flow_count', 'ecn_mark']) put(name);
    if (x.memory_used > 0) put('memory_used');
    if (x.drop_overmemory > 0) put('drop_overmemory');
    out.line(`  new_flows_len ${x.new_flows_len}`).put('', 'new_flows_len', x.new_flows_len);
    put('old_flows_len');
  },
});
