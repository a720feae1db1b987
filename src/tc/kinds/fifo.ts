// pfifo, bfifo, pfifo_fast: tc-bfifo(8), tc-pfifo_fast(8).

import { Bfifo, Pfifo } from '../../qdisc/fifo.ts';
import { PfifoFast, PRIOMAP } from '../../qdisc/pfifo-fast.ts';
import { defineKind, type Situation } from '../kind.ts';
import { printSize } from '../units.ts';
import type { Words } from '../words.ts';

/** Ethernet header: the kernel counts it with the MTU. */
const ETH_HLEN = 14;

export const pfifo = defineKind<Pfifo, { limit: number }>({
  name: 'pfifo',
  usage: '... pfifo [ limit PACKETS ]',
  parse: (words, given, now) => ({
    limit: limit(words, (what) => words.whole(what)) ?? now?.options.limit ?? given.txQueueLength,
  }),
  make: (env, options) => new Pfifo(env, options),
  change: (qdisc, options) => qdisc.change(options),
  print: (out, { options }) => out.put(`limit ${options.limit}p`, 'limit', options.limit),
});

export const bfifo = defineKind<Bfifo, { limit: number }>({
  name: 'bfifo',
  usage: '... bfifo [ limit BYTES ]',
  parse: (words, given, now) => ({
    limit: limit(words, (what) => words.size(what)) ?? now?.options.limit ?? bytes(given),
  }),
  make: (env, options) => new Bfifo(env, options),
  change: (qdisc, options) => qdisc.change(options),
  print: (out, { options }) => out.put(`limit ${printSize(options.limit)}`, 'limit', options.limit),
});

export const pfifoFast = defineKind<PfifoFast, number>({
  name: 'pfifo_fast',
  usage: '... pfifo_fast',
  parse: (words, given) => {
    words.end('nothing more: pfifo_fast has no options, its limit is the length of the device queue');
    return given.txQueueLength;
  },
  make: (_, length) => new PfifoFast(length),
  print: (out) =>
    out
      .put('bands 3', 'bands', 3)
      .put(`priomap ${PRIOMAP.join(' ')}`, 'priomap', [...PRIOMAP])
      .put('', 'multiqueue', false),
});

function limit(words: Words, read: (what: string) => number): number | undefined {
  let value: number | undefined;
  while (!words.done) {
    words.oneOf(['limit']);
    value = read('limit');
  }
  return value;
}

function bytes({ txQueueLength, mtu }: Situation): number {
  return txQueueLength * (mtu + ETH_HLEN);
}
