// Our 8255x judged by strangers: Debian's Linux with its own e100 module, in v86. What is right is what Linux says is. What
// it says of the whole family stands in linux-e100-family.test.ts, of QEMU's models in linux-e100-qemu.test.ts.

import { describe, expect, it } from 'vitest';
import type { I8255xModel } from '../../src/chips/i8255x/model.ts';
import { linuxCardContract } from '../contract/linux-card.ts';
import { E100_COMPLAINTS, E100_PASSED, e100Verdicts } from '../vocabulary/e100.ts';
import { hasGuests } from '../vocabulary/guest.ts';
import {
  awaitCarrier,
  bringUp,
  expectNothingVanished,
  GUEST_MAC,
  HOST_ADDRESS,
  i8255xCard,
  peerHost,
  SLOW_MS,
  statistic,
  useGuestLab,
} from '../vocabulary/guest-lab.ts';
import { ethernet, STRANGER } from '../vocabulary/packets.ts';
import { TestStation } from '../vocabulary/station.ts';

const live = hasGuests();
/** The oldest, and the one in a chip set, for which Linux has a way of its own. */
const CHOSEN: I8255xModel[] = ['i82557b', 'i82801'];
const MAC = Uint8Array.from(GUEST_MAC.split(':'), (octet) => Number.parseInt(octet, 16));
const EXPERIMENTAL = 0x88b5;
/** What the guest has done by then it will never do. */
const SETTLE_MS = 60_000;

const start = useGuestLab();

