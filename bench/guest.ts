// Throughput of a Linux guest in v86 through our cards, beside v86's own, in one run: iperf3 in the guest against
// iperf3 on this computer's kernel, behind a TAP in a network namespace. As root, after `npm run guests`:
//
//   npx tsc -p bench && node out/bench/guest.js [SECONDS]
//
// All cards go the same way: guest, card, a wire without rate or delay, TAP, kernel. Target: ours above the ne2k.

import { execFileSync, spawn } from 'node:child_process';
import { attachNic } from '../src/attach/v86/attach.ts';
import { OwnCard } from '../src/attach/v86/own-card.ts';
import { I8255x, type I8255xModel } from '../src/chips/i8255x/model.ts';
import { Pcnet, type PcnetVariant } from '../src/chips/pcnet/model.ts';
import { SystemClock } from '../src/kernel/clock.ts';
import type { Emulator } from '../src/lab/server/v86.ts';
import { Tap } from '../src/ports/tap.ts';
import { FramePool } from '../src/wire/frame.ts';
import { Link } from '../src/wire/link.ts';
import type { Medium } from '../src/wire/medium.ts';
import { linuxGuest, linuxImage } from '../test/vocabulary/guest.ts';

const SECONDS = Number(process.argv[2] ?? 8);
const NAMESPACE = `softnet-bench-${process.pid}`;
/** Frames into the card before the guest gets its turn: half of its driver's receive ring. */
const TAP_BATCH = 16;
const MAC = [2, 0, 0, 0, 0, 0x77];

interface Card {
  name: string;
  netDevice: 'none' | 'ne2k' | 'virtio';
  module: string;
  plug(emulator: Emulator, medium: Medium, clock: SystemClock): unknown;
}

const own = (name: 'ne2k' | 'virtio', module: string): Card => ({
  name: `v86:${name}`,
  netDevice: name,
  module,
  plug: (emulator, medium) => new OwnCard(emulator, medium, { queueFrames: 1024 }),
});
const pcnet = (variant: PcnetVariant): Card => ({
  name: variant,
  netDevice: 'none',
  module: 'pcnet32',
  plug: (emulator, medium, clock) =>
    attachNic(emulator, (host) => new Pcnet(host, medium, { variant, mac: MAC, negotiationNs: 1e6 }), {
      clock,
    }),
});
const i8255x = (model: I8255xModel): Card => ({
  name: model,
  netDevice: 'none',
  module: 'e100',
  plug: (emulator, medium, clock) =>
    attachNic(emulator, (host) => new I8255x(host, medium, { model, mac: MAC, negotiationNs: 1e6 }), {
      clock,
    }),
});
const CARDS = [
  pcnet('Am79C973'),
  pcnet('Am79C970A'),
  i8255x('i82557b'),
  i8255x('i82559c'),
  own('ne2k', 'ne2k-pci'),
  own('virtio', 'virtio_pci virtio_net'),
];

interface Rates {
  card: string;
  outMbit: number;
  inMbit: number;
}

const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'inherit' });
const inside = ['netns', 'exec', NAMESPACE];

ip('netns', 'add', NAMESPACE);
try {
  const results: Rates[] = [];
  for (const card of CARDS) {
    console.error(`${card.name} ...`);
    results.push(await measure(card));
  }
  const ne2k = results.find(({ card }) => card === 'v86:ne2k')!;
  const rate = (mbit: number): string =>
    Number.isNaN(mbit) ? '  stalled' : `${mbit.toFixed(0).padStart(4)} Mbit/s`;
  const ratio = (mbit: number, other: number): string => (mbit / other).toFixed(2);
  for (const { card, outMbit, inMbit } of results) {
    const times = `${ratio(outMbit, ne2k.outMbit)} / ${ratio(inMbit, ne2k.inMbit)} of the ne2k`;
    console.log(
      `${card.padEnd(11)} out ${rate(outMbit)}, in ${rate(inMbit)}${times.includes('NaN') ? '' : `; ${times}`}`,
    );
  }
} finally {
  ip('netns', 'delete', NAMESPACE);
}
process.exit(0);

async function measure(card: Card): Promise<Rates> {
  const clock = new SystemClock(() => performance.now());
  const link = new Link({ name: 'wire', clock, pool: new FramePool() });
  const tap = new Tap({ medium: link.b, name: 'bench0', address: '10.77.0.1/24', namespace: NAMESPACE });
  const guest = await linuxGuest({
    image: linuxImage(),
    netDevice: card.netDevice,
    mac: card.netDevice === 'none' ? undefined : MAC,
    cards: `bench ${card.name}`,
    attach: (emulator) => card.plug(emulator, link.a, clock),
    clock,
  });
  let going = true;
  const pump = (): void => {
    if (!going) return;
    tap.poll(TAP_BATCH);
    setImmediate(pump);
  };
  pump();
  const server = spawn('ip', [...inside, 'iperf3', '-s'], { stdio: 'ignore' });
  try {
    const { shell } = guest;
    await shell.succeed(`modprobe -a ${card.module}`);
    await shell.succeed('ip link set eth0 up && ip address add 10.77.0.7/24 dev eth0');
    await shell.succeed('for i in 1 2 3 4 5 6 7 8 9; do ping -c 1 -W 1 10.77.0.1 && break; done');
    // v86's ne2k stops now and then and never goes on: that is a result, not the end of the bench.
    const run = async (way: string): Promise<number> => {
      const command = `iperf3 -c 10.77.0.1 -t ${SECONDS} -f m ${way}`;
      const text = await shell.succeed(command, (SECONDS + 20) * 1000).catch(() => '');
      return Number(/([\d.]+) Mbits\/sec\s+receiver/.exec(text)?.[1] ?? Number.NaN);
    };
    return { card: card.name, outMbit: await run(''), inMbit: await run('-R') };
  } finally {
    going = false;
    server.kill();
    tap.close();
    await guest.destroy();
  }
}
