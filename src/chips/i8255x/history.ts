// Random histories of an 8255x on its bench: what drivers, cables and time do to it, and what can be seen of it meanwhile.
// Two benches with the same history must show the same.

import fc from 'fast-check';
import { CB, CMD, COMMAND, RFD } from './blocks.ts';
import { DEFAULT_CONFIG, LOOPBACK_BYTE } from './config.ts';
import type { I8255xModel } from './model.ts';
import { CSR, CUC, MDI_READ, MDI_WRITE, RUC } from './sheet.ts';
import { BROADCAST, ether, GROUP, I8255xBench, MAC, OTHER, pauseFrame } from './testing.ts';

/** One act: what, and two numbers that mean what the act makes of them. */
export type Act = readonly [what: (typeof ACTS)[number], a: number, b: number];

const ACTS = [
  'start',
  'send',
  'send',
  'send',
  'flexible',
  'block',
  'configure',
  'cu',
  'ru',
  'refill',
  'arrive',
  'arrive',
  'pause',
  'finish',
  'finish',
  'wait',
  'wait',
  'medium',
  'mdi',
  'eeprom',
  'read',
  'write',
  'acknowledge',
  'port',
  'hardReset',
] as const;

const act = fc.tuple(fc.constantFrom(...ACTS), fc.nat(0xffff), fc.nat(0xffff)) as fc.Arbitrary<Act>;
/** Long enough for a link, then a driver starts; or what comes. */
const UP: Act[] = [
  ['wait', 1, 0xffff],
  ['wait', 1, 0xffff],
  ['wait', 1, 0xffff],
  ['start', 3, 0],
];
/** Among them one where a reset meets a frame on the medium. */
const beginning = fc.constantFrom<Act[]>(UP, [], [...UP, ['send', 3, 100], ['send', 3, 300], ['port', 0, 1]]);

export const histories = fc
  .tuple(beginning, fc.array(act, { minLength: 5, maxLength: 90 }))
  .map(([first, rest]) => [...first, ...rest]);

const NEGOTIATION_NS = 5_000_000;
/** So slow that no frame has left by itself while it is still wanted. */
const SLOW = 10;
const RATES = [SLOW, SLOW, 10_000_000, 100_000_000];
const DESTINATIONS = [MAC, MAC, OTHER, BROADCAST, GROUP];
const STATUSES = [0, 0, 1, 3, 0x10, 0x2f, 0x42, 0x80];
const FLAGS = [COMMAND.EL, COMMAND.EL | COMMAND.I, COMMAND.S, COMMAND.S | COMMAND.I];
/** Blocks and descriptors are made once each: memory is not endless. */
const MOST_BLOCKS = 60;

export class HistoryBench extends I8255xBench {
  private blocks = 0;
  private last = 0;

  constructor(model: I8255xModel, socketed = false) {
    super(model, 64, socketed, NEGOTIATION_NS);
    this.medium.bitsPerSecond = SLOW;
    this.medium.slow = true;
  }

  /** Does it and says what could be seen. */
  act([what, a, b]: Act): unknown {
    const { host, medium } = this;
    switch (what) {
      case 'start':
        if (this.blocks++ > MOST_BLOCKS) return null;
        this.setAddress();
        this.makeRfds(2 + (a % 3), 200, [COMMAND.EL, COMMAND.S, 0][b % 3]);
        return this.ru(RUC.START, this.rfds[0]);
      case 'send':
        return this.list(() => this.simplified(ether(OTHER, 1 + (b % 400)), FLAGS[a % 4]));
      case 'flexible':
        return this.list(() =>
          this.flexible([ether(OTHER, 20), new Uint8Array(b % 700)], FLAGS[a % 4], (a & 8) !== 0),
        );
      case 'block':
        return this.list(() => this.block((a % 8) | FLAGS[(a >> 4) % 4]));
      case 'configure':
        return this.list(() => this.configureBlock(a, b));
      case 'cu':
        return this.cu(
          [CUC.RESUME, CUC.STATIC_RESUME, CUC.DUMP_STATISTICS, CUC.LOAD_DUMP_ADDRESS][a % 4],
          b & ~3,
        );
      case 'ru':
        return this.ru([RUC.RESUME, RUC.ABORT, RUC.START, RUC.LOAD_HDS][a % 4], this.rfds[b % 2] ?? b);
      case 'refill':
        for (const at of this.rfds) host.dma.write16(at + RFD.STATUS, 0);
        return null;
      case 'arrive':
        return this.arrive(ether(DESTINATIONS[a % 5], b % 700), a % 7 === 0 ? b : undefined);
      case 'pause':
        return this.arrive(pauseFrame(b, 1 + (a % 2)));
      case 'finish':
        return this.finish(STATUSES[a % STATUSES.length]);
      case 'wait':
        // A restored frame may not wait for its medium for ever.
        if (a % 4 === 0) this.finishAll();
        return host.wait(a % 4 === 0 ? b * 200 : b * 30);
      case 'medium':
        this.finishAll();
        medium.slow = (a & 8) === 0 && RATES[a % 4] === SLOW;
        return medium.change({
          carrier: b % 4 !== 0,
          bitsPerSecond: RATES[a % 4],
          fullDuplex: (b & 8) !== 0,
        });
      case 'mdi':
        return this.mdi(a & 1 ? MDI_WRITE : MDI_READ, a % 3, b % 8, b);
      case 'eeprom':
        return a % 4 === 0 ? this.endEeprom() : this.clockEeprom(b.toString(2));
      case 'read':
        return this.read(a % 28, ([1, 2, 4] as const)[b % 3]);
      case 'write':
        return this.write(
          [CSR.SCB_CONTROL, CSR.EARLY_RECEIVE, CSR.FLOW_COMMAND, CSR.GENERAL_CONTROL][a % 4],
          1,
          b & 0xff,
        );
      case 'acknowledge':
        return this.acknowledge(b & 0xff);
      case 'port':
        if (a % 2 !== 0) return null;
        return this.port([0, 2, 1][b % 3], 0x1000);
      case 'hardReset':
        return a % 4 === 0 ? (this.socket ?? this.chip).reset() : null;
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

  /** Appends a block to the driver's list, as drivers do: the last one loses its S bit, and the CU goes on. */
  private list(make: () => number): void {
    if (this.blocks++ > MOST_BLOCKS) return;
    const { dma } = this.host;
    const at = make();
    if (this.last !== 0 && (this.status & 0xc0) !== 0) {
      dma.write32(this.last + CB.LINK, at);
      dma.write16(this.last + CB.COMMAND, dma.read16(this.last + CB.COMMAND) & ~COMMAND.S);
      this.cu(CUC.RESUME);
    } else this.cu(CUC.START, at);
    this.last = at;
  }

  private configureBlock(a: number, b: number): number {
    const at = this.block(CMD.CONFIGURE | FLAGS[a % 4]);
    const { u8 } = this.host.memory;
    u8.set(DEFAULT_CONFIG, at + CB.CONFIG);
    for (const byte of [6, 7, 15, 18, 19]) if (b % 3 === 0) u8[at + CB.CONFIG + byte] ^= a >> byte;
    u8[at + CB.CONFIG + LOOPBACK_BYTE] |= b % 5 === 0 ? 0x40 : 0;
    return at;
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
