// The model beside QEMU's: the same registers, blocks and frames, and what both show. Where they differ, and the manual
// decides for the model, the comparison leaves it out and README.md says so.

import { describe, expect, test } from 'vitest';
import { hasProgram, requirement } from '../../../test/vocabulary/require.ts';
import { QemuMachine } from '../../attach/qtest/machine.ts';
import { PciBus, type PciDevice } from '../../bus/pci.ts';
import { COMMAND_IO, COMMAND_MASTER, COMMAND_MEMORY, PCI_COMMAND, PCI_STATUS } from '../../bus/pci-config.ts';
import type { Registers } from '../../bus/registers.ts';
import { SystemClock, VirtualClock } from '../../kernel/clock.ts';
import { Machine } from '../../kernel/machine.ts';
import type { PhysicalMemory } from '../../kernel/memory.ts';
import { FakeMedium } from '../testing.ts';
import { CB, CMD, COMMAND, RFD, RFD_COUNT, RFD_STATUS } from './blocks.ts';
import { CONFIG, configBytes } from './config.ts';
import { I8255x, type I8255xModel } from './model.ts';
import { CSR, CUC, CUC_SHIFT, PORT, RUC } from './sheet.ts';
import { BROADCAST, ether, GROUP, MAC, OTHER } from './testing.ts';

const MEMORY_BYTES = 8 << 20;
const SLOT = 4;
/** Above what a PC has no memory at, below what the machine's pools take. */
const AREA = 0x700000;
const DEADLINE_MS = 20_000;
const { EL, S, I, SF } = COMMAND;

const hasQemu = requirement(
  'QEMU',
  hasProgram('qemu-system-x86_64') || hasProgram('qemu-system-i386'),
  'qemu-system-x86 is not installed',
);

/** A card in a slot, ours or QEMU's. */
interface Subject {
  pci: PciDevice;
  registers: Registers;
  memory: PhysicalMemory;
  medium: FakeMedium;
  /** Until this is so; throws when it never is. */
  until(what: string, done: () => boolean): Promise<void>;
  close(): void;
}

function pools(memory: PhysicalMemory) {
  return { memory, mbufs: 16, clusters: 16 };
}

function ours(model: I8255xModel): Subject {
  const clock = new VirtualClock();
  const medium = new FakeMedium();
  const machine = new Machine({ clock, memory: MEMORY_BYTES, mbufs: 16, clusters: 16 });
  const pci = new PciBus(machine).plug(
    SLOT,
    (host) => new I8255x(host, medium, { model, mac: MAC, negotiationNs: 1000 }),
  );
  return {
    ...opened(pci),
    memory: machine.memory,
    medium,
    until: async (what, done) => {
      clock.run(clock.now() + 1_000_000);
      if (!done()) throw new Error(`never: ${what}`);
    },
    close: () => {},
  };
}

function qemus(model: I8255xModel): Subject {
  const clock = new SystemClock(() => performance.now());
  const medium = new FakeMedium();
  const nic = { model, mac: MAC, slot: SLOT, medium };
  const qemu = new QemuMachine({ nics: [nic], memoryBytes: MEMORY_BYTES, clock });
  const machine = new Machine({ clock, ...pools(qemu.memory) });
  const pci = new PciBus(machine).plugFunction(SLOT, qemu.function(SLOT));
  return {
    ...opened(pci),
    memory: qemu.memory,
    medium,
    until: async (what, done) => {
      const end = performance.now() + DEADLINE_MS;
      while (!done()) {
        if (performance.now() > end) throw new Error(`never: ${what}`);
        qemu.poll(64);
        await qemu.waitReadable(20);
      }
    },
    close: () => qemu.close(),
  };
}

/** Decoding and bus mastering on, interrupts masked. */
function opened(pci: PciDevice): { pci: PciDevice; registers: Registers } {
  pci.enable();
  pci.setMaster();
  const registers = pci.registers(1);
  registers.write8(CSR.SCB_CONTROL, 1);
  return { pci, registers };
}

