// Random histories of a PCnet on its bench: what drivers, cables and time do to it, and what can be seen of it meanwhile.
// Two benches with the same history must show the same.

import fc from 'fast-check';
import type { PcnetVariant } from './model.ts';
import type { SoftwareStyle } from './ring.ts';
import { ether, MAC, OTHER, PcnetBench } from './testing.ts';

/** One act: what, and two numbers that mean what the act makes of them. */
export type Act = readonly [what: (typeof ACTS)[number], a: number, b: number];

const ACTS = [
  'start',
  'command',
  'writeCsr',
  'writeBcr',
  'writePhy',
  'readCsr',
  'readBcr',
  'readPhy',
  'send',
  'send',
  'giveReceive',
  'arrive',
  'arrive',
  'finish',
  'wait',
  'wait',
  'medium',
  'suspend',
  'softReset',
  'hardReset',
  'dwio',
] as const;

const act = fc.tuple(fc.constantFrom(...ACTS), fc.nat(0xffff), fc.nat(0xffff)) as fc.Arbitrary<Act>;
/** Long enough for a link, then a driver starts; or what comes. */
const beginning = fc.oneof(
  fc.tuple(fc.nat(2), fc.constantFrom(0, 3, 6, 9)).map(([a, b]): Act[] => [
    ['wait', 0, 0xffff],
    ['start', a, b],
  ]),
  fc.constant<Act[]>([]),
);

export const histories = fc
  .tuple(beginning, fc.array(act, { minLength: 5, maxLength: 90 }))
  .map(([first, rest]) => [...first, ...rest]);

/** CSR0 as drivers write it. */
const COMMANDS = [0x0004, 0x0041, 0x0042, 0x0048, 0x7f40, 0x0000];
/** CSR15: normal, loopbacks, forced collision, promiscuous, one half off. */
const MODES = [0, 0, 0, 0x0044, 0x0004, 0x0054, 0x8000, 0x0001, 0x0002];
const STYLES: readonly SoftwareStyle[] = [2, 3, 0];
/** Short: a chip may poll every microsecond meanwhile. */
const NEGOTIATION_NS = 5_000_000;
/** So slow that no frame has left by itself while it is still wanted. */
const SLOW = 10;
const RATES = [SLOW, SLOW, 10_000_000, 100_000_000];
/** STP and ENP, and at times a piece of a chain. */
const FLAGS = [0x03000000, 0x03000000, 0x03000000, 0x03000000, 0x03000000, 0x02000000, 0x01000000];
const STATUSES = [0, 0, 1, 3, 0x10, 0x20, 0x42, 0x80];

export class HistoryBench extends PcnetBench {
  private dwio = false;

  constructor(variant: PcnetVariant, socketed = false) {
    super(variant, socketed, NEGOTIATION_NS);
    this.medium.bitsPerSecond = SLOW;
    this.medium.slow = true;
  }
  private starts = 0;
  /** Descriptor for the next frame. */
  private next = 0;

