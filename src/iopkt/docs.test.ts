// What docs/porting and docs/driver-tutorial.md say is there: the files and functions they name, the links they have, the names
// of the interface they teach; the tutorial quotes the whole driver, line by line, and the worked port pieces of two.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as iopkt from './index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TUTORIAL = 'docs/driver-tutorial.md';
const WORKED_PORT = 'docs/porting/worked-port.md';
const PORTING = readdirSync(join(ROOT, 'docs/porting')).map((name) => `docs/porting/${name}`);
const DRIVERS = ['speedo', 'pcn', 'devn-speedo', 'devn-pcnet'].map((name) => `src/drivers/${name}/README.md`);
const COMPARISON = ['docs/compare.md', 'docs/costs.md', 'src/compare/README.md'];
const PAGES = [
  'README.md',
  TUTORIAL,
  ...PORTING,
  ...DRIVERS,
  ...COMPARISON,
  'src/iopkt/README.md',
  'src/ionet/README.md',
];

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Text without code blocks. */
function prose(path: string): string {
  return read(path).replaceAll(/^```[\s\S]*?^```/gm, '');
}

/** `name` is declared in a source: as a function, class, constant, type, or method. */
function declares(source: string, name: string): boolean {
  return new RegExp(
    `\\b(function\\*?|class|const|let|interface|type) ${name}\\b|^  (private )?${name}\\(`,
    'm',
  ).test(source);
}

describe.each(PAGES)('%s', (page) => {
  test('its links lead somewhere', () => {
    const links = [...prose(page).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)].map((match) => match[1]);
    const broken = links.filter((link) => !existsSync(resolve(ROOT, dirname(page), link)));
    expect(broken.filter((link) => !link.startsWith('https:'))).toEqual([]);
  });

  test('the files and functions that it names exist', () => {
    const missing: string[] = [];
    const named = /`((?:src|examples|docs|scripts)\/[\w./-]+)`(?:\))?(?:\]\([^)]*\))?((?:[:,( ]+`\w+`)*)/g;
    for (const [, path, functions] of prose(page).matchAll(named)) {
      if (!existsSync(join(ROOT, path))) missing.push(path);
      else if (path.endsWith('.ts'))
        for (const [, name] of functions.matchAll(/`(\w+)`/g))
          if (!declares(read(path), name)) missing.push(`${path}: ${name}`);
    }
    expect(missing).toEqual([]);
  });
});

test('porting names functions of both drivers in every area', () => {
  const areas = PORTING.filter((page) => !/README|checklist|worked-port/.test(page));
  expect(areas.length).toBeGreaterThan(7);
  for (const page of areas)
    for (const driver of ['speedo', 'pcn'])
      expect(prose(page), page).toMatch(new RegExp(`\`src/drivers/${driver}/\\w+\\.ts\`: \`\\w+\``));
});

test('the new names are names of softnet/io-pkt', () => {
  const table = read('docs/porting/checklist.md').split('## Old names and new ones')[1];
  const rows = [...table.matchAll(/^\| (.+) \| (.+) \| \[.*\|$/gm)];
  expect(rows.length).toBeGreaterThan(25);
  const names = rows.flatMap(([, , cell]) => [...cell.matchAll(/`(\w+)`/g)].map((match) => match[1]));
  expect(names.filter((name) => !(name in iopkt))).toEqual([]);
});

test('names of functions that pages teach are names of softnet/io-pkt', () => {
  // Of the interface: calls that begin as its families do.
  const family =
    /`((?:if|ifmedia|ether|m|callout|nic|nw|interrupt|shutdownhook|dev|MDI|IFQ|NW|ETHER)_\w+)(?:\(|`)/g;
  /** Fields and functions of structures, and names of C alone. */
  const fields =
    /^(if_(init|stop|start|ioctl|watchdog|softc|snd|snd_ex|flags|flags_tx|xname|input|timer|sadl|[io](packets|errors|bytes))|m_(len|next|pkthdr))$/;
  const unknown = new Set<string>();
  for (const page of [TUTORIAL, ...PORTING])
    for (const [, name] of prose(page).matchAll(family))
      if (!(name in iopkt) && !fields.test(name)) unknown.add(`${page}: ${name}`);
  expect([...unknown]).toEqual([]);
});

/** As it reads, whatever its lines. */
function words(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

test('what the worked port quotes is in the file that it names', () => {
  const page = read(WORKED_PORT);
  const quoted = [...page.matchAll(/^`(src\/[\w./-]+)`:\n\n```ts\n([\s\S]*?)^```$/gm)];
  expect(quoted.length).toBeGreaterThan(20);
  expect(quoted.length, 'a piece without its file').toBe(page.match(/^```ts$/gm)!.length);
  const wrong = quoted.filter(([, path, piece]) => !words(read(path)).includes(words(piece)));
  expect(wrong.map(([, path, piece]) => `${path}: ${piece}`)).toEqual([]);
});

test('the worked port: what becomes of what is in the old driver, and in the new one', () => {
  const rows = [...read(WORKED_PORT).matchAll(/^\| (.*`\w+\.ts`.*|nothing.*) \| (.*) \|$/gm)];
  expect(rows.length).toBeGreaterThan(45);
  const missing = rows.flatMap(([row]) => {
    const [old, next] = row.slice(2).split(' | ');
    return [...missingIn('devn-speedo', old), ...missingIn('speedo', next)];
  });
  expect(missing).toEqual([]);
});

/** Functions that a cell names behind `file.ts`: and that are not there. */
function missingIn(driver: string, cell: string): string[] {
  let path = '';
  const missing: string[] = [];
  for (const [, name] of cell.matchAll(/`([\w.]+)`/g)) {
    if (name.endsWith('.ts')) path = `src/drivers/${driver}/${name}`;
    else if (path !== '' && OF_THE_SYSTEM.includes(name)) continue;
    else if (path !== '' && !declares(read(path), name)) missing.push(`${path}: ${name}`);
  }
  return missing;
}

/** Named in cells, and no driver's. */
const OF_THE_SYSTEM = ['dev_attach', 'disable', 'spare', 'groups', 'if_snd', 'tx_done'];

test("the tutorial's pieces are the driver, all of it and in its order", () => {
  const pieces = [...read(TUTORIAL).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
  expect(pieces.length).toBeGreaterThan(10);
  expect(pieces.join('\n')).toBe(read('examples/tiny-driver/driver.ts'));
});

test('the example in porting imports what there is', () => {
  const [, names] = /import \{ (.*) \} from 'softnet\/io-pkt'/.exec(read('docs/porting/README.md'))!;
  for (const name of names.split(', ')) expect(iopkt).toHaveProperty(name);
});