function scb({ registers }: Subject, command: number, pointer: number): void {
  registers.write32(CSR.SCB_POINTER, pointer);
  registers.write8(CSR.SCB_COMMAND, command);
}

/** A command block alone in its list; its status word, and what the SCB says. QEMU raises MDI at times: bit 11. */
function run(subject: Subject, at: number, command: number, body: ArrayLike<number> = []): number[] {
  const { memory, registers } = subject;
  memory.u8.fill(0, at, at + 32);
  memory.u16[(at + CB.COMMAND) >> 1] = command;
  memory.u32[(at + CB.LINK) >> 2] = at;
  memory.u8.set(Array.from(body), at + CB.ADDRESS);
  registers.write8(CSR.SCB_STAT_ACK, 0xff);
  scb(subject, CUC.START << CUC_SHIFT, at);
  return [memory.u16[at >> 1], registers.read16(CSR.SCB_STATUS) & ~0x0800];
}

function readEeprom({ registers }: Subject, address: number): { word: number; head: string } {
  let head = '';
  const clockBit = (bit: number): number => {
    const pins = 2 | (bit << 2);
    registers.write16(CSR.EEPROM_CONTROL, pins);
    registers.write16(CSR.EEPROM_CONTROL, pins | 1);
    const out = (registers.read16(CSR.EEPROM_CONTROL) >> 3) & 1;
    registers.write16(CSR.EEPROM_CONTROL, pins);
    return out;
  };
  for (let i = 8; i >= 0; i--) head += clockBit((((6 << 6) | address) >> i) & 1);
  let word = 0;
  for (let i = 0; i < 16; i++) word = (word << 1) | clockBit(0);
  registers.write16(CSR.EEPROM_CONTROL, 0);
  return { word, head };
}

/** Descriptors in a ring, the last one with EL, and the RU started. */
function listen(subject: Subject, count: number): number[] {
  const { memory } = subject;
  const rfds = Array.from({ length: count }, (_, i) => AREA + 0x10000 + 0x800 * i);
  rfds.forEach((at, i) => {
    memory.u8.fill(0, at, at + 0x800);
    memory.u16[(at + RFD.COMMAND) >> 1] = i === count - 1 ? EL : 0;
    memory.u32[(at + RFD.LINK) >> 2] = rfds[(i + 1) % count];
    memory.u16[(at + RFD.SIZE) >> 1] = 1536;
  });
  scb(subject, RUC.START, rfds[0]);
  return rfds;
}

/** Frames that were stored, without what QEMU does not tell: type or length, EOF and F. */
function stored({ memory }: Subject, rfds: number[]): unknown[] {
  return rfds
    .filter((at) => memory.u16[at >> 1] !== 0)
    .map((at) => {
      const count = memory.u16[(at + RFD.ACTUAL_COUNT) >> 1] & RFD_COUNT.BYTES;
      return {
        status: memory.u16[at >> 1] & ~RFD_STATUS.TYPE,
        bytes: Array.from(memory.u8.slice(at + RFD.DATA, at + RFD.DATA + count)),
      };
    });
}

async function both<Seen>(
  model: I8255xModel,
  script: (subject: Subject) => Promise<Seen> | Seen,
): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (const make of [ours, qemus]) {
    const subject = make(model);
    try {
      seen.push(await script(subject));
    } finally {
      subject.close();
    }
  }
  return seen;
}

