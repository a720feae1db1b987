// Two io-pkt hosts on a cable with traffic both ways, and the cable is exchanged: 100 Mb/s full duplex, 10 half, 100 full again.
// The link renegotiates at both ends, and nothing is lost but what the wire dropped and the queues counted.

import { describe, expect, test } from 'vitest';
import { InetStack } from '../../src/inet/stack.ts';
import { mediaName } from '../../src/iopkt/ifmedia-words.ts';
import { ifmediareq_init, SIOCGIFMEDIA } from '../../src/iopkt/sockio.ts';
import { ifconfig } from '../../src/iopkt/tools/ifconfig.ts';
import { VirtualClock } from '../../src/kernel/clock.ts';
import { type CpuProfile, IDEAL, X86_DESKTOP } from '../../src/kernel/profile.ts';
import { conservation } from '../../src/net/conservation.ts';
import { FAR_MAC, frame, HOST_MAC, MILLISECOND, SECOND } from '../vocabulary/bench.ts';
import { ChangeableCable } from '../vocabulary/iopkt-cable.ts';
import { type AnyChip, IopktHost } from '../vocabulary/iopkt-host.ts';

type End = readonly ['pcn' | 'speedo', AnyChip];

const PAIRS: readonly (readonly [End, End, CpuProfile])[] = [
  [['speedo', 'i82559er'], ['speedo', 'i82557b'], IDEAL],
  [['speedo', 'i82550'], ['pcn', 'Am79C973'], IDEAL],
  [['pcn', 'Am79C973'], ['speedo', 'i82558b'], X86_DESKTOP],
  [['pcn', 'Am79C973'], ['pcn', 'Am79C973'], X86_DESKTOP],
];

class Pair {
  readonly clock = new VirtualClock();
  readonly cable = new ChangeableCable(this.clock);
  readonly a: IopktHost;
  readonly b: IopktHost;
  readonly sent = { a: 0, b: 0 };
  private turn = 0;

  constructor(a: End, b: End, profile: CpuProfile) {
    const { clock, cable } = this;
    const make = ([driver, chip]: End, mac: Uint8Array, medium: typeof cable.a): IopktHost => {
      const machine = { profile, mbufs: 4096, clusters: 2048 };
      const host = new IopktHost({
        driver,
        chip,
        mac,
        medium,
        clock,
        machine,
        mount: false,
        negotiationNs: 20 * MILLISECOND,
      });
      host.keep = false;
      host.mount();
      host.machine.process(() => host.device().open());
      return host;
    };
    this.a = make(a, HOST_MAC, cable.a);
    this.b = make(b, FAR_MAC, cable.b);
    this.negotiated(100, true);
  }

  get hosts(): readonly [IopktHost, IopktHost] {
    return [this.a, this.b];
  }

  /** Datagrams both ways for so long, one every 300 us each. */
  load(ns: number): void {
    for (const end = this.clock.now() + ns; this.clock.now() < end; ) {
      const size = 60 + ((this.turn++ * 97) % 1454);
      this.a.send(frame(size, this.turn, FAR_MAC, HOST_MAC), [0, 14]);
      this.b.send(frame(1514 - size + 60, this.turn, HOST_MAC, FAR_MAC));
      this.sent.a++;
      this.sent.b++;
      this.clock.run(this.clock.now() + 300_000);
    }
  }

  /** Both say so, by ifconfig's means, within 20 s under load. */
  negotiated(mbps: number, fullDuplex: boolean, load = false): void {
    const word = `${mbps}base${mbps === 100 ? 'TX' : 'T'}${fullDuplex ? ' full-duplex' : ''}`;
    const agreed = (): boolean => this.hosts.every((host) => host.device().carrier && active(host) === word);
    for (let tries = 0; !agreed() && tries < 2000; tries++) {
      if (load) this.load(10 * MILLISECOND);
      else this.clock.run(this.clock.now() + 10 * MILLISECOND);
    }
    expect(this.hosts.map(active)).toEqual([word, word]);
    for (const host of this.hosts) {
      const { media_rate, duplex } = host.config();
      expect([media_rate, duplex]).toEqual([mbps * 1000, fullDuplex ? 1 : 0]);
    }
  }

  /** Another cable, under load. */
  change(mbps: number, fullDuplex: boolean): void {
    this.cable.pull();
    this.load(5 * MILLISECOND);
    this.cable.plug(mbps * 1_000_000, fullDuplex);
  }

  /** Everything that was to be sent has been, or has been dropped. */
  drain(): void {
    this.clock.run(this.clock.now() + 10 * SECOND);
    for (const host of this.hosts) {
      expect(conservation(host.device())).toMatchObject({ text: '', queued: 0, held: 0 });
      host.stats();
    }
  }

  /** One direction: what was given to the sender is at the receiver, or somebody says why not. */
  account(direction: 'a>b' | 'b>a'): void {
    const [from, to, given] =
      direction === 'a>b' ? [this.a, this.b, this.sent.a] : [this.b, this.a, this.sent.b];
    const wire = this.cable.carried(direction);
    const books = conservation(from.device());
    const into = to.device();
    const taker = to.chip.counters as unknown as Record<string, number>;
    const { if_ierrors } = to.ifp();
    expect(books.offered).toBe(given);
    expect(books.sent + books.transmitDrops).toBe(given);
    // Off the wire, into the card; from there to the protocols.
    expect(taker.received).toBe(wire.delivered);
    expect(into.rx.packets + if_ierrors + taker.linkDown).toBe(wire.delivered);
    expect(to.receivedCount).toBe(into.rx.packets);
    expect(to.receivedCount).toBeGreaterThan(100);
    // Most of what the wire drops its sender hears of, and has not counted as sent.
    const lost = books.sent - to.receivedCount;
    expect(lost).toBeGreaterThanOrEqual(0);
    expect(lost).toBeLessThanOrEqual(wire.drops + taker.linkDown + if_ierrors);
  }
}

function active(host: IopktHost): string {
  const name = `${host.prefix}0`;
  const request = ifmediareq_init(name, 0);
  host.io.ioctl(name, SIOCGIFMEDIA, request);
  return mediaName(request.ifm_active);
}

describe.each(PAIRS)('%s and %s', (a, b, profile) => {
  test('100 full to 10 half and back under load: only what the wire or a queue dropped is lost', () => {
    const pair = new Pair(a, b, profile);
    pair.load(50 * MILLISECOND);
    pair.change(10, false);
    pair.negotiated(10, false, true);
    pair.load(100 * MILLISECOND);
    pair.change(100, true);
    pair.negotiated(100, true, true);
    pair.load(50 * MILLISECOND);
    pair.drain();
    pair.account('a>b');
    pair.account('b>a');
  });

  test('the same by ifconfig media at both ends', () => {
    const pair = new Pair(a, b, profile);
    const books = pair.hosts.map((host) => new InetStack(host.layer));
    const media = (...words: string[]): void => {
      for (const [i, host] of pair.hosts.entries())
        ifconfig(host.io, books[i], [`${host.prefix}0`, 'media', ...words]);
    };
    pair.load(30 * MILLISECOND);
    pair.change(10, false);
    media('10baseT');
    pair.negotiated(10, false, true);
    pair.load(60 * MILLISECOND);
    pair.change(100, true);
    media('100baseTX', 'mediaopt', 'full-duplex');
    pair.negotiated(100, true, true);
    pair.load(30 * MILLISECOND);
    media('autoselect');
    pair.negotiated(100, true, true);
    pair.drain();
    pair.account('a>b');
    pair.account('b>a');
  });
});
