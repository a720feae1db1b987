// Actions as words and as text: tc-actions(8), tc-mirred(8), tc-skbedit(8), tc-police(8).

import type { Mbuf } from '../../mbuf/mbuf.ts';
import type { NetDevice } from '../../net/device.ts';
import { deviceEnv } from '../../net/device-env.ts';
import {
  ACT_OK,
  ACT_PIPE,
  ACT_RECLASSIFY,
  ACT_SHOT,
  ACT_UNSPEC,
  type Action,
  Gact,
  Skbedit,
  VERDICTS,
  type VerdictWord,
} from '../../qdisc/action/action.ts';
import { Mirred } from '../../qdisc/action/mirred.ts';
import { POLICE_DEFAULTS, Police, type PoliceOptions } from '../../qdisc/action/police.ts';
import type { Tc } from '../command.ts';
import type { Printer } from '../printer.ts';
import { printRate, printSize } from '../units.ts';
import type { Words } from '../words.ts';

const VERDICT_WORDS = Object.keys(VERDICTS) as VerdictWord[];
const POLICE_WORDS = [
  'rate',
  'burst',
  'buffer',
  'maxburst',
  'peakrate',
  'mtu',
  'minburst',
  'mpu',
  'overhead',
  'linklayer',
  'conform-exceed',
  'action',
  'index',
  ...VERDICT_WORDS,
] as const;

const LINKLAYERS = ['ethernet', 'atm', 'adsl'] as const;

/** For whom: the device whose filter it is, and whether it is one of packets that come in. */
export interface ActionPlace {
  tc: Tc;
  device: NetDevice;
  incoming: boolean;
}

/** Reads what follows `action`, and further ones; stops at a word that is none of theirs. */
export function readActions(words: Words, place: ActionPlace): Action[] {
  const actions = [readAction(words, place)];
  while (words.take('action') !== '') actions.push(readAction(words, place));
  return actions;
}

function readAction(words: Words, place: ActionPlace): Action {
  const kind = words.oneOf(['gact', 'mirred', 'skbedit', 'police', ...VERDICT_WORDS], 'action');
  if (kind === 'mirred') return readMirred(words, place);
  if (kind === 'skbedit') return readSkbedit(words);
  if (kind === 'police') return readPolice(words, place);
  const verdict = kind === 'gact' ? VERDICTS[words.oneOf(VERDICT_WORDS, 'gact')] : VERDICTS[kind];
  skipIndex(words);
  return new Gact(verdict);
}

/** Actions are not shared here, so their number is only read. */
function skipIndex(words: Words): void {
  if (words.take('index') !== '') words.whole('index', 1);
}

function readMirred(words: Words, { tc, device, incoming }: ActionPlace): Action {
  const direction = words.oneOf(['egress', 'ingress'], 'mirred');
  const redirect = words.oneOf(['mirror', 'redirect'], direction) === 'redirect';
  words.oneOf(['dev'], 'mirred');
  const target = tc.device(words);
  const verdict = words.take(...VERDICT_WORDS);
  skipIndex(words);
  const ingress = direction === 'ingress';
  const send = (m: Mbuf): boolean => {
    const { layer } = target;
    if (!target.up || !layer.devices.includes(target)) return false;
    if (redirect && incoming) device.stolenIn++;
    else if (redirect) device.stolenOut++;
    // A copy goes nowhere else: an ifb must not give it back beside the packet itself.
    m.redirectedFrom = redirect ? device : null;
    m.fromIngress = incoming;
    layer.softnet.sendLater(m, target, ingress);
    return true;
  };
  return new Mirred({
    device: target.name,
    redirect,
    ingress,
    send,
    verdict: verdict === '' ? undefined : VERDICTS[verdict],
  });
}

function readSkbedit(words: Words): Action {
  const options: { priority?: number; mark?: number; mask?: number; queue?: number; verdict: number } = {
    verdict: ACT_PIPE,
  };
  let any = false;
  for (;;) {
    const word = words.take('priority', 'mark', 'queue_mapping', 'index', ...VERDICT_WORDS);
    if (word === '') break;
    if (word === 'priority')
      options.priority = words.parsed(parsePriority, 'priority: a number or a class, like 6 or 1:10');
    else if (word === 'queue_mapping') options.queue = words.whole(word, 0, 0xffff);
    else if (word === 'mark') Object.assign(options, words.parsed(parseMark, 'mark: MARK or MARK/MASK'));
    else if (word === 'index') words.whole(word, 1);
    else options.verdict = VERDICTS[word];
    any ||= word === 'priority' || word === 'mark' || word === 'queue_mapping';
  }
  if (!any) words.fail('priority, mark or queue_mapping');
  return new Skbedit(options);
}

export function readPolice(words: Words, { device }: ActionPlace): Action {
  const options: Partial<PoliceOptions> = {};
  for (;;) {
    const word = words.take(...POLICE_WORDS);
    if (word === '') break;
    // The next action, and not the police's own.
    readPoliceWord(words, word, options);
  }
  const { rate, burst } = options;
  if (rate === undefined) return words.fail('rate RATE');
  if (burst === undefined) return words.fail('burst SIZE');
  return new Police(deviceEnv(device, 'police'), { ...POLICE_DEFAULTS, ...options, rate, burst });
}

