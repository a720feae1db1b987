// Labs as a seed makes them, with people at their tools: interfaces are changed, destroyed and mounted again under traffic, at
// moments that the seed chooses. Nothing vanishes, no buffer is left behind, and each run can be repeated byte for byte.

import { expect, test } from 'vitest';
import { VirtualClock } from '../../src/kernel/clock.ts';
import { Random } from '../../src/kernel/random.ts';
import { Lab } from '../../src/lab/lab.ts';
import { loadLab } from '../../src/lab/load.ts';
import { reportLab } from '../../src/lab/report.ts';
import { runVirtual } from '../../src/lab/run-virtual.ts';
import { runTool, ToolError, type ToolHost } from '../../src/lab/tools.ts';
import { captureFile } from '../vocabulary/capture-files.ts';
import { randomLab } from '../vocabulary/random-lab.ts';
import { numbered } from '../vocabulary/station.ts';

const FOR_NS = 200_000_000;
const SLICE_NS = 1_000_000;
/** Labs with io-pkt are about two in three. */
const LABS = 40;
/** A seed to repeat by itself, and how many and from where for a campaign. */
const ONLY = process.env.SOFTNET_TOOLS_SEED;
const [FROM, COUNT] = (process.env.SOFTNET_TOOLS_CAMPAIGN ?? `1,${LABS}`).split(',').map(Number);
const seeds = ONLY === undefined ? Array.from({ length: COUNT }, (_, i) => FROM + i) : [Number(ONLY)];

const FILE = captureFile(
  'pcapng',
  [60, 1514].map((length, i) => numbered(i, length)),
);
const MEDIA = ['autoselect', '100baseTX', '10baseT', 'none', '1000baseT'];

/** A command line for a host's tools; most of them make sense. */
function command(random: Random, host: ToolHost, address: string): string[] {
  const pick = <T>(choices: readonly T[]): T => choices[random.below(choices.length)];
  const names = host.io!.ifnets.map((ifp) => ifp.if_xname);
  const name = names.length === 0 ? 'en0' : pick(names);
  const other = address.replace(/\.\d+\//, `.${100 + random.below(100)}/`);
  const change = (...words: string[]): string[] => ['ifconfig', name, ...words];
  const driver = pick(['speedo', 'pcn', 'devnp-speedo.so', 'devn-pcnet.so', 'devn-speedo.so']);
  const choices: (() => string[])[] = [
    () => ['mount', '-T', 'io-pkt', ...(random.chance(0.3) ? ['-o', `lan=${random.below(9)}`] : []), driver],
    () => change('destroy'),
    () => change(address),
    () => change(other),
    () => change(other, pick(['alias', '-alias'])),
    () => change('delete'),
    () => change(pick(['up', 'down', 'promisc', '-promisc', 'link0', 'debug'])),
    () => change('mtu', `${46 + random.below(1500)}`),
    () => change('media', pick(MEDIA), ...(random.chance(0.5) ? ['mediaopt', 'full-duplex'] : [])),
    () => ['ifconfig', pick(['-av', '-mz', '-lu'])],
    () => ['nicinfo'],
    () => ['netstat', pick(['-i', '-m'])],
  ];
  // What has gone comes back soon, so that there is traffic.
  if (names.length === 0 && random.chance(0.6)) return choices[0]();
  if (host.io!.ifnets.some((ifp) => !ifp.up) && random.chance(0.4)) return change(address);
  return pick(choices)();
}

function run(text: string, seed: number): { report: string; done: string[] } {
  const random = new Random(seed, 'tools');
  const lab = new Lab(loadLab('random.yaml', text), { clock: new VirtualClock(), readFile: () => FILE });
  const hosts = lab.hosts.filter(({ io }) => io !== null);
  const done: string[] = [];
  for (const _ of runVirtual(lab, FOR_NS, SLICE_NS)) {
    if (!random.chance(0.15)) continue;
    const host = hosts[random.below(hosts.length)];
    const { name, nics } = host.spec;
    const { address, prefix } = nics[random.below(nics.length)].address!;
    const dotted = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.');
    const argv = command(random, host, `${dotted}/${prefix}`);
    try {
      runTool(lab, name, argv);
      done.push(`${lab.clock.now()} ${name}: ${argv.join(' ')}`);
    } catch (error) {
      done.push(`${lab.clock.now()} ${name}: ${argv.join(' ')}: ${(error as Error).message}`);
      if (!(error instanceof ToolError)) throw new Error(done.join('\n'), { cause: error });
    }
  }
  const report = reportLab(lab);
  expect(report.conservation.vanished, done.join('\n')).toEqual([]);
  for (const { io, machine, stack } of hosts) {
    if (io!.dead) continue;
    for (const ifp of [...io!.ifnets]) io!.destroy(ifp.if_xname);
    expect(machine.mbufs.inUse, done.join('\n')).toBe(stack.balance().held);
    expect([io!.callouts.size, io!.hooks.length, io!.interrupts.sources.length]).toEqual([0, 0, 0]);
  }
  return { report: JSON.stringify(report), done };
}

const withIoPkt = seeds.filter((seed) => randomLab(seed).includes('stack: io-pkt'));
test.each(withIoPkt)('random lab %i with tools: nothing vanishes and nothing is left behind', (seed) => {
  const text = randomLab(seed);
  const repeat = `seed ${seed}; SOFTNET_TOOLS_SEED=${seed} npx vitest run test/scenario/tools-lab.test.ts\n${text}`;
  let first = { report: '', done: [''] };
  try {
    first = run(text, seed);
  } catch (error) {
    throw new Error(`${repeat}\n${(error as Error).message}`, { cause: error });
  }
  expect(first.done.length, repeat).toBeGreaterThan(5);
  expect(run(text, seed), repeat).toEqual(first);
});
