// A life of one io-pkt interface as a seed makes it: a dozen or more steps, each what people, a cable or a protocol may do at any
// moment, then a rest, and the sums that must hold whatever happened. What was done is kept as words, for who reads a failure.

import { InetStack } from '../../src/inet/stack.ts';
import { ErrnoError } from '../../src/iopkt/errno.ts';
import type { ifnet } from '../../src/iopkt/ifnet.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  nic_config_t,
  nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../../src/iopkt/nic.ts';
import { ifmediareq_init, SIOCGDRVCOM, SIOCGIFMEDIA } from '../../src/iopkt/sockio.ts';
import { ifconfig } from '../../src/iopkt/tools/ifconfig.ts';
import { IDEAL, LOW_POWER, X86_DESKTOP } from '../../src/kernel/profile.ts';
import { Random } from '../../src/kernel/random.ts';
import type { Mbuf } from '../../src/mbuf/mbuf.ts';
import type { NetDevice } from '../../src/net/device.ts';
import { TX_LATE_COLLISION, TX_RETRY } from '../../src/wire/medium.ts';
import { BROADCAST, frame, MILLISECOND, SECOND } from './bench.ts';
import { type AnyChip, IopktHost } from './iopkt-host.ts';
import { ShimmedHost } from './shim-host.ts';

/** Drivers and cards to choose from; `devn`: the io-net driver of the card, under the shim. */
export type LifeSubjects = readonly (readonly ['pcn' | 'speedo' | 'devn', AnyChip])[];

const LIFE_SUBJECTS: LifeSubjects = [
  ['pcn', 'Am79C970A'],
  ['pcn', 'Am79C973'],
  ['speedo', 'i82557b'],
  ['speedo', 'i82558b'],
  ['speedo', 'i82559er'],
  ['speedo', 'i82550'],
  ['speedo', 'i82551'],
];

const MEDIA = ['autoselect', '100baseTX', '10baseT', 'none'];
const RATES = [0, 10_000_000, 100_000_000];
/** Long enough for watchdogs, monitors and whatever waits for them. */
const REST_NS = 15 * SECOND;

export class IopktLife {
  readonly host: IopktHost;
  readonly stack: InetStack;
  readonly words: string[] = [];
  /** Every interface there was, those that are gone included. */
  readonly devices: NetDevice[] = [];
  readonly ifnets: ifnet[] = [];
  /** Frames given to the card by the wire, and packets given to the interface. */
  arrived = 0;
  sent = 0;
  /** Damaged frames that the card counted while no driver ran. */
  unheard = 0;
  /** Before the first mount. */
  readonly fresh: Record<string, unknown>;
  private readonly random: Random;
  private readonly name: string;
  private readonly hoard: Mbuf[] = [];

  constructor(seed: number, subjects: LifeSubjects = LIFE_SUBJECTS) {
    const random = new Random(seed, 'life of an interface');
    this.random = random;
    const [driver, chip] = this.pick(subjects);
    const profile = this.pick([IDEAL, IDEAL, X86_DESKTOP, LOW_POWER]);
    const bitsPerSecond = this.pick(RATES);
    const options = this.pick([null, null, 'transmit=16,receive=16', 'transmit=16,receive=64']);
    const common = {
      chip,
      options: options ?? undefined,
      bitsPerSecond,
      mount: false,
      machine: { profile, seed, mbufs: 640, clusters: 256, debugMbufs: random.chance(0.03) },
    };
    this.host = driver === 'devn' ? new ShimmedHost(common) : new IopktHost({ ...common, driver });
    this.host.keep = false;
    this.stack = new InetStack(this.host.layer);
    this.name = `${this.host.prefix}0`;
    this.fresh = this.host.census();
    this.words.push(`${driver} on ${chip}, ${profile.name}, wire ${bitsPerSecond}, options ${options}`);
  }

  run(): void {
    this.mount();
    this.tool('10.0.0.1/24');
    this.time();
    const steps = 12 + this.random.below(25);
    for (let i = 0; i < steps; i++) this.step();
    this.rest();
  }

