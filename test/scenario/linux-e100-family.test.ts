// The whole 8255x family under Linux' own e100, side by side in one guest in v86; and TCP through some of them.

import { afterEach, describe, expect, it } from 'vitest';
import { attachNic } from '../../src/attach/v86/attach.ts';
import { I8255x, type I8255xModel } from '../../src/chips/i8255x/model.ts';
import { MODELS } from '../../src/chips/i8255x/models.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { i8255xBooks } from '../../src/lab/card-books.ts';
import { FramePool } from '../../src/wire/frame.ts';
import { Link } from '../../src/wire/link.ts';
import { linuxTcpContract } from '../contract/linux-card.ts';
import { E100_COMPLAINTS, E100_PASSED, e100Verdicts } from '../vocabulary/e100.ts';
import { type Guest, hasGuests, linuxGuest, linuxImage } from '../vocabulary/guest.ts';
import { i8255xCard, SLOW_MS, useGuestLab } from '../vocabulary/guest-lab.ts';
import { TestStation } from '../vocabulary/station.ts';

const live = hasGuests();
const start = useGuestLab();

for (const model of ['i82557b', 'i82559er'] as const) linuxTcpContract(start, i8255xCard(model));

let family: Guest<unknown> | null = null;
afterEach(async () => {
  await family?.destroy();
  family = null;
});

describe.skipIf(!live)("Linux's e100 and the whole family in one guest", () => {
  const models = Object.keys(MODELS) as I8255xModel[];
  /** An 82551 has errors that microcode mends: without it Linux leaves the card alone. */
  const MICROCODE: Partial<Record<I8255xModel, string>> = {
    i82559c: 'd101m',
    i82559er: 'd101s',
    i82551: 'd102e',
  };
  /** 134 double words, and where in them the driver puts its limits. */
  const MICROCODE_FILE_BYTES = 134 * 4 + 3;

  it('passes each part of its test on every one of them', { timeout: 2 * SLOW_MS }, async () => {
    const clock = new SystemClock(() => performance.now());
    const pool = new FramePool();
    const links = models.map((name) => new Link({ name, clock, pool, bitsPerSecond: 100e6 }));
    const warnings: string[] = [];
    const guest = await linuxGuest({
      image: linuxImage(),
      clock,
      cards: `8255x: ${models.join(' ')}`,
      attach: (emulator) =>
        models.map((model, i) =>
          attachNic(
            emulator,
            (host) => new I8255x(host, links[i].a, { model, mac: [2, 0, 0, 0, 1, i], negotiationNs: 1e6 }),
            { clock, slot: 3 + i, log: (message) => void warnings.push(message) },
          ),
        ),
    });
    family = guest;
    const { shell, attached } = guest;
    for (const { b } of links) new TestStation(b, clock);
    await shell.succeed('modprobe e100');
    const nic = (model: I8255xModel): string => `eth${models.indexOf(model)}`;
    const without = await shell.run(`ip link set ${nic('i82551')} up`);
    expect(without.output).toMatch(/No such file/);
    await shell.succeed('mkdir -p /lib/firmware/e100');
    // Nobody runs it: any bytes will do.
    for (const name of Object.values(MICROCODE)) {
      await shell.succeed(`head -c ${MICROCODE_FILE_BYTES} /dev/zero > /lib/firmware/e100/${name}_ucode.bin`);
    }
    const verdicts: Record<string, unknown> = {};
    for (const [i, model] of models.entries()) {
      const name = `eth${i}`;
      await shell.succeed(`ip link set ${name} up`);
      await shell.succeed(
        `until [ "$(cat /sys/class/net/${name}/carrier)" = 1 ]; do sleep 0.1; done`,
        60_000,
      );
      verdicts[model] = e100Verdicts((await shell.run(`ethtool -t ${name} offline`, 60_000)).output);
      const { chip, faults } = attached[i];
      expect(faults).toBe(0);
      expect(chip.counters.looped).toBe(2);
      expect(chip.counters.microcodeLoads > 0, model).toBe(model in MICROCODE);
      expect(i8255xBooks(chip.counters).sums()).toMatchObject([{ missing: 0 }, { missing: 0 }]);
    }
    expect(verdicts).toEqual(Object.fromEntries(models.map((model) => [model, E100_PASSED])));
    expect((await shell.run(E100_COMPLAINTS)).output).toBe('');
    expect(warnings).toEqual([]);
  });
});