  /** Does it and says what could be seen. */
  act([what, a, b]: Act): unknown {
    const { medium } = this;
    switch (what) {
      case 'start':
        return this.restart(a, b);
      case 'command':
        return this.writeCsr(0, COMMANDS[a % COMMANDS.length]);
      case 'writeCsr':
        return this.writeCsr(a % 128, b);
      case 'writeBcr':
        return this.writeBcr(a % 64, b);
      case 'writePhy':
        return this.writePhy(a % 5, b);
      case 'readCsr':
        return this.csr(a % 128);
      case 'readBcr':
        return this.bcr(a % 64);
      case 'readPhy':
        return this.phy(a % 8);
      case 'send':
        return this.sendNext(a, b);
      case 'giveReceive':
        for (let i = 0; i < (this.receiveRing?.count ?? 0); i++)
          if (!this.receiveRing.owned(i)) this.receiveRing.give(i);
        return null;
      case 'arrive':
        return this.arrive(ether(a & 1 ? MAC : OTHER, b % 700), a % 5 === 0 ? b : undefined);
      case 'finish':
        return this.finish(STATUSES[a % STATUSES.length]);
      case 'wait':
        // A restored frame may not wait for its medium for ever.
        if (a % 4 === 0) this.finishAll();
        return this.host.wait(a % 4 === 0 ? b * 200 : b * 30);
      case 'medium':
        this.finishAll();
        medium.slow = (a & 8) === 0 && RATES[a % 4] === SLOW;
        return medium.change({
          carrier: b % 4 !== 0,
          bitsPerSecond: RATES[a % 4],
          fullDuplex: (b & 8) !== 0,
        });
      case 'suspend':
        return this.writeCsr(5, a & 1);
      case 'softReset':
        return this.dwio ? this.chip.readBar(0, 0x18, 4) : this.chip.readBar(0, 0x14, 2);
      case 'hardReset':
        this.dwio = false;
        return this.chip.reset();
      case 'dwio':
        // Seldom: no way leads back but a hard reset.
        if (a % 4 !== 0) return null;
        this.chip.writeBar(0, 0x10, 4, 0);
        this.dwio = true;
        return null;
    }
  }

  /** All there is to see, without touching the chip. */
  look(): unknown {
    const { host, medium, chip } = this;
    return {
      sent: medium.sent,
      line: host.line,
      rises: host.rises,
      warnings: host.warnings,
      timeNs: host.clock.now(),
      frames: medium.pool.inUse,
      counters: { ...chip.counters },
      memory: fingerprint(host.memory.u32),
    };
  }

  /** The frames that are with the medium leave. */
  finishAll(): void {
    for (let i = 0; i < 1000 && this.finish(0); i++);
  }

  override csr(register: number): number {
    if (!this.dwio) return super.csr(register);
    this.chip.writeBar(0, 0x14, 4, register);
    return this.chip.readBar(0, 0x10, 4);
  }

  override writeCsr(register: number, value: number): void {
    if (!this.dwio) {
      super.writeCsr(register, value);
      return;
    }
    this.chip.writeBar(0, 0x14, 4, register);
    this.chip.writeBar(0, 0x10, 4, value);
  }

  override bcr(register: number): number {
    if (!this.dwio) return super.bcr(register);
    this.chip.writeBar(0, 0x14, 4, register);
    return this.chip.readBar(0, 0x1c, 4);
  }

  override writeBcr(register: number, value: number): void {
    if (!this.dwio) {
      super.writeBcr(register, value);
      return;
    }
    this.chip.writeBar(0, 0x14, 4, register);
    this.chip.writeBar(0, 0x1c, 4, value);
  }

  private restart(a: number, b: number): void {
    // Each start takes a few pages.
    if (this.starts++ > 20) return;
    this.writeCsr(0, 0x0004);
    this.next = 0;
    this.start({
      style: STYLES[a % 3],
      mode: MODES[b % MODES.length],
      csr4: (b & 0x100) !== 0 ? 0x1915 : 0x0115,
      csr5: (b & 0x200) !== 0 ? 0x8000 : 0,
      bufferBytes: 256,
    });
  }

  private sendNext(a: number, b: number): void {
    if (this.transmitRing === undefined) return;
    const { count } = this.transmitRing;
    // Nearly always in order, as drivers do.
    const index = a % 16 === 0 ? b % count : this.next % count;
    if (!this.transmitRing.owned(index)) {
      this.fill(index, ether(a & 1 ? MAC : OTHER, 1 + (b % 200)), FLAGS[b % FLAGS.length]);
      this.next = index + 1;
    }
    if ((a & 2) !== 0) this.demand();
  }

  private finish(status: number): boolean {
    if (!this.medium.busy) return false;
    this.medium.finish(status);
    return true;
  }
}

/** FNV-1a over words: comparing, and above all showing, all of memory takes too long. */
function fingerprint(words: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return hash >>> 0;
}
