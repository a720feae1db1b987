// netem: tc-netem(8). Left out: tables of distributions from files.

import { DELAY_DISTRIBUTIONS } from '../../qdisc/delay-tables.ts';
import { Netem } from '../../qdisc/netem.ts';
import type { NetemLoss, NetemOptions, NetemSlot } from '../../qdisc/netem-options.ts';
import { defineKind } from '../kind.ts';
import type { Printer } from '../printer.ts';
import { parsePercent, parseSize, parseTime, printPercent, printRate, printTime } from '../units.ts';
import type { Words } from '../words.ts';
import { readOptions } from './read.ts';

const MODELS = ['random', 'state', 'gemodel'] as const;

/** What a change that does not name it takes back; it keeps distribution, corrupt, rate, slot and seed. */
const RENEWED: Partial<NetemOptions> = {
  limit: 1000,
  delayNs: 0,
  jitterNs: 0,
  delayCorrelation: 0,
  loss: null,
  ecn: false,
  duplicate: 0,
  duplicateCorrelation: 0,
  reorder: 0,
  reorderCorrelation: 0,
  gap: 0,
};

export const netem = defineKind<Netem, Partial<NetemOptions>>({
  name: 'netem',
  usage: `... netem [ limit PACKETS ]
      [ delay TIME [ JITTER [CORRELATION]]] [ distribution {uniform|normal|pareto|paretonormal} ]
      [ corrupt PERCENT [CORRELATION]] [ duplicate PERCENT [CORRELATION]]
      [ loss random PERCENT [CORRELATION]] [ loss state P13 [P31 [P32 [P23 P14]]]]
      [ loss gemodel PERCENT [R [1-H [1-K]]]] [ ecn ]
      [ reorder PERCENT [CORRELATION] [ gap DISTANCE ]]
      [ rate RATE [PACKETOVERHEAD [CELLSIZE [CELLOVERHEAD]]]]
      [ slot MIN_DELAY [MAX_DELAY] [packets MAX_PACKETS] [bytes MAX_BYTES]]
      [ slot distribution {uniform|normal|pareto|paretonormal} DELAY JITTER [packets MAX_PACKETS] [bytes MAX_BYTES]]
      [ seed NUMBER ]
Of the ranks of successive delays, and of losses and other events, CORRELATION is the correlation they have, and PERCENT
the part of packets they happen to, whatever the correlation.`,
  parse(words) {
    const options: Partial<NetemOptions> = {};
    readOptions(words, {
      limit: (word) => (options.limit = words.whole(word, 1)),
      delay: (word) => readDelay(words, word, options),
      latency: (word) => readDelay(words, word, options),
      distribution: (word) => (options.distribution = words.oneOf(DELAY_DISTRIBUTIONS, word)),
      loss: () => (options.loss = readLoss(words)),
      drop: () => (options.loss = readLoss(words)),
      ecn: () => (options.ecn = true),
      duplicate: (word) => readEvent(words, word, 'duplicate', options),
      corrupt: (word) => readEvent(words, word, 'corrupt', options),
      reorder: (word) => readEvent(words, word, 'reorder', options),
      gap: (word) => (options.gap = words.whole(word)),
      rate: (word) => readRate(words, word, options),
      slot: (word) => (options.slot = readSlot(words, word)),
      seed: (word) => (options.seed = words.whole(word, 0, Number.MAX_SAFE_INTEGER)),
    });
    if (options.ecn && options.loss === undefined) return words.fail('loss: there is nothing to mark for');
    if (options.gap !== undefined && options.reorder === undefined)
      return words.fail('reorder: gap goes with it');
    if (options.reorder !== undefined && !options.delayNs)
      return words.fail('delay: reordering is passing it by');
    if (options.reorder !== undefined) options.gap ??= 1;
    if (options.distribution !== undefined && !options.jitterNs)
      return words.fail('delay TIME JITTER: a distribution is of jitter');
    return options;
  },
  make: (env, options) => new Netem(env, options),
  change: (qdisc, options) => qdisc.change({ ...RENEWED, ...options }),
  print(out, { options }) {
    out.put(`limit ${options.limit}`, 'limit', options.limit);
    printDelay(out, options);
    printLoss(out, options);
    printEvent(out, 'reorder', options);
    printEvent(out, 'duplicate', options);
    printEvent(out, 'corrupt', options);
    printRateOf(out, options);
    out.put(options.ecn ? 'ecn' : '', 'ecn', options.ecn);
    out.put(options.gap > 0 ? `gap ${options.gap}` : '', 'gap', options.gap);
    if (options.slot !== null) printSlot(out, options.slot);
    if (options.seed !== null) out.put(`seed ${options.seed}`, 'seed', options.seed);
  },
  printStats(out, qdisc) {
    // Linux has none for netem, so these come with -d only.
    if (!out.details) return;
    const xstats = qdisc.xstats();
    out.line(' ');
    for (const [name, count] of Object.entries(xstats)) out.put(`${name} ${count}`, name, count);
  },
});