describe.skipIf(!hasQemu).each<I8255xModel>(['i82557b', 'i82559er'])('%s beside QEMU', (model) => {
  test('identity, reset values, EEPROM, self-test, statistics', async () => {
    const [our, theirs] = await both(model, (subject) => {
      const { pci, registers, memory } = subject;
      const scbAtFirst = registers.read32(0);
      const words = Array.from({ length: 64 }, (_, i) => readEeprom(subject, i));
      memory.u32.fill(0xffffffff, AREA >> 2, (AREA >> 2) + 32);
      registers.write32(CSR.PORT, AREA | PORT.SELF_TEST);
      const selfTest = [memory.u32[AREA >> 2] !== 0, memory.u32[(AREA >> 2) + 1]];
      scb(subject, CUC.LOAD_DUMP_ADDRESS << CUC_SHIFT, AREA);
      scb(subject, CUC.DUMP_STATISTICS << CUC_SHIFT, 0);
      const dumped = Array.from(memory.u32.slice(AREA >> 2, (AREA >> 2) + 18));
      scb(subject, CUC.DUMP_RESET_STATISTICS << CUC_SHIFT, 0);
      return {
        ids: [pci.vendorId, pci.deviceId, pci.revision, pci.classCode],
        command: pci.readConfig(PCI_COMMAND, 2) & (COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER),
        status: pci.readConfig(PCI_STATUS, 2) & 0xff90,
        pin: pci.readConfig(0x3d, 1),
        minGrant: pci.readConfig(0x3e, 1),
        kinds: [pci.barAddress(0)?.kind, pci.barAddress(1)?.kind],
        scb: scbAtFirst,
        pointer: registers.read32(4),
        eeprom: registers.read16(CSR.EEPROM_CONTROL),
        ready: registers.read32(CSR.MDI_CONTROL) & 0xf0000000,
        mac: words.slice(0, 3),
        sum: words.reduce((sum, { word }) => (sum + word) & 0xffff, 0),
        selfTest,
        dumped,
        reset: memory.u32[(AREA >> 2) + 16],
      };
    });
    expect(our).toEqual(theirs);
    expect(our.dumped).toEqual([...new Array(16).fill(0), 0xa005, 0xffffffff]);
  });

  test('command blocks: status, causes and states', async () => {
    const [our, theirs] = await both(model, (subject) => {
      const seen = [
        run(subject, AREA, CMD.NOP | EL),
        run(subject, AREA, CMD.NOP | EL | I),
        run(subject, AREA, CMD.NOP | S),
        run(subject, AREA, CMD.INDIVIDUAL_ADDRESS | EL, MAC),
        run(subject, AREA, CMD.CONFIGURE | EL | I, configBytes([])),
        run(subject, AREA, CMD.MULTICAST | EL, [6, 0, ...GROUP]),
      ];
      // Resumed when the driver has cleared S and made another block.
      const { memory, registers } = subject;
      const next = AREA + 0x100;
      run(subject, AREA, CMD.NOP | S);
      memory.u32[next >> 2] = EL << 16;
      memory.u32[(AREA + CB.LINK) >> 2] = AREA;
      memory.u16[(AREA + CB.COMMAND) >> 1] = EL;
      registers.write8(CSR.SCB_STAT_ACK, 0xff);
      scb(subject, CUC.RESUME << CUC_SHIFT, 0);
      seen.push([memory.u16[AREA >> 1], registers.read16(CSR.SCB_STATUS) & ~0x0800]);
      return seen;
    });
    expect(our).toEqual(theirs);
    expect(our[0]).toEqual([0xa000, 0x2000]);
  });

  test('the frames that pass, and what is said of them', async () => {
    const groups = Array.from({ length: 48 }, (_, n) => [0x01, 0x00, 0x5e, 0x01, n, 7 * n]);
    const [our, theirs] = await both(model, async (subject) => {
      const { medium, memory, registers } = subject;
      run(subject, AREA, CMD.INDIVIDUAL_ADDRESS | EL, MAC);
      // Pause frames are another story, and bad ones do not come.
      run(subject, AREA, CMD.CONFIGURE | EL, configBytes([CONFIG.FC_DISABLE]));
      const list = groups.filter((_, n) => n % 12 === 0).flat();
      run(subject, AREA, CMD.MULTICAST | EL, [list.length, 0, ...list]);
      const rfds = listen(subject, 40);
      await subject.until('a link', () => true);
      const lengths = [60, 61, 200, 1514];
      for (const destination of [MAC, OTHER, BROADCAST, ...groups, GROUP])
        medium.arrive(ether(destination, 100));
      for (const length of lengths) medium.arrive(ether(MAC, length));
      // A frame of its own length is the last one.
      medium.arrive(ether(BROADCAST, 77));
      const last = (): boolean =>
        rfds.some(
          (at) =>
            (memory.u16[(at + RFD.ACTUAL_COUNT) >> 1] & RFD_COUNT.BYTES) === 77 && memory.u16[at >> 1] !== 0,
        );
      await subject.until('the last frame', last);
      return { frames: stored(subject, rfds), scb: registers.read16(CSR.SCB_STATUS) & 0x503c };
    });
    expect(our).toEqual(theirs);
    expect(our.frames.length).toBeGreaterThan(8);
    expect(our.frames.length).toBeLessThan(20);
  });

  test('a promiscuous card, and the end of the descriptors', async () => {
    const [our, theirs] = await both(model, async (subject) => {
      const { medium, memory, registers } = subject;
      run(subject, AREA, CMD.INDIVIDUAL_ADDRESS | EL, MAC);
      run(subject, AREA, CMD.CONFIGURE | EL, configBytes([CONFIG.PROMISCUOUS, CONFIG.FC_DISABLE]));
      const rfds = listen(subject, 2);
      await subject.until('a link', () => true);
      registers.write8(CSR.SCB_STAT_ACK, 0xff);
      medium.arrive(ether(MAC, 100));
      medium.arrive(ether(OTHER, 101));
      await subject.until('both', () => memory.u16[rfds[1] >> 1] !== 0);
      const scbStatus = registers.read16(CSR.SCB_STATUS) & ~0x0800;
      // QEMU does not set the IA bit with the other one.
      const frames = stored(subject, rfds).map((frame) => ({
        ...(frame as { status: number }),
        status: (frame as { status: number }).status & ~RFD_STATUS.NO_IA_MATCH,
      }));
      registers.write8(CSR.SCB_COMMAND, RUC.ABORT);
      return { frames, scbStatus, idle: registers.read8(CSR.SCB_STATUS) & 0x3c };
    });
    expect(our).toEqual(theirs);
    expect(our.scbStatus & 0x503c).toBe(0x5008);
  });

  test('frames sent in both modes', async () => {
    const [our, theirs] = await both(model, async (subject) => {
      const { medium, memory } = subject;
      await subject.until('a link', () => true);
      const frame = ether(OTHER, 300);
      const body = new Uint8Array(8 + 300);
      new DataView(body.buffer).setUint32(0, 0xffffffff, true);
      new DataView(body.buffer).setUint32(4, 0x00018000 | 300, true);
      body.set(frame, 8);
      const simplified = run(subject, AREA, CMD.TRANSMIT | EL | I, body);
      // Three pieces.
      const array = AREA + 0x1000;
      const buffer = AREA + 0x2000;
      memory.u8.set(frame, buffer);
      for (const [i, [from, size]] of [
        [0, 14],
        [14, 100],
        [114, 186],
      ].entries()) {
        memory.u32[(array + 8 * i) >> 2] = buffer + from;
        memory.u32[(array + 8 * i + 4) >> 2] = size;
      }
      const words = new Uint8Array(8);
      new DataView(words.buffer).setUint32(0, array, true);
      new DataView(words.buffer).setUint32(4, 0x03018000, true);
      const flexible = run(subject, AREA, CMD.TRANSMIT | SF | EL | I, words);
      await subject.until('two frames', () => medium.sent.length === 2);
      return { simplified, flexible, sent: medium.sent.map(({ bytes }) => Array.from(bytes)) };
    });
    expect(our).toEqual(theirs);
    expect(our.sent).toEqual([Array.from(ether(OTHER, 300)), Array.from(ether(OTHER, 300))]);
  });
});
