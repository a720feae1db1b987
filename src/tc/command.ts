// The command tc, on the devices of one machine: words in, text or JSON out. Its grammar and output are those of iproute2
// 6.1's tc(8).

import type { NetDevice } from '../net/device.ts';
import type { DeviceLayer } from '../net/layer.ts';
import { changeClass } from './class-command.ts';
import { changeFilter, showFilters } from './filter-command.ts';
import { parseClassId, TC_H_INGRESS, TC_H_ROOT } from './handle.ts';
import { QDISC_KINDS } from './kinds/index.ts';
import { type ShowOptions, showClasses, showQdiscs } from './show.ts';
import { DeviceTc } from './tree.ts';
import { splitLine, TcError, Words } from './words.ts';

export interface TcAnswer {
  /** What tc prints; empty after a change. */
  text: string;
  json: unknown;
}

const OBJECTS = ['qdisc', 'class', 'filter'] as const;
const CHANGES = ['add', 'change', 'replace', 'link', 'delete'] as const;
const SHOWS = ['show', 'list', 'lst'] as const;
const USAGE =
  'tc [ -s ] [ -d ] [ -j ] [ -p ] { qdisc | class | filter } { add | change | replace | delete | show } dev DEVICE ...';

/** The traffic control of a machine: of each of its devices once. */
export class Tc {
  private readonly layer: DeviceLayer;
  private readonly devices = new WeakMap<NetDevice, DeviceTc>();

  constructor(layer: DeviceLayer) {
    this.layer = layer;
  }

  of(device: NetDevice): DeviceTc {
    let tc = this.devices.get(device);
    if (tc === undefined) {
      tc = new DeviceTc(device);
      this.devices.set(device, tc);
    }
    return tc;
  }

  /** One line, with or without `tc` in front. Throws TcError. */
  line(text: string): TcAnswer {
    const words = splitLine(text);
    return this.run(words[0] === 'tc' ? words.slice(1) : words);
  }

  /** What follows `tc` on the command line. Throws TcError. Process context. */
  run(argv: readonly string[]): TcAnswer {
    const words = new Words(argv);
    const options = readOptions(words);
    const object = abbreviated(words, OBJECTS, `an object: ${OBJECTS.join(', ')} (${USAGE})`);
    const verb = words.done
      ? 'show'
      : abbreviated(words, [...CHANGES, ...SHOWS], `a command: ${CHANGES.join(', ')} or show`);
    if (SHOWS.includes(verb as (typeof SHOWS)[number])) return this.show(object, words, options);
    this.change(object, verb as (typeof CHANGES)[number], words);
    return { text: '', json: null };
  }

  private change(object: (typeof OBJECTS)[number], verb: (typeof CHANGES)[number], words: Words): void {
    if (object === 'class') changeClass(this, verb, words);
    else if (object === 'filter') changeFilter(this, verb, words);
    else changeQdisc(this, verb, words);
  }

  private show(object: (typeof OBJECTS)[number], words: Words, options: ShowOptions): TcAnswer {
    if (object === 'filter') return showFilters(this, words, options);
    let device: NetDevice | null = null;
    let only: number | null = null;
    while (!words.done) {
      const word = words.oneOf(['dev', 'root', 'parent', 'classid', 'handle', 'ingress', 'invisible']);
      if (word === 'dev') device = this.device(words);
      else if (word === 'root') only = TC_H_ROOT;
      else if (word === 'ingress') only = TC_H_INGRESS;
      else if (word === 'handle') only = words.handle(word) * 0x10000;
      else if (word !== 'invisible') only = words.classId(word);
    }
    if (object === 'class' && device === null) words.fail('dev DEVICE');
    const trees = (device === null ? this.layer.devices : [device]).map((each) => this.of(each));
    const shown = { ...options, named: device !== null, only };
    return object === 'class' ? showClasses(trees, shown) : showQdiscs(trees, shown);
  }

  /** The device that the next word names. */
  device(words: Words): NetDevice {
    const names = this.layer.devices.map((device) => device.name);
    return words.parsed(
      (name) => this.layer.find(name) ?? null,
      `a device: ${names.length === 0 ? 'there is none' : names.join(', ')}`,
    );
  }
}

function readOptions(words: Words): ShowOptions {
  const options: ShowOptions = {
    statistics: false,
    details: false,
    json: false,
    pretty: false,
    named: false,
    only: null,
  };
  while (words.ahead.startsWith('-')) {
    const word = words.next('an option').replace(/^--?/, '');
    if (word !== '' && 'statistics'.startsWith(word)) options.statistics = true;
    else if (word !== '' && 'details'.startsWith(word)) options.details = true;
    else if (word !== '' && 'json'.startsWith(word)) options.json = true;
    else if (word !== '' && 'pretty'.startsWith(word)) options.pretty = true;
    else words.refuse('-s (statistics), -d (details), -j (json) or -p (pretty)');
  }
  return options;
}

/** A word or the beginning of one, as iproute2 takes them: the first in the list that fits. */
function abbreviated<Name extends string>(words: Words, names: readonly Name[], expected: string): Name {
  return words.parsed((word) => names.find((name) => name.startsWith(word)) ?? null, expected);
}

function changeQdisc(tc: Tc, verb: (typeof CHANGES)[number], words: Words): void {
  let device: NetDevice | null = null;
  let parent: number | null = null;
  let handle = 0;
  let kindName = '';
  const place = (id: number): void => {
    if (parent !== null) words.refuse('one place: root, parent CLASSID, ingress or clsact');
    parent = id;
  };
  while (!words.done && kindName === '') {
    const word = words.take('dev', 'handle', 'root', 'parent', 'ingress', 'clsact', 'help');
    switch (word) {
      case 'dev':
        device = tc.device(words);
        break;
      case 'handle':
        handle = words.handle('handle');
        break;
      case 'root':
        place(TC_H_ROOT);
        break;
      case 'parent':
        place(words.parsed(parseClassId, 'parent: a class, like 1:10 (both in hex)'));
        break;
      case 'ingress':
      case 'clsact':
        place(TC_H_INGRESS);
        kindName = word;
        break;
      case 'help':
        throw new TcError(
          `usage: tc qdisc { add | change | replace | delete } dev DEVICE [ handle HANDLE ] { root | parent CLASSID | ingress | clsact } KIND ...`,
          null,
        );
      default:
        kindName = words.next('a kind');
    }
  }
  if (kindName !== '' && !QDISC_KINDS.has(kindName))
    words.refuse(
      `dev, handle, root, parent, ingress, clsact or a kind: ${[...QDISC_KINDS.keys()].join(', ')}`,
    );
  if (device === null) throw words.wrong('dev DEVICE');
  const kind = QDISC_KINDS.get(kindName) ?? null;
  if (words.take('help') !== '' && kind !== null) throw new TcError(`usage: ${kind.usage}`, null);
  const at = parent ?? TC_H_ROOT;
  const tree = tc.of(device);
  if (verb === 'delete') {
    words.end('nothing more: what is deleted has no options');
    if (parent === null && handle === 0) words.fail('root, parent CLASSID or handle HANDLE');
    tree.delete(at, handle);
  } else tree.set(verb, at, handle, kind, words);
}
