// mq and mqprio: tc-mqprio(8), with hw 0 only: the priorities are sorted by the device layer.

import type { QueueRange } from '../../net/device-ops.ts';
import { Mq, type MqprioOptions } from '../../qdisc/mq.ts';
import { PfifoFast } from '../../qdisc/pfifo-fast.ts';
import { defineKind, type Situation } from '../kind.ts';
import type { Words } from '../words.ts';
import { readOptions } from './read.ts';

interface Options {
  given: Situation;
  mqprio: MqprioOptions | null;
}

export const mq = defineKind<Mq, Options>({
  name: 'mq',
  usage: '... mq',
  parse(words, given) {
    words.end('nothing more: mq has no options');
    return { given, mqprio: null };
  },
  make: (_, options) => make(options),
  print: () => {},
});

export const mqprio = defineKind<Mq, Options>({
  name: 'mqprio',
  usage:
    '... mqprio [ num_tc NUMBER ] [ map P0 P1 ... ] [ queues count1@offset1 count2@offset2 ... ] [ hw 0 ]',
  parse(words, given) {
    // What tc-mqprio(8) has when a line says nothing.
    let count = 8;
    let map = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 1, 1, 3, 3, 3, 3];
    let queues: QueueRange[] | null = null;
    readOptions(words, {
      num_tc: (word) => {
        count = words.whole(word, 1, 16);
      },
      map: (word) => {
        map = readMap(words, word);
      },
      queues: (word) => {
        queues = readRanges(words, word);
      },
      hw: (word) => words.whole(`${word}: 0, for no driver here sorts by itself`, 0, 0),
    });
    const ranges: QueueRange[] = queues ?? Array.from({ length: count }, (_, i) => ({ count: 1, offset: i }));
    if (ranges.length !== count)
      words.fail(`queues for ${count} traffic classes (num_tc), not ${ranges.length}`);
    return { given, mqprio: { map, queues: ranges } };
  },
  make: (_, options) => make(options),
  print(out, { options }) {
    const { map, queues } = options as MqprioOptions;
    out.put(`tc ${queues.length}`, 'tc', queues.length).put(`map ${map.join(' ')}`, 'map', [...map]);
    const ranges = queues.map(({ count, offset }) => [offset, offset + count - 1]);
    const text = ranges.map(([from, to]) => `(${from}:${to})`).join(' ');
    out.line(`             queues:${text}`).put('', 'queues', ranges);
  },
});

function make({ given, mqprio: options }: Options): Mq {
  const leaves = Array.from({ length: given.queues }, () => new PfifoFast(given.txQueueLength));
  return new Mq(leaves, options);
}

/** The traffic classes of the first priorities; the others have 0. */
function readMap(words: Words, word: string): number[] {
  const map: number[] = new Array<number>(16).fill(0);
  for (let i = 0; i < map.length; i++) {
    if (i > 0 && !/^\d/.test(words.ahead)) break;
    map[i] = words.whole(word, 0, 15);
  }
  return map;
}

function readRanges(words: Words, word: string): QueueRange[] {
  const ranges: QueueRange[] = [];
  do {
    ranges.push(words.parsed(readRange, `${word}: COUNT@OFFSET, like 2@0`));
  } while (/^\d/.test(words.ahead));
  return ranges;
}

function readRange(text: string): QueueRange | null {
  const match = /^(\d{1,5})@(\d{1,5})$/.exec(text);
  return match === null ? null : { count: Number(match[1]), offset: Number(match[2]) };
}
