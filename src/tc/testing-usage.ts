// Scripts of tc made by chance, for tests: lines after the grammar that each kind's own usage states, the same lines with
// something wrong in them, and rubbish; between them packets, and time that passes. A kind that is added is in them.

import { Random } from '../kernel/random.ts';
import { QDISC_KINDS } from './kinds/index.ts';

export type ScriptStep =
  | { readonly do: 'tc'; readonly line: string }
  /** Packets of one flow, `bytes` long with the Ethernet header. */
  | {
      readonly do: 'send';
      readonly packets: number;
      readonly bytes: number;
      readonly flow: number;
      readonly priority: number;
    }
  | { readonly do: 'wait'; readonly ns: number };

/** A grammar as usage texts have it: words, places for values, groups; `optional` ones may be missing. */
type Grammar =
  | { readonly is: 'word'; readonly text: string }
  | { readonly is: 'value'; readonly text: string }
  | { readonly is: 'either'; readonly of: readonly Grammar[]; readonly optional: boolean }
  | { readonly is: 'row'; readonly of: readonly Grammar[] };

const HANDLES = ['1:', '1:', '1:', '1:', '2:', '10:', 'ffff:', '8001:', '0:'] as const;
const CLASSES = ['1:1', '1:2', '1:10', '1:20', '2:1', '10:1', '8001:1', '1:', 'root', 'none', '7:7'] as const;
const RUBBISH = ['', '-', '1:1:1', '99999999999', '-1', 'nan', 'é', '10mb1t', '0x', '%', 'root', '1e9', '""'];
const MAX_SEND = 12;
const MAX_WAIT_NS = 50_000_000;
const MTU_FRAME = 1514;

/** What may stand where a usage text has a name in capitals; other names get a small number. */
const VALUES: readonly [RegExp, readonly string[]][] = [
  [/RATE|KBPS/, ['1mbit', '10mbit', '512kbit', '1gbit', '125kbps', '8bit', '1000000']],
  [/TIME|DELAY|JITTER/, ['1ms', '5ms', '100us', '20ms', '2s', '0', '1500']],
  [/BYTES|SIZE/, ['1600', '3000', '10kb', '64kb', '1mb', '500000', '0']],
  [/PERCENT|CORRELATION|^P\d\d|^R$|^1-/, ['0%', '1%', '25%', '50%', '100%', '0.5%']],
  [/PROBABILITY/, ['0.02', '0.1', '1']],
  [/TYPE/, ['ethernet', 'atm', 'adsl']],
  [/MASK/, ['0xff', '1023']],
];
const NUMBERS = ['0', '1', '2', '3', '4', '8', '10', '16', '64', '100', '127', '1000'];

const grammars = new Map<string, Grammar>();

/** The step that a number stands for: the same number, the same step. */
export function scriptStep(seed: number): ScriptStep {
  const random = new Random(seed, 'tc script');
  const dice = random.float();
  if (dice < 0.2) {
    const priority = random.chance(0.5)
      ? random.below(16)
      : 0x10000 * (1 + random.below(2)) + random.below(4);
    const bytes = 60 + random.below(MTU_FRAME - 59);
    return { do: 'send', packets: 1 + random.below(MAX_SEND), bytes, flow: random.below(200), priority };
  }
  if (dice < 0.3) return { do: 'wait', ns: 1 + random.below(MAX_WAIT_NS) };
  return { do: 'tc', line: scriptLine(random) };
}

/** A line: right by the grammar, nearly right, or rubbish. */
function scriptLine(random: Random): string {
  const dice = random.float();
  const words =
    dice < 0.45
      ? qdiscLine(random)
      : dice < 0.68
        ? classLine(random)
        : dice < 0.9
          ? filterLine(random)
          : showLine(random);
  const wrong = random.float();
  if (wrong < 0.7) return words.join(' ');
  if (wrong < 0.97) return spoil(random, words).join(' ');
  return Array.from({ length: random.below(8) }, () => pick(random, RUBBISH)).join(' ');
}

function qdiscLine(random: Random): string[] {
  const verb = pick(random, ['add', 'add', 'replace', 'replace', 'replace', 'change', 'link', 'del']);
  const place = random.chance(0.65) ? ['root'] : ['parent', pick(random, CLASSES)];
  const handle = random.chance(0.6) ? ['handle', pick(random, HANDLES)] : [];
  const start = ['qdisc', verb, 'dev', 'eth0', ...place, ...handle];
  if (verb === 'del') return start;
  // Half of the roots are of kinds whose classes come and go: else most class lines are refused.
  const all = [...QDISC_KINDS.values()];
  const growing = all.filter(({ classes }) => classes !== undefined);
  const kind = pick(random, place[0] === 'root' && random.chance(0.5) ? growing : all);
  // The hooks have a place of their own.
  const isHook = kind.name === 'ingress' || kind.name === 'clsact';
  if (isHook) return ['qdisc', verb, 'dev', 'eth0', kind.name];
  return [...start, kind.name, ...afterKind(random, kind.usage, kind.name)];
}

function classLine(random: Random): string[] {
  const verb = pick(random, ['add', 'add', 'add', 'change', 'replace', 'del']);
  const parent = ['parent', random.chance(0.7) ? '1:' : pick(random, CLASSES)];
  const start = ['class', verb, 'dev', 'eth0', ...parent, 'classid', pick(random, CLASSES)];
  if (verb === 'del') return start;
  const kind = pick(
    random,
    [...QDISC_KINDS.values()].filter(({ classes }) => classes !== undefined),
  );
  return [...start, kind.name, ...afterKind(random, kind.classes!.usage, kind.name)];
}