describe.skipIf(!live).each(CHOSEN)("Linux's e100 on the %s", (model) => {
  const card = i8255xCard(model);

  it('names the card and finds nothing wrong with it', { timeout: SLOW_MS }, async () => {
    const { guest, link, clock, warnings } = await start(card);
    const { shell } = guest;
    peerHost(clock, link.a);
    await shell.succeed('modprobe e100');
    const { memoryBase, irq } = guest.attached;
    const said = await shell.succeed('dmesg | grep e100');
    expect(said).toContain(`addr 0x${memoryBase.toString(16)}, irq ${irq}, MAC addr ${GUEST_MAC}`);
    await shell.succeed('ip link set eth0 up');
    await awaitCarrier(guest, 1);
    expect(await shell.succeed('dmesg | grep "NIC Link"')).toMatch(
      /eth0: NIC Link is Up 100 Mbps Full Duplex/,
    );
    expect(await shell.succeed('ethtool -i eth0')).toMatch(/^driver: e100\n[\s\S]*bus-info: 0000:00:03\.0$/m);
    const settings = await shell.succeed('ethtool eth0');
    expect(settings).toMatch(/Speed: 100Mb\/s\s+Duplex: Full\s+Auto-negotiation: on/);
    expect(settings).toContain('Link detected: yes');
    expect(await shell.succeed('ethtool -e eth0 length 6')).toMatch(/0x0000:\s+02 00 00 00 00 02/);
    expect((await shell.run(E100_COMPLAINTS)).output).toBe('');
    expect(warnings).toEqual([]);
  });

  it("passes each part of the driver's own test", { timeout: SLOW_MS }, async () => {
    const lab = await start(card);
    const { shell } = lab.guest;
    peerHost(lab.clock, lab.link.a);
    await bringUp(lab);
    lab.recording = true;
    for (const mode of ['offline', 'online']) {
      const { output, status } = await shell.run(`ethtool -t eth0 ${mode}`, 60_000);
      expect(output).toMatch(/The test result is PASS/);
      expect(e100Verdicts(output)).toEqual(E100_PASSED);
      expect(status).toBe(0);
    }
    // Both loopbacks sent a frame, all ones, that came back and did not leave.
    expect(lab.chip.counters.looped).toBe(2);
    expect(lab.seen.filter(({ bytes }) => bytes.every((octet) => octet === 0xff))).toEqual([]);
    expect(lab.seen.length).toBeGreaterThan(0);
    lab.recording = false;
    await awaitCarrier(lab.guest, 1);
    expect(await shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
    // Without the card in use, and without a cable: then the link is missing and nothing else.
    lab.link.setCarrier(false);
    await shell.succeed('ip link set eth0 down');
    const { output } = await shell.run('ethtool -t eth0 offline', 60_000);
    expect(e100Verdicts(output)).toEqual({ ...E100_PASSED, 'Link test': 1 });
    expect(lab.warnings).toEqual([]);
    await expectNothingVanished(lab);
  });

  it('shows its statistics and its registers', { timeout: SLOW_MS }, async () => {
    const lab = await start(card, 0);
    const { guest, link, chip } = lab;
    const { shell } = guest;
    const station = new TestStation(link.a, lab.clock);
    await bringUp(lab);
    for (let i = 0; i < 30; i++) station.offer(ethernet(MAC, STRANGER, EXPERIMENTAL, new Uint8Array(46)));
    for (let i = 0; i < 20; i++) station.offer(ethernet(MAC, STRANGER, EXPERIMENTAL, new Uint8Array(20)));
    for (let i = 0; i < 10; i++) {
      const frame = link.pool.from(ethernet(MAC, STRANGER, EXPERIMENTAL, new Uint8Array(100)));
      frame.fcsExplicit = true;
      frame.fcs = ~frame.goodFcs() >>> 0;
      link.a.send(frame);
    }
    await expect.poll(() => chip.counters.received, { timeout: SLOW_MS }).toBeGreaterThanOrEqual(60);
    // The driver has the chip's statistics dumped every two seconds.
    const look = 'ethtool -S eth0 | grep -q "rx_short_frame_errors: 20"';
    await shell.succeed(`for i in $(seq 100); do ${look} && break; sleep 0.1; done; ${look}`, 60_000);
    const shown = Object.fromEntries(
      [...(await shell.succeed('ethtool -S eth0')).matchAll(/^ +(\w+): (\d+)$/gm)].map(([, name, count]) => [
        name,
        Number(count),
      ]),
    );
    expect(shown).toMatchObject({
      rx_packets: chip.counters.delivered,
      tx_packets: chip.counters.transmitted,
      rx_errors: 30,
      rx_crc_errors: 10,
      rx_length_errors: 20,
      rx_over_errors: 0,
      rx_fifo_errors: 0,
      tx_errors: 0,
      tx_dropped: 0,
      tx_deferred: 0,
      rx_short_frame_errors: 20,
      tx_tco_packets: 0,
    });
    expect(chip.counters).toMatchObject({ runt: 20, crcError: 10 });
    const registers = await shell.succeed('ethtool -d eth0');
    expect(registers).toMatch(/RU Status: +Ready/);
    expect(registers).toMatch(/CU Status: +Suspended/);
    expect(registers).toMatch(/ALL Interrupts: +no/);
    expect(lab.warnings).toEqual([]);
    await expectNothingVanished(lab);
  });

  it('takes every speed and duplex it is told, and negotiates again', { timeout: SLOW_MS }, async () => {
    const lab = await start(card, 0);
    const { guest, chip } = lab;
    const { shell } = guest;
    peerHost(lab.clock, lab.link.a);
    await bringUp(lab);
    for (const [mbps, duplex] of [
      [10, 'half'],
      [100, 'half'],
      [10, 'full'],
      [100, 'full'],
    ] as const) {
      await shell.succeed(`ethtool -s eth0 autoneg off speed ${mbps} duplex ${duplex}`);
      await expect
        .poll(() => chip.phy.link, { timeout: SETTLE_MS })
        .toEqual({ up: true, bitsPerSecond: mbps * 1e6, fullDuplex: duplex === 'full' });
      const words = new RegExp(`Speed: ${mbps}Mb/s\\s+Duplex: ${duplex}\\s+Auto-negotiation: off`, 'i');
      expect(await shell.succeed('ethtool eth0')).toMatch(words);
      // The driver looks at its link every two seconds; on an ICH it then has a way of its own to send in this mode.
      if (mbps === 10 && duplex === 'half') await shell.succeed('sleep 2.5');
      expect(await shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
    }
    // 10 Mb/s is all that it offers.
    await shell.succeed('ethtool -s eth0 autoneg on advertise 0x003');
    await expect.poll(() => chip.phy.link.bitsPerSecond, { timeout: SETTLE_MS }).toBe(10e6);
    await shell.succeed('ethtool -s eth0 autoneg on advertise 0x00f');
    await expect.poll(() => chip.phy.link.bitsPerSecond, { timeout: SETTLE_MS }).toBe(100e6);
    await awaitCarrier(guest, 1);
    expect(await shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
    expect(lab.warnings).toEqual([]);
    await expectNothingVanished(lab);
  });

  it('loses its link and finds it again', { timeout: SLOW_MS }, async () => {
    const lab = await start(card);
    const { guest, link, clock } = lab;
    const { shell } = guest;
    peerHost(clock, link.a);
    await bringUp(lab);
    link.setCarrier(false);
    await awaitCarrier(guest, 0);
    expect(await shell.succeed('ethtool eth0')).toContain('Link detected: no');
    link.setCarrier(true);
    await awaitCarrier(guest, 1);
    expect(await shell.succeed('dmesg | grep "NIC Link"')).toMatch(
      /Link is Up[\s\S]*Link is Down\n[\s\S]*Link is Up 100 Mbps Full Duplex/,
    );
    expect(await shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
    expect(await statistic(lab, 'rx_errors')).toBe(0);
    await expectNothingVanished(lab);
  });

  linuxCardContract(start, card);
});
