// fq: tc-fq(8). orphan_mask, low_rate_threshold and timer_slack are read and have no effect: they are about sockets and timers.

import { Fq } from '../../qdisc/fq.ts';
import type { FqOptions } from '../../qdisc/fq-options.ts';
import { defineKind } from '../kind.ts';
import { printRate, printSize, printTime } from '../units.ts';
import { ETH_HLEN, readOptions } from './read.ts';

export const fq = defineKind<Fq, Partial<FqOptions>>({
  name: 'fq',
  usage:
    '... fq [ limit PACKETS ] [ flow_limit PACKETS ] [ quantum BYTES ] [ initial_quantum BYTES ] [ maxrate RATE ] [ buckets NUMBER ] [ [no]pacing ] [ refill_delay TIME ] [ ce_threshold TIME ] [ horizon TIME ] [ horizon_{cap|drop} ] [ low_rate_threshold RATE ] [ orphan_mask MASK ] [ timer_slack TIME ]',
  parse(words, given, now) {
    const mtu = given.mtu + ETH_HLEN;
    const options: Partial<FqOptions> = now === null ? { quantum: 2 * mtu, initialQuantum: 10 * mtu } : {};
    readOptions(words, {
      limit: (word) => {
        options.limit = words.whole(word, 1);
      },
      flow_limit: (word) => {
        options.flowLimit = words.whole(word, 1);
      },
      quantum: (word) => {
        options.quantum = words.size(word);
      },
      initial_quantum: (word) => {
        options.initialQuantum = words.size(word);
      },
      maxrate: (word) => {
        options.maxrate = words.rate(word);
      },
      buckets: (word) => {
        options.buckets = words.whole(word, 1, 262_144);
      },
      pacing: () => {
        options.pacing = true;
      },
      nopacing: () => {
        options.pacing = false;
      },
      refill_delay: (word) => {
        options.refillDelayNs = words.time(word);
      },
      ce_threshold: (word) => {
        options.ceThresholdNs = words.time(word);
      },
      horizon: (word) => {
        options.horizonNs = words.time(word);
      },
      horizon_cap: () => {
        options.horizonDrop = false;
      },
      horizon_drop: () => {
        options.horizonDrop = true;
      },
      low_rate_threshold: (word) => words.rate(word),
      orphan_mask: (word) => words.whole(word),
      timer_slack: (word) => words.time(word),
    });
    return options;
  },
  make: (env, options) => new Fq(env, options),
  change: (qdisc, options, drop) => qdisc.change(options, drop),
  print(out, { options }) {
    const { limit, flowLimit, buckets, pacing, quantum, initialQuantum, maxrate } = options;
    out.put(`limit ${limit}p`, 'limit', limit).put(`flow_limit ${flowLimit}p`, 'flow_limit', flowLimit);
    out.put(`buckets ${buckets}`, 'buckets', buckets);
    if (!pacing) out.put('nopacing', 'pacing', false);
    out.put(`quantum ${printSize(quantum)}`, 'quantum', quantum);
    out.put(`initial_quantum ${printSize(initialQuantum)}`, 'initial_quantum', initialQuantum);
    if (maxrate < Infinity) out.put(`maxrate ${printRate(maxrate)}`, 'maxrate', maxrate);
    const { refillDelayNs, ceThresholdNs, horizonNs, horizonDrop } = options;
    out.put(`refill_delay ${printTime(refillDelayNs)}`, 'refill_delay', Math.floor(refillDelayNs / 1e3));
    if (ceThresholdNs < Infinity)
      out.put(`ce_threshold ${printTime(ceThresholdNs)}`, 'ce_threshold', Math.floor(ceThresholdNs / 1e3));
    out.put(`horizon ${printTime(horizonNs)}`, 'horizon', Math.floor(horizonNs / 1e3));
    const beyond = horizonDrop ? 'horizon_drop' : 'horizon_cap';
    out.put(beyond, beyond, null);
  },
  printStats(out, qdisc) {
    const x = qdisc.xstats();
    out.line(`  flows ${x.flows} (inactive ${x.inactive} throttled ${x.throttled_flows})`);
    if (x.next_packet_delay > 0) out.put(`next packet delay ${x.next_packet_delay} ns`);
    out.line(`  gc ${x.gc} highprio ${x.highprio} throttled ${x.throttled}`);
    for (const name of ['ce_mark', 'flows_plimit', 'horizon_drops', 'horizon_caps'])
      if (x[name] > 0) out.put(`${name} ${x[name]}`);
    for (const [name, value] of Object.entries(x)) out.put('', name, value);
  },
});
