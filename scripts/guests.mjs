// `npm run guests`: fetches the guests for the emulator into labs/guests: firmware, iPXE's boot CD, and a Linux kernel of
// Debian's i386 with two small root file systems of ours: one for the emulator's guests, one (tc.cpio.gz) in which the kernel
// is the judge of tc and its disciplines. Everything comes from Debian packages of the configured sources, by an apt of its
// own; no root is needed and nothing is installed. Quick when all is there.
//
//   node scripts/guests.mjs [--json] [--refresh] [--sources FILE]
//
//   --json          prints the manifest
//   --refresh       fetches anew, for newer packages
//   --sources FILE  an apt sources file in place of the system's (Debian 13 and later have no i386 kernel: name Debian 12)
//
// The guest logs in by itself on its first serial port; its prompt is `guest# `. The kernel parameter softnet="COMMANDS" is
// run by its shell before the first prompt; `poweroff` ends it.

import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { GuestsError, packageFields, privateApt, unpack } from './guests/apt.mjs';
import { filesBelow, makeInitrd } from './guests/initrd.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, '..', 'labs', 'guests');
const manifestFile = join(target, 'MANIFEST.json');

const HOUR_MS = 3_600_000;
const ARCHITECTURE = 'i386';
/** Names the newest kernel by what it depends on. */
const KERNEL = 'linux-image-686';
const PACKAGES = ['ipxe', 'seabios', 'busybox-static', 'ethtool', 'iperf3', 'iproute2'];
const PROGRAMS = ['ethtool', 'iperf3'];
const MODULES =
  'pcnet32 mii e100 e1000 e1000e 8390 ne2k-pci virtio_pci virtio_net pktgen af_packet 8021q'.split(' ');
/** Of the second root file system. Every module of net/sched, and these. */
const TC_MODULES = 'veth dummy ifb pktgen af_packet'.split(' ');
const TC_PROGRAMS = ['tc', 'ip'];
const SCHED_FOLDER = /\/kernel\/net\/sched\//;
/** netem's tables of delays, by which tc finds them. */
const TC_TABLES = /^usr\/lib\/([^/]+\/)?tc\/[^/]+\.dist$/;
/** Files as the packages have them. */
const COPIES = {
  'bios.bin': 'usr/share/seabios/bios.bin',
  'vgabios.bin': 'usr/share/seabios/vgabios-stdvga.bin',
  'ipxe.iso': 'usr/lib/ipxe/ipxe.iso',
};