/** Filters and actions, as phrases of their own: their usage texts refer to others. */
const FILTERS = [
  'u32 match ip dport 2 0xffff',
  'u32 match ip src 10.0.0.0/8 match ip protocol 17 0xff',
  'u32 match u8 0x45 0xff at 0',
  'u32 match u16 0 0xff00 at nexthdr+2',
  'u32 match u32 0 0',
  'u32 match u32 1 0xffffffff at 4000',
  'handle 6 fw',
  'fw',
  'matchall',
  'flow hash keys src,dst,proto-dst divisor 4',
  'flow map key priority divisor 3 baseclass 1:1',
] as const;
const ACTIONS = [
  'pass',
  'drop',
  'continue',
  'reclassify',
  'gact drop',
  'mirred egress mirror dev eth0',
  'mirred egress redirect dev eth0',
  'mirred ingress redirect dev eth0',
  'skbedit priority 1:2',
  'skbedit mark 6 pipe',
  'police rate 1mbit burst 3kb',
  'police rate 8bit burst 1 conform-exceed pipe/pass',
] as const;

function filterLine(random: Random): string[] {
  const verb = pick(random, ['add', 'add', 'add', 'replace', 'change', 'del']);
  const place = pick(random, [
    'parent 1:',
    'parent 1:',
    'parent 1:1',
    'parent ffff:',
    'ingress',
    'egress',
    'root',
  ]);
  const protocol = random.chance(0.5) ? `protocol ${pick(random, ['ip', 'all', 'ipv6', '0x88cc'])}` : '';
  const pref = random.chance(0.6) ? `prio ${pick(random, ['1', '1', '2', '7', '49152', '0'])}` : '';
  const head = `filter ${verb} dev eth0 ${place} ${protocol} ${pref}`;
  const id = random.chance(0.6) ? `flowid ${pick(random, CLASSES)}` : '';
  const actions = random.chance(0.5)
    ? Array.from({ length: 1 + random.below(2) }, () => `action ${pick(random, ACTIONS)}`).join(' ')
    : '';
  const line = verb === 'del' ? head : `${head} ${pick(random, FILTERS)} ${id} ${actions}`;
  return line.split(' ').filter((word) => word !== '');
}

function showLine(random: Random): string[] {
  const options = pick(random, [[], ['-s'], ['-s', '-d'], ['-j'], ['-s', '-j', '-p']]);
  const device = random.chance(0.8) ? ['dev', 'eth0'] : [];
  return [...options, pick(random, ['qdisc', 'class', 'filter']), 'show', ...device];
}

/** One word less, more, changed or elsewhere. */
function spoil(random: Random, words: readonly string[]): string[] {
  const at = random.below(words.length);
  const other = random.chance(0.5) ? pick(random, RUBBISH) : pick(random, words);
  const how = pick(random, ['less', 'more', 'other', 'cut'] as const);
  if (how === 'cut') return words.slice(0, at);
  return words.toSpliced(at, how === 'more' ? 0 : 1, ...(how === 'less' ? [] : [other]));
}

// ---- grammars of usage texts

/** What may follow the kind's name. */
function afterKind(random: Random, usage: string, name: string): string[] {
  let grammar = grammars.get(usage);
  if (grammar === undefined) {
    grammar = parseUsage(usage, name);
    grammars.set(usage, grammar);
  }
  const words: string[] = [];
  speak(random, grammar, words);
  return words;
}

export function parseUsage(usage: string, name: string): Grammar {
  const text = usage
    .replace(new RegExp(`^.*?\\.\\.\\. ${name}\\b`, 's'), '')
    // [no]ecn, horizon_{cap|drop}: two words each.
    .replace(/\[(\w+)\](\w+)/g, '{ $1$2 | $2 }')
    .replace(/(\w+_)\{(\w+)\|(\w+)\}/g, '{ $1$2 | $1$3 }');
  const tokens = text.match(/[[\]{}|]|[^\s[\]{}|]+/g) ?? [];
  const grammar = either(tokens, false);
  if (tokens.length > 0) throw new Error(`usage of ${name}: "${tokens.join(' ')}" closes what was not open`);
  return grammar;
}

/** Up to the bracket that closes it; takes what it reads. */
function either(tokens: string[], optional: boolean): Grammar {
  const of: Grammar[] = [];
  let row: Grammar[] = [];
  while (tokens.length > 0 && tokens[0] !== ']' && tokens[0] !== '}') {
    const token = tokens.shift()!;
    if (token === '|') {
      of.push({ is: 'row', of: row });
      row = [];
    } else if (token === '[' || token === '{') {
      row.push(either(tokens, token === '['));
      if (tokens.shift() === undefined) throw new Error('a usage text opens what it does not close');
    } else if (token !== '...') row.push({ is: /^[A-Z1]/.test(token) ? 'value' : 'word', text: token });
  }
  of.push({ is: 'row', of: row });
  return { is: 'either', of, optional };
}

function speak(random: Random, grammar: Grammar, words: string[]): void {
  if (grammar.is === 'word')
    words.push(grammar.text.replace(/^count\d@offset(\d)$/, (_, n) => `1@${Number(n) - 1}`));
  else if (grammar.is === 'value') words.push(value(random, grammar.text));
  else if (grammar.is === 'row') for (const part of grammar.of) speak(random, part, words);
  else if (!grammar.optional || random.chance(0.4)) speak(random, pick(random, grammar.of), words);
}

function value(random: Random, name: string): string {
  return pick(random, VALUES.find(([names]) => names.test(name))?.[1] ?? NUMBERS);
}

function pick<Choice>(random: Random, choices: readonly Choice[]): Choice {
  return choices[random.below(choices.length)];
}