/** The next word is a value of that kind, and no name of an option. */
function follows(words: Words, read: (text: string) => number | null): boolean {
  return !words.done && read(words.ahead) !== null;
}

function optionalPercent(words: Words, what: string, otherwise: number): number {
  return follows(words, parsePercent) ? words.percent(what) : otherwise;
}

function readDelay(words: Words, word: string, options: Partial<NetemOptions>): void {
  options.delayNs = words.time(word);
  options.jitterNs = follows(words, parseTime) ? words.time('jitter') : 0;
  options.delayCorrelation = optionalPercent(words, 'correlation', 0);
}

function readEvent(
  words: Words,
  word: string,
  event: 'duplicate' | 'corrupt' | 'reorder',
  options: Partial<NetemOptions>,
): void {
  options[event] = words.percent(word);
  options[`${event}Correlation`] = optionalPercent(words, 'correlation', 0);
}

function readLoss(words: Words): NetemLoss {
  const model = words.take(...MODELS);
  if (model === 'state') {
    const p13 = words.percent('P13');
    const p31 = optionalPercent(words, 'P31', 1 - p13);
    const p32 = optionalPercent(words, 'P32', 0);
    const p23 = optionalPercent(words, 'P23', 1);
    return { model, p13, p31, p32, p23, p14: optionalPercent(words, 'P14', 0) };
  }
  if (model === 'gemodel') {
    const p = words.percent('P');
    const r = optionalPercent(words, 'R', 1 - p);
    const lossInBad = optionalPercent(words, '1-H', 1);
    return { model, p, r, lossInBad, lossInGood: optionalPercent(words, '1-K', 0) };
  }
  const probability = words.percent('loss');
  return { model: 'random', probability, correlation: optionalPercent(words, 'correlation', 0) };
}

function readRate(words: Words, word: string, options: Partial<NetemOptions>): void {
  options.rate = words.rate(word);
  options.packetOverhead = follows(words, parseOverhead)
    ? words.parsed(parseOverhead, 'PACKETOVERHEAD: bytes')
    : 0;
  options.cellSize = follows(words, parseSize) ? words.size('CELLSIZE') : 0;
  options.cellOverhead = follows(words, parseSize) ? words.size('CELLOVERHEAD') : 0;
}

/** Bytes, below 0 too. */
function parseOverhead(text: string): number | null {
  if (!text.startsWith('-')) return parseSize(text);
  const bytes = parseSize(text.slice(1));
  return bytes === null ? null : -bytes;
}

function readSlot(words: Words, word: string): NetemSlot {
  let gap: NetemSlot['gap'];
  if (words.take('distribution') !== '') {
    const distribution = words.oneOf(DELAY_DISTRIBUTIONS, 'distribution');
    gap = { distribution, delayNs: words.time('slot delay'), jitterNs: words.time('slot jitter') };
  } else {
    const minNs = words.time(word);
    gap = { minNs, maxNs: follows(words, parseTime) ? words.time('slot maximum') : minNs };
  }
  const slot = { gap, packets: 0, bytes: 0 };
  for (let name = words.take('packets', 'bytes'); name !== ''; name = words.take('packets', 'bytes'))
    slot[name] = name === 'bytes' ? words.size(name) : words.whole(name);
  return slot;
}