try {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, refresh: { type: 'boolean' }, sources: { type: 'string' } },
  });
  const manifest = (values.refresh ? null : present()) ?? fetchGuests(values.sources);
  if (values.json) console.log(JSON.stringify(manifest, null, 2));
  else for (const [name, { bytes }] of Object.entries(manifest.files)) say(`${name}: ${bytes} bytes`);
} catch (error) {
  if (!(error instanceof GuestsError) && !error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(`guests: ${error.message}`);
  process.exitCode = 1;
}

/** The manifest, when it was made by this script as it stands and every file is there; else null. */
function present() {
  if (!existsSync(manifestFile)) return null;
  let manifest;
  try {
    manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
  } catch {
    return null;
  }
  if (manifest.recipe !== recipe()) return null;
  const whole = Object.entries(manifest.files).every(([name, { bytes }]) => {
    const file = join(target, name);
    return existsSync(file) && statSync(file).size === bytes;
  });
  return whole ? manifest : null;
}

/** Stands for what is made how: the text of this script, its helpers and the guest's start files. */
function recipe() {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  for (const path of filesBelow(join(here, 'guests'))) {
    hash.update(path).update(readFileSync(join(here, 'guests', path)));
  }
  return hash.digest('hex');
}

function fetchGuests(sources) {
  if (sources !== undefined && !existsSync(sources))
    throw new GuestsError(`--sources ${sources}: there is no such file`);
  removeLeftovers();
  const work = join(target, `.new-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    return makeGuests(work, sources === undefined ? undefined : resolve(sources));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function makeGuests(work, sources) {
  const apt = privateApt(join(work, 'apt'), ARCHITECTURE, sources);
  say('reading the package lists');
  const complaints = apt.update();
  if (complaints !== '') say(`apt-get complains, which may not matter:\n${complaints}`);
  const names = packageNames(apt, complaints);
  say(`fetching ${names.join(', ')}`);
  const packages = apt.download(names);
  say('unpacking');
  const tree = join(work, 'tree');
  for (const file of packages) unpack(file, tree);
  const image = names.find((name) => name.startsWith('linux-image-'));
  const release = image.slice('linux-image-'.length);
  say('making the root file system');
  const initrd = makeInitrd(tree, release, MODULES, PROGRAMS);
  const packaged = filesBelow(tree);
  const sched = packaged.filter((path) => SCHED_FOLDER.test(path)).map((path) => /([^/]+)\.ko/.exec(path)[1]);
  const tables = packaged.filter((path) => TC_TABLES.test(path));
  const forTc = makeInitrd(tree, release, [...TC_MODULES, ...sched], TC_PROGRAMS, tables);

  const fresh = join(work, 'files');
  mkdirSync(fresh);
  for (const [name, path] of Object.entries(COPIES)) copyFileSync(join(tree, path), join(fresh, name));
  copyFileSync(join(tree, 'boot', `vmlinuz-${release}`), join(fresh, 'vmlinuz'));
  writeFileSync(join(fresh, 'initrd.cpio.gz'), gzipSync(initrd.bytes, { level: 9 }));
  writeFileSync(join(fresh, 'tc.cpio.gz'), gzipSync(forTc.bytes));
  const manifest = {
    recipe: recipe(),
    kernel: release,
    modules: initrd.modules,
    packages: packages.map((file) => ({ ...packageFields(file), sha256: sha256(file) })),
    files: Object.fromEntries(
      readdirSync(fresh).map((name) => {
        const file = join(fresh, name);
        return [name, { bytes: statSync(file).size, sha256: sha256(file) }];
      }),
    ),
  };
  // Without a manifest nothing is there: it goes first and comes last.
  rmSync(manifestFile, { force: true });
  for (const name of Object.keys(manifest.files)) renameSync(join(fresh, name), join(target, name));
  const written = join(work, 'MANIFEST.json');
  writeFileSync(written, `${JSON.stringify(manifest, null, 2)}\n`);
  renameSync(written, manifestFile);
  return manifest;
}

/** What to download: the wanted packages, the newest kernel, and the libraries they are linked with. */
function packageNames(apt, complaints) {
  const missing = [KERNEL, ...PACKAGES].filter((name) => !apt.has(name));
  if (missing.length > 0) {
    const none = missing.length === PACKAGES.length + 1;
    throw new GuestsError(
      `the configured apt sources offer no ${missing.join(', ')} for ${ARCHITECTURE}. ` +
        (none && complaints !== ''
          ? 'Is there a network?'
          : 'Debian 12 has them all: --sources FILE names other sources than the configured ones.'),
    );
  }
  const kernel = apt.depends(KERNEL).find((name) => /^linux-image-\d.*-686$/.test(name));
  if (kernel === undefined) throw new GuestsError(`${KERNEL} does not say which kernel is the newest`);
  const names = new Set([...PACKAGES, kernel]);
  const libraries = [...PROGRAMS, 'iproute2'];
  for (let name = libraries.pop(); name !== undefined; name = libraries.pop()) {
    for (const needed of apt.depends(name)) {
      if (names.has(needed) || !/^(lib|zlib)/.test(needed)) continue;
      names.add(needed);
      libraries.push(needed);
    }
  }
  return [...names].sort();
}

/** Work of runs that were killed. */
function removeLeftovers() {
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(target)) {
    const match = /^\.new-(\d+)$/.exec(name);
    const path = join(target, name);
    if (match === null) continue;
    // A number is given to another process in time.
    const old = Date.now() - statSync(path).mtimeMs > HOUR_MS;
    if (old || !isRunning(Number(match[1]))) rmSync(path, { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** Progress goes to standard error, so that --json is alone on standard output. */
function say(text) {
  console.error(`guests: ${text}`);
}
