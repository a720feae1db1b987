// What Linux' e100 says of QEMU's models of the 8255x: the same kernel and the same driver as in linux-e100.test.ts, where
// every part of the test passes on ours. Seen with QEMU 7.2. When QEMU mends what fails here, this test fails: then the
// table in src/chips/i8255x/README.md and the expectations below want a new look.

import { afterEach, describe, expect, it } from 'vitest';
import { E100_PASSED, e100Verdicts } from '../vocabulary/e100.ts';
import { hasGuests } from '../vocabulary/guest.ts';
import { SLOW_MS } from '../vocabulary/guest-lab.ts';
import { hasQemu } from '../vocabulary/qemu.ts';
import { type QemuGuest, qemuLinuxGuest } from '../vocabulary/qemu-guest.ts';

const live = hasGuests() && hasQemu;
const MODELS = ['i82557b', 'i82559er', 'i82562', 'i82801'];
/** The frame did not come back. */
const EAGAIN = 11;
const FAILED = {
  ...E100_PASSED,
  'Mac loopback': -EAGAIN,
  'Phy loopback': -EAGAIN,
};

let guest: QemuGuest | null = null;
afterEach(() => {
  guest?.destroy();
  guest = null;
});

describe.skipIf(!live)("Linux's e100 on QEMU's models", () => {
  it('gets no frame back in loopback: it leaves through the cable', { timeout: 2 * SLOW_MS }, async () => {
    guest = await qemuLinuxGuest(MODELS);
    const { shell } = guest;
    await shell.succeed('modprobe e100');
    const verdicts: Record<string, unknown> = {};
    const leaked: Record<string, number> = {};
    for (const [i, model] of MODELS.entries()) {
      await shell.succeed(`ip link set eth${i} up`);
      const { output } = await shell.run(`ethtool -t eth${i} offline`, SLOW_MS);
      expect(output).toMatch(/The test result is FAIL/);
      verdicts[model] = e100Verdicts(output);
      // The driver's test frame is ones and nothing else.
      const ones = guest.frames(i).filter((frame) => frame.every((byte) => byte === 0xff));
      leaked[model] = ones.length;
    }
    expect(verdicts).toEqual(Object.fromEntries(MODELS.map((model) => [model, FAILED])));
    expect(leaked).toEqual(Object.fromEntries(MODELS.map((model) => [model, 2])));
  });

  it('finds no dump command behind its registers', { timeout: 2 * SLOW_MS }, async () => {
    guest = await qemuLinuxGuest(['i82559er']);
    const { shell, words } = guest;
    await shell.succeed('modprobe e100; ip link set eth0 up');
    expect(words()).not.toContain('undefined command');
    await shell.succeed('ethtool -d eth0');
    await expect.poll(words, { timeout: SLOW_MS }).toContain('undefined command');
  });
});
