// `tc class add | change | replace | delete`.

import type { NetDevice } from '../net/device.ts';
import type { Tc } from './command.ts';
import { classId, majorOf, minorOf, TC_H_ROOT } from './handle.ts';
import { QDISC_KINDS } from './kinds/index.ts';
import { TcError, type Words } from './words.ts';

const USAGE =
  'usage: tc class { add | change | replace | delete } dev DEVICE [ classid CLASSID ] { root | parent CLASSID } KIND ...';

export function changeClass(
  tc: Tc,
  verb: 'add' | 'change' | 'replace' | 'link' | 'delete',
  words: Words,
): void {
  let device: NetDevice | null = null;
  let parent: number | null = null;
  let id: number | null = null;
  let kindName = '';
  while (!words.done && kindName === '') {
    const word = words.take('dev', 'classid', 'root', 'parent', 'help');
    if (word === 'help') throw new TcError(USAGE, null);
    if (word === 'dev') device = tc.device(words);
    else if (word === 'classid') id = words.classId(word);
    else if (word !== '') {
      if (parent !== null) words.refuse('one place: root or parent CLASSID');
      parent = word === 'root' ? TC_H_ROOT : words.classId(word);
    } else kindName = words.next('a kind');
  }
  if (kindName !== '' && QDISC_KINDS.get(kindName)?.classes === undefined) {
    const kinds = [...QDISC_KINDS.values()].filter(({ classes }) => classes !== undefined);
    words.refuse(`a kind with classes of its own making: ${kinds.map(({ name }) => name).join(', ')}`);
  }
  if (device === null) throw words.wrong('dev DEVICE');
  const tree = tc.of(device);
  if (verb === 'delete') {
    if (id === null || minorOf(id) === 0) throw words.wrong('classid CLASSID, like 1:10');
    words.end('nothing more: what is deleted has no options');
    tree.deleteClass(id);
    return;
  }
  if (kindName === '') throw words.wrong('a kind');
  const spec = QDISC_KINDS.get(kindName)!.classes!;
  if (words.take('help') !== '') throw new TcError(`usage: ${spec.usage}`, null);
  if (parent === null && id === null) throw words.wrong('parent CLASSID or root, and classid CLASSID');
  const major = id !== null && majorOf(id) !== 0 ? majorOf(id) : majorOf(parent ?? 0);
  const minor = id === null || minorOf(id) === 0 ? tree.freeMinor(major) : minorOf(id);
  tree.setClass(verb, parent ?? TC_H_ROOT, classId(major, minor), words, kindName);
}