  private step(): void {
    const there = this.host.io.find(this.name) !== null;
    if (!there && this.random.chance(0.5)) {
      this.mount();
      this.tool('10.0.0.1/24');
      return;
    }
    const weighted: [number, () => void][] = [
      [6, () => this.time()],
      [6, () => this.sendBurst()],
      [6, () => this.arriveBurst()],
      [3, () => this.tool(`10.0.${this.random.below(200)}.1/24`)],
      [1, () => this.tool(`10.1.${this.random.below(3)}.1/24`, this.pick(['alias', '-alias']))],
      [1, () => this.tool('mtu', `${100 + this.random.below(1450)}`)],
      [3, () => this.tool(this.pick(['up', 'up', 'down', 'promisc', '-promisc', 'link0', 'debug']))],
      [2, () => this.media()],
      [2, () => this.ioctl()],
      [2, () => this.group()],
      [3, () => this.cable()],
      [1, () => this.trouble()],
      [1, () => this.exhaust()],
      [1, () => this.protocol()],
      [1, () => this.destroy()],
    ];
    let at = this.random.below(weighted.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, work] of weighted) {
      if (at < weight) {
        work();
        return;
      }
      at -= weight;
    }
  }

  // ---- what people do

  private mount(): void {
    this.try('mount', () => {
      for (const name of this.host.mount()) {
        this.devices.push(this.host.device(name));
        this.ifnets.push(this.host.ifp(name));
      }
    });
  }

  private destroy(): void {
    this.tool('destroy');
  }

  private tool(...words: string[]): void {
    this.try(`ifconfig ${words.join(' ')}`, () => ifconfig(this.host.io, this.stack, [this.name, ...words]));
  }

  private media(): void {
    const full = this.random.chance(0.5) ? ['mediaopt', 'full-duplex'] : [];
    this.tool('media', this.pick(MEDIA), ...full);
  }

  private ioctl(): void {
    const { io } = this.host;
    if (io.find(this.name) === null) return;
    const drvcom = { ifdc_name: this.name };
    const which = this.pick([
      () => io.ioctl(this.name, 0x1234, {}),
      () => io.ioctl(this.name, SIOCGIFMEDIA, ifmediareq_init(this.name, 16)),
      () =>
        io.ioctl(this.name, SIOCGDRVCOM, {
          ...drvcom,
          ifdc_cmd: DRVCOM_CONFIG,
          ifdc_len: sizeof_nic_config_t,
          ifdc_data: new nic_config_t(),
        }),
      () =>
        io.ioctl(this.name, SIOCGDRVCOM, {
          ...drvcom,
          ifdc_cmd: DRVCOM_STATS,
          ifdc_len: sizeof_nic_stats_t,
          ifdc_data: new nic_stats_t(),
        }),
      () => io.ioctl(this.name, SIOCGDRVCOM, { ...drvcom, ifdc_cmd: 0x77, ifdc_len: 4, ifdc_data: null }),
    ]);
    this.try('ioctl', which);
  }

  private group(): void {
    const device = this.devices.at(-1);
    if (device === undefined || this.host.io.find(this.name) === null) return;
    const group = Uint8Array.of(1, 0, 0x5e, 1, 2, this.random.below(4));
    const known = [...device.multicast.values()].some(
      ({ address }) => address[5] === group[5] && address[3] === 1,
    );
    this.try(`${known ? 'leave' : 'join'} group ${group[5]}`, () =>
      this.host.machine.process(() => (known ? device.removeMulticast(group) : device.addMulticast(group))),
    );
  }

  private protocol(): void {
    this.try('a protocol starts', () => this.host.io.protocolStarts('qnet'));
  }

  // ---- what the cable does

  private cable(): void {
    const { wire } = this.host;
    const flaps = this.pick([1, 1, 2, 6]);
    const rate = this.random.chance(0.3) ? this.pick(RATES) : null;
    this.words.push(rate === null ? `cable ${flaps} times from ${wire.carrier}` : `partner at ${rate}`);
    if (rate !== null) {
      wire.setRate(rate, this.random.chance(0.6));
      return;
    }
    for (let i = 0; i < flaps; i++) {
      wire.setCarrier(!wire.carrier);
      this.host.run(this.random.below(3) * MILLISECOND);
    }
  }

  /** Collisions, damaged frames, a transmission that never ends. */
  private trouble(): void {
    const { wire } = this.host;
    const what = this.pick(['collisions', 'damage', 'hang', 'hang ends']);
    this.words.push(what);
    if (what === 'collisions') wire.outcomes.push(3, TX_RETRY, TX_LATE_COLLISION, 1);
    else if (what === 'hang') wire.stuck = true;
    else if (what === 'hang ends') wire.release();
    else this.damage();
  }

  private damage(): void {
    const counters = this.host.chip.counters as { crcError?: number };
    const before = counters.crcError ?? 0;
    for (let i = 0; i < 5; i++) this.host.wire.deliverDamaged(frame(200, i));
    this.arrived += 5;
    // Nobody asks a card for what it counted before it was started.
    if (this.host.io.find(this.name)?.running !== true) this.unheard += (counters.crcError ?? 0) - before;
  }

  private arriveBurst(): void {
    const { wire } = this.host;
    const count = 1 + this.random.below(60);
    const to = this.pick([
      undefined,
      undefined,
      BROADCAST,
      Uint8Array.of(1, 0, 0x5e, 1, 2, 1),
      Uint8Array.of(2, 9, 9, 9, 9, 9),
    ]);
    const frames = Array.from({ length: count }, (_, i) => frame(60 + this.random.below(1455), i, to));
    this.arrived += count;
    const apart = this.random.chance(0.6);
    this.words.push(`${count} frames arrive${apart ? ' one by one' : ''}`);
    if (apart) wire.stream(frames, 1000 + this.random.below(200_000));
    else wire.deliver(...frames);
  }

  // ---- what protocols do

  private sendBurst(): void {
    const count = 1 + this.random.below(60);
    this.words.push(`${count} packets to send`);
    const { machine } = this.host;
    const device = this.host.io.find(this.name)?.if_netdev;
    if (device === null || device === undefined) return;
    for (let i = 0; i < count; i++) {
      const m = this.packet(frame(14 + this.random.below(1500), i));
      if (m === null) return;
      this.sent++;
      machine.process(() => device.transmit(m));
    }
  }

  /** In pieces, empty ones among them; null: no buffers. */
  private packet(bytes: Uint8Array): Mbuf | null {
    const { mbufs } = this.host.machine;
    let packet: Mbuf | null = null;
    for (let at = 0, last = false; !last; ) {
      const length = this.random.chance(0.5) ? bytes.length : this.random.below(400);
      last = at + length >= bytes.length;
      const piece = mbufs.fromBytes(bytes.subarray(at, at + length), 64);
      if (piece === null) {
        if (packet !== null) mbufs.freem(packet);
        return null;
      }
      if (packet === null) packet = piece;
      else mbufs.cat(packet, piece);
      at += length;
    }
    return packet;
  }

  /** Buffers end, all but a few, or are there again. */
  private exhaust(): void {
    const { mbufs } = this.host.machine;
    if (this.hoard.length > 0) {
      this.giveBack();
      return;
    }
    const left = this.random.below(30);
    this.words.push(`no buffers but ${left}`);
    for (let m = mbufs.getcl(); m !== null; m = mbufs.getcl()) this.hoard.push(m);
    for (let i = 0; i < left && this.hoard.length > 0; i++) mbufs.freem(this.hoard.pop()!);
  }

  private giveBack(): void {
    this.words.push('buffers again');
    for (const m of this.hoard.splice(0)) this.host.machine.mbufs.freem(m);
  }

  // ---- time

  private time(): void {
    const ns = this.pick([0, 3_000, 100_000, MILLISECOND, 20 * MILLISECOND, SECOND, 3 * SECOND]);
    this.words.push(`${ns} ns`);
    this.host.run(ns);
  }

  /** All is well again outside, and time passes until nothing is under way. */
  private rest(): void {
    const { wire } = this.host;
    this.giveBack();
    wire.release();
    wire.outcomes.length = 0;
    wire.setRate(0);
    wire.setCarrier(true);
    this.host.run(REST_NS);
    if (this.host.io.find(this.name) === null) this.mount();
    for (const words of [['media', 'autoselect'], ['mtu', '1500'], ['-promisc'], ['10.0.0.1/24'], ['up']])
      this.tool(...words);
    this.host.run(REST_NS);
  }

  /** Errors that are told are no failure. */
  private try(what: string, work: () => unknown): void {
    try {
      work();
      this.words.push(what);
    } catch (error) {
      this.words.push(`${what}: ${(error as Error).message}`);
      if (!(error instanceof ErrnoError)) throw error;
    }
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)];
  }
}