function readPoliceWord(
  words: Words,
  word: (typeof POLICE_WORDS)[number],
  options: Partial<PoliceOptions>,
): void {
  switch (word) {
    case 'rate':
    case 'peakrate':
      options[word] = words.rate(word);
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
    case 'index':
      words.whole(word, 1);
      return;
    case 'action':
      options.exceed = VERDICTS[words.oneOf(VERDICT_WORDS, 'police action')];
      return;
    case 'conform-exceed': {
      const [exceed, conform] = words.parsed(
        parseConform,
        'conform-exceed: EXCEED or EXCEED/CONFORM, like drop/pass',
      );
      options.exceed = exceed;
      if (conform !== undefined) options.conform = conform;
      return;
    }
    default:
      options.exceed = VERDICTS[word];
  }
}

function parseConform(text: string): [number, number | undefined] | null {
  const [exceed, conform, ...rest] = text.split('/');
  if (rest.length > 0 || !(exceed in VERDICTS) || (conform !== undefined && !(conform in VERDICTS)))
    return null;
  return [
    VERDICTS[exceed as VerdictWord],
    conform === undefined ? undefined : VERDICTS[conform as VerdictWord],
  ];
}

function parsePriority(text: string): number | null {
  // Hex, as all of tc's classes.
  if (/^[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text, 16);
  const match = /^([0-9a-f]{0,4}):([0-9a-f]{1,4})$/i.exec(text);
  return match === null
    ? null
    : Number.parseInt(match[1] || '0', 16) * 0x10000 + Number.parseInt(match[2], 16);
}

export function parseMark(text: string): { mark: number; mask: number } | null {
  const match = /^(\d{1,10}|0x[0-9a-f]{1,8})(?:\/(\d{1,10}|0x[0-9a-f]{1,8}))?$/i.exec(text);
  if (match === null) return null;
  const mark = Number(match[1]);
  const mask = match[2] === undefined ? 0xffffffff : Number(match[2]);
  return mark <= 0xffffffff && mask <= 0xffffffff ? { mark, mask } : null;
}

/** Lines below the filter's. */
export function printActions(out: Printer, actions: readonly Action[]): void {
  actions.forEach((action, i) => {
    out.line(`\taction order ${i + 1}: ${describe(action)}`);
    out.line('\tindex 1 ref 1 bind 1');
    if (!out.statistics) return;
    const { packets, bytes, drops, overlimits } = action.stats;
    out.line('\tAction statistics:');
    out.line(`\tSent ${bytes} bytes ${packets} pkt (dropped ${drops}, overlimits ${overlimits} requeues 0) `);
    out.line('\tbacklog 0b 0p requeues 0');
  });
  if (actions.length > 0)
    out.json.actions = actions.map((action, i) => ({
      order: i + 1,
      kind: action.kind,
      stats: { ...action.stats },
    }));
}

function describe(action: Action): string {
  if (action instanceof Gact)
    return `gact action ${verdictWord(action.verdict)}\n\t random type none pass val 0`;
  if (action instanceof Mirred) {
    const { ingress, redirect, device, verdict = ACT_PIPE } = action.options;
    const what = `${ingress ? 'Ingress' : 'Egress'} ${redirect ? 'Redirect' : 'Mirror'} to device ${device}`;
    return `mirred (${what}) ${redirect ? 'stolen' : verdictWord(verdict)}`;
  }
  if (action instanceof Skbedit) {
    const { priority, mark, mask, queue, verdict } = action.options;
    const parts = [
      priority === undefined
        ? ''
        : ` priority ${(priority >>> 16).toString(16).replace(/^0$/, '')}:${(priority & 0xffff).toString(16)}`,
      mark === undefined
        ? ''
        : ` mark ${mark}${mask === undefined || mask === 0xffffffff ? '' : `/0x${mask.toString(16)}`}`,
      queue === undefined ? '' : ` queue_mapping ${queue}`,
    ];
    return `skbedit ${parts.join('')} ${verdictWord(verdict)}`;
  }
  const { rate, burst, mtu, exceed, conform, overhead } = (action as Police).options;
  const both = conform === ACT_OK ? verdictWord(exceed) : `${verdictWord(exceed)}/${verdictWord(conform)}`;
  return ` police 0x1 rate ${printRate(rate)} burst ${printSize(burst)} mtu ${printSize(mtu)} action ${both} overhead ${overhead}b `;
}

function verdictWord(verdict: number): string {
  switch (verdict) {
    case ACT_OK:
      return 'pass';
    case ACT_RECLASSIFY:
      return 'reclassify';
    case ACT_SHOT:
      return 'drop';
    case ACT_PIPE:
      return 'pipe';
    case ACT_UNSPEC:
      return 'continue';
    default:
      return String(verdict);
  }
}