function printDelay(out: Printer, { delayNs, jitterNs, delayCorrelation }: NetemOptions): void {
  if (delayNs === 0 && jitterNs === 0) return;
  out.raw(` delay ${printTime(delayNs)}`);
  if (jitterNs > 0) out.raw(`  ${printTime(jitterNs)}`);
  if (delayCorrelation > 0) out.raw(` ${printPercent(delayCorrelation)}`);
  const correlation = delayCorrelation;
  out.put('', 'delay', { delay: delayNs / 1e9, jitter: jitterNs / 1e9, correlation });
}

function printLoss(out: Printer, { loss }: NetemOptions): void {
  if (loss === null) return;
  const { model, ...numbers } = loss;
  if (loss.model === 'random') {
    if (loss.probability === 0) return;
    out.raw(` loss ${printPercent(loss.probability)}`);
    if (loss.correlation) out.raw(` ${printPercent(loss.correlation)}`);
    out.put('', 'loss-random', { loss: loss.probability, correlation: loss.correlation ?? 0 });
  } else if (loss.model === 'state') {
    const { p13, p31, p32, p23, p14 } = loss;
    out.raw(` loss state p13 ${printPercent(p13)} p31 ${printPercent(p31)} p32 ${printPercent(p32)}`);
    out.raw(` p23 ${printPercent(p23)} p14 ${printPercent(p14)}`).put('', `loss-${model}`, numbers);
  } else {
    const { p, r, lossInBad, lossInGood } = loss;
    out.raw(` loss gemodel p ${printPercent(p)} r ${printPercent(r)} 1-h ${printPercent(lossInBad)}`);
    out.raw(` 1-k ${printPercent(lossInGood)}`);
    out.put('', `loss-${model}`, { p, r, '1-h': lossInBad, '1-k': lossInGood });
  }
}

function printEvent(out: Printer, event: 'reorder' | 'duplicate' | 'corrupt', options: NetemOptions): void {
  const probability = options[event];
  if (probability === 0) return;
  const correlation = options[`${event}Correlation`];
  out.raw(` ${event} ${printPercent(probability)}`);
  if (correlation > 0) out.raw(` ${printPercent(correlation)}`);
  out.put('', event, { [event]: probability, correlation });
}

function printRateOf(out: Printer, options: NetemOptions): void {
  const { rate, packetOverhead, cellSize, cellOverhead } = options;
  if (rate === Infinity) return;
  out.raw(` rate ${printRate(rate)}`);
  if (packetOverhead !== 0) out.raw(` packetoverhead ${packetOverhead}`);
  if (cellSize > 0) out.raw(` cellsize ${cellSize}`);
  if (cellOverhead > 0) out.raw(` celloverhead ${cellOverhead}`);
  out.put('', 'rate', {
    rate,
    packetoverhead: packetOverhead,
    cellsize: cellSize,
    celloverhead: cellOverhead,
  });
}

function printSlot(out: Printer, { gap, packets, bytes }: NetemSlot): void {
  if ('distribution' in gap)
    out.raw(` slot distribution ${printTime(gap.delayNs)} ${printTime(gap.jitterNs)}`);
  else out.raw(` slot ${printTime(gap.minNs)} ${printTime(gap.maxNs)}`);
  if (packets > 0) out.raw(` packets ${packets}`);
  if (bytes > 0) out.raw(` bytes ${bytes}`);
  const times =
    'distribution' in gap
      ? { distribution: gap.distribution, delay: gap.delayNs / 1e9, jitter: gap.jitterNs / 1e9 }
      : { 'min-delay': gap.minNs / 1e9, 'max-delay': gap.maxNs / 1e9 };
  out.put('', 'slot', { ...times, packets, bytes });
}
