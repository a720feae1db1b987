// Debian packages through apt-get with a state of its own: the lists, cache and status of the system are neither read nor
// written, and no root is needed. Sources, keys, proxies and pins are the system's (apt.conf(5), apt-get(8)).

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a person can do something about; its message is all there is to say. */
export class GuestsError extends Error {}

const MINUTE_MS = 60_000;

/** Runs a program; gives its output and exit status. Throws GuestsError when it cannot be started or takes too long. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 10 * MINUTE_MS,
    env: { ...process.env, LC_ALL: 'C' },
    ...options,
  });
  if (result.error?.code === 'ENOENT') {
    throw new GuestsError(
      `${program} is not installed: guests are made of Debian packages, so this needs Debian`,
    );
  }
  if (result.error?.code === 'ETIMEDOUT')
    throw new GuestsError(`${program} ${args.join(' ')}: no end after 10 minutes`);
  if (result.error !== undefined) throw new GuestsError(`${program}: ${result.error.message}`);
  return { status: result.status, output: `${result.stdout}${result.stderr}`, stdout: result.stdout };
}

/**
 * A private apt in `folder` for packages of architecture `architecture` (and of all). `sources`: a sources file to use in
 * place of the system's own.
 */
export function privateApt(folder, architecture, sources) {
  for (const part of ['lists/partial', 'cache/archives/partial', 'debs']) {
    mkdirSync(join(folder, part), { recursive: true });
  }
  const configuration = join(folder, 'apt.conf');
  writeFileSync(configuration, aptConfiguration(folder, architecture, sources));
  // -c is read after the system's configuration, so that what it clears stays cleared.
  const settings = ['-c', configuration];
  return {
    /** Fetches the lists. Gives apt's complaints, since one source of many may be out of order and apt goes on; or ''. */
    update() {
      const { status, output } = run('apt-get', [...settings, '-q', 'update']);
      const complaints = output.split('\n').filter((line) => /^[EW]: /.test(line));
      return complaints.join('\n') || (status === 0 ? '' : output);
    },

    /** Whether the sources have the package. */
    has(name) {
      const { stdout } = run('apt-cache', [...settings, 'policy', name]);
      return /Candidate: (?!\(none\))/.test(stdout);
    },

    /** Names of the packages it depends on, of alternatives the first. */
    depends(name) {
      const { stdout } = run('apt-cache', [...settings, 'depends', '--important', name]);
      return [...stdout.matchAll(/^ {2}(?:Pre)?Depends: ([^<\s]+)$/gm)].map((match) => match[1]);
    },

    /** Downloads packages, checked against the signed lists; gives the paths of the files. */
    download(names) {
      const cwd = join(folder, 'debs');
      const before = new Set(readdirSync(cwd));
      const { status, output } = run('apt-get', [...settings, '-q', 'download', ...names], { cwd });
      if (status !== 0)
        throw new GuestsError(`apt-get could not download ${names.join(', ')}:\n${output.trim()}`);
      return readdirSync(cwd)
        .filter((name) => name.endsWith('.deb') && !before.has(name))
        .map((name) => join(cwd, name));
    },
  };
}

/** Name, version and architecture of a package file. */
export function packageFields(file) {
  const fields = ['Package', 'Version', 'Architecture'];
  const { status, output } = run('dpkg-deb', ['-f', file, ...fields]);
  if (status !== 0) throw new GuestsError(`dpkg-deb cannot read ${file}: ${output.trim()}`);
  const value = (field) => new RegExp(`^${field}: (.*)$`, 'm').exec(output)?.[1] ?? '';
  return { name: value('Package'), version: value('Version'), architecture: value('Architecture') };
}

export function unpack(file, folder) {
  const { status, output } = run('dpkg-deb', ['-x', file, folder]);
  if (status !== 0) throw new GuestsError(`dpkg-deb cannot unpack ${file}: ${output.trim()}`);
}

function aptConfiguration(folder, architecture, sources) {
  const quoted = (path) => `"${path}"`;
  const lines = [
    `APT::Architecture ${quoted(architecture)};`,
    '#clear APT::Architectures;',
    `APT::Architectures { ${quoted(architecture)}; };`,
    // As root, apt hands downloads to a user who cannot read this folder.
    'APT::Sandbox::User "root";',
    `Dir::State ${quoted(folder)};`,
    `Dir::State::lists ${quoted(join(folder, 'lists'))};`,
    'Dir::State::status "/dev/null";',
    `Dir::Cache ${quoted(join(folder, 'cache'))};`,
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    'Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";',
    // Hooks that look after the system's own lists and cache.
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
  ];
  if (sources !== undefined)
    lines.push(`Dir::Etc::sourcelist ${quoted(sources)};`, 'Dir::Etc::sourceparts "-";');
  return `${lines.join('\n')}\n`;
}
