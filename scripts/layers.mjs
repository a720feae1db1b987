// Checks the arrows between the folders of src (ARCHITECTURE.md, "Arrows"): who may import whom, who may touch Node,
// and that time and chance come only from the machine. Exits 1 with one line per offence.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');

/** What each folder may import besides itself. */
const MAY_IMPORT = {
  mbuf: ['kernel'],
  kernel: ['mbuf'],
  wire: ['kernel'],
  bus: ['kernel', 'mbuf'],
  chips: ['bus', 'kernel', 'wire'],
  net: ['kernel', 'mbuf'],
  qdisc: ['net', 'kernel', 'mbuf'],
  tc: ['net', 'qdisc', 'kernel', 'mbuf'],
  iopkt: ['bus', 'net', 'kernel', 'mbuf', 'chips'],
  ionet: ['bus', 'net', 'kernel', 'mbuf', 'chips', 'iopkt'],
  drivers: ['bus', 'net', 'kernel', 'mbuf', 'chips', 'iopkt', 'ionet'],
  inet: ['net', 'kernel', 'mbuf'],
  ports: ['wire', 'kernel'],
  attach: ['wire', 'kernel', 'bus', 'ports'],
  scenario: [
    'mbuf',
    'kernel',
    'wire',
    'bus',
    'chips',
    'net',
    'qdisc',
    'drivers',
    'iopkt',
    'ionet',
    'inet',
    'ports',
    'attach',
  ],
  verifier: [
    'mbuf',
    'kernel',
    'wire',
    'bus',
    'chips',
    'net',
    'qdisc',
    'drivers',
    'iopkt',
    'ionet',
    'inet',
    'ports',
    'attach',
    'scenario',
  ],
  compare: [
    'mbuf',
    'kernel',
    'wire',
    'bus',
    'chips',
    'net',
    'qdisc',
    'drivers',
    'iopkt',
    'ionet',
    'inet',
    'ports',
    'attach',
    'scenario',
    'verifier',
  ],
  lab: [
    'mbuf',
    'kernel',
    'wire',
    'bus',
    'chips',
    'net',
    'qdisc',
    'tc',
    'drivers',
    'iopkt',
    'ionet',
    'inet',
    'ports',
    'attach',
  ],
  bench: [
    'mbuf',
    'kernel',
    'wire',
    'bus',
    'chips',
    'net',
    'qdisc',
    'tc',
    'drivers',
    'iopkt',
    'ionet',
    'inet',
    'ports',
    'attach',
    'lab',
  ],
  cli: [
    'mbuf',
    'kernel',
    'wire',
    'bus',
    'chips',
    'net',
    'qdisc',
    'tc',
    'drivers',
    'iopkt',
    'ionet',
    'inet',
    'ports',
    'attach',
    'scenario',
    'verifier',
    'compare',
    'lab',
    'bench',
  ],
};
/** A driver knows the data sheet of its chip, never the model. */
const DRIVER_MAY_SEE = /^chips\/[a-z0-9-]+\/(sheet|ring|init-block|blocks|config)\.ts$/;
/** io-net's interface stands without io-pkt: only the shim, what both kinds of drivers share, and test vehicles see it. */
const IONET_MAY_SEE_IOPKT = /^ionet\/(shim\/|shared\.ts$|testing)/;
/** Drivers for io-net know nothing of io-pkt, nor of the shim. */
const IONET_DRIVER = /^drivers\/devn-/;
/** The tables of drivers there are. */
const DRIVER_TABLES = /^drivers\/io(net|pkt)\.ts$/;
const IONET_DRIVER_MAY_NOT = /^(iopkt\/|ionet\/shim\/)/;
/** Folders and files that may touch Node. */
const MAY_TOUCH_NODE = /^(ports|cli|bench|attach\/qtest)\/|^lab\/server/;
/** The only places where real time enters. */
const MAY_TELL_TIME = MAY_TOUCH_NODE;
const CHANCE_AND_TIME = /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|process\.hrtime)\b/;

const offences = [];
for (const entry of readdirSync(root, { recursive: true })) {
  const file = String(entry).replaceAll('\\', '/');
  if (!file.endsWith('.ts') || file.endsWith('.test.ts') || !file.includes('/')) continue;
  checkFile(file, readFileSync(join(root, file), 'utf8'));
}
for (const offence of offences) console.error(offence);
console.log(
  offences.length === 0 ? 'layers: every arrow points the right way' : `layers: ${offences.length} offences`,
);
process.exit(offences.length === 0 ? 0 : 1);

function checkFile(file, text) {
  const folder = file.split('/')[0];
  if (MAY_IMPORT[folder] === undefined)
    offences.push(`src/${file}: folder ${folder} has no place among the layers`);
  for (const match of text.matchAll(
    /^\s*(?:import|export)\b[^;'"]*?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/gm,
  )) {
    checkImport(file, folder, match[1] ?? match[2]);
  }
  const code = text.replaceAll(/\/\/.*$|\/\*[\s\S]*?\*\//gm, '');
  const told = CHANCE_AND_TIME.exec(code);
  if (told !== null && !MAY_TELL_TIME.test(file))
    offences.push(`src/${file}: ${told[1]}: time and chance come from the machine's clock and generator`);
}

function checkImport(file, folder, name) {
  if (!name.startsWith('.')) {
    if (name.startsWith('node:') && !MAY_TOUCH_NODE.test(file))
      offences.push(`src/${file}: imports ${name}; only ports, cli, bench and lab/server may touch Node`);
    return;
  }
  const target = relative(root, normalize(join(root, dirname(file), name))).replaceAll('\\', '/');
  const layer = target.split('/')[0];
  if (layer === folder) return;
  if (!(MAY_IMPORT[folder] ?? []).includes(layer))
    offences.push(`src/${file}: ${folder} may not import ${layer} (${name})`);
  if (folder === 'ionet' && layer === 'iopkt' && !IONET_MAY_SEE_IOPKT.test(file))
    offences.push(
      `src/${file}: the io-net interface may not import ${target}: only its shim and shared.ts may`,
    );
  if (folder === 'drivers' && layer === 'ionet' && !IONET_DRIVER.test(file) && !DRIVER_TABLES.test(file))
    offences.push(`src/${file}: only drivers/devn-* are drivers for io-net (${target})`);
  if (IONET_DRIVER.test(file) && IONET_DRIVER_MAY_NOT.test(target))
    offences.push(`src/${file}: a driver for io-net may not import ${target}`);
  if (folder === 'drivers' && layer === 'chips' && !DRIVER_MAY_SEE.test(target))
    offences.push(`src/${file}: a driver sees a chip's data sheet, not ${target}`);
}
