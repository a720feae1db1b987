// Our cards under drivers that others wrote, in guests in v86: iPXE's and Linux's. What the card does for a Linux guest in
// all its detail stands in linux-guest.test.ts; here it is the slots, the lines, the states and the bus of v86.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type AttachedNic, attachNic } from '../../src/attach/v86/attach.ts';
import { busMedium } from '../../src/attach/v86/bus-medium.ts';
import { internals } from '../../src/attach/v86/emulator.ts';
import { OwnCard } from '../../src/attach/v86/own-card.ts';
import { startPolling } from '../../src/attach/v86/polling.ts';
import type { I8255xModel } from '../../src/chips/i8255x/model.ts';
import { Pcnet, type PcnetVariant } from '../../src/chips/pcnet/model.ts';
import { FakeMedium } from '../../src/chips/testing.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import type { Emulator } from '../../src/lab/server/v86.ts';
import { internetChecksum } from '../../src/net/checksum.ts';
import { FramePool } from '../../src/wire/frame.ts';
import { Link } from '../../src/wire/link.ts';
import type { Medium } from '../../src/wire/medium.ts';
import {
  type Guest,
  hasGuests,
  ipxeImage,
  keepGoing,
  linuxGuest,
  linuxImage,
  startGuest,
} from '../vocabulary/guest.ts';
import { GUEST_MAC, type GuestCard, type GuestChip, i8255xCard, pcnetCard } from '../vocabulary/guest-lab.ts';
import { join as bytesOf, word } from '../vocabulary/packets.ts';

const live = hasGuests();
const SLOW_MS = 300_000;
const VARIANTS: PcnetVariant[] = ['Am79C970A', 'Am79C973'];
const MODELS: I8255xModel[] = ['i82557b', 'i82559er'];
const UDP = 17;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

const guests: Guest<unknown>[] = [];
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  for (const guest of guests.splice(0)) await guest.destroy();
});

function realClock(): SystemClock {
  return new SystemClock(() => performance.now());
}

function mac(number: number): number[] {
  return [2, 0, 0, 0, 0, number];
}

function text(address: ArrayLike<number>): string {
  return Array.from(address, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}

interface Plug {
  medium: Medium;
  number: number;
  variant: PcnetVariant;
  slot?: number;
}

function plug(
  emulator: Emulator,
  clock: SystemClock,
  { medium, number, variant, slot }: Plug,
): AttachedNic<Pcnet> {
  return attachNic(
    emulator,
    (host) => new Pcnet(host, medium, { variant, mac: mac(number), negotiationNs: 1_000_000 }),
    {
      clock,
      slot,
      log: refuse,
    },
  );
}

/** Our models have nothing to say here. */
function refuse(message: string): void {
  throw new Error(message);
}

/** The parts of a DHCP message in a frame; every length and checksum on the way is looked at. */
function dhcp(frame: Uint8Array) {
  expect(frame.length).toBeGreaterThanOrEqual(14 + 20 + 8 + 240);
  const at16 = (at: number) => (frame[at] << 8) | frame[at + 1];
  expect(at16(12)).toBe(0x0800);
  expect([frame[14], frame[23]]).toEqual([0x45, UDP]);
  const length = at16(16);
  expect(length).toBe(frame.length - 14);
  expect(internetChecksum(frame, 14, 20)).toBe(0);
  expect(at16(38)).toBe(length - 20);
  const segment = frame.subarray(34);
  const pseudo = bytesOf(frame.subarray(26, 34), [0, UDP], word(length - 20), segment);
  expect(internetChecksum(pseudo, 0, pseudo.length)).toBe(0);
  const message = frame.subarray(42);
  expect(text(message.subarray(236, 240))).toBe('63:82:53:63');
  const options = new Map<number, Uint8Array>();
  for (let at = 240; message[at] !== 255 && at < message.length; at += 2 + message[at + 1])
    options.set(message[at], message.subarray(at + 2, at + 2 + message[at + 1]));
  return {
    to: text(frame.subarray(0, 6)),
    from: text(frame.subarray(6, 12)),
    ports: [at16(34), at16(36)],
    request: message[0],
    hardware: text(message.subarray(28, 34)),
    type: options.get(53)?.[0],
  };
}

describe.skipIf(!live)("iPXE's own driver", () => {
  it.each(VARIANTS)(
    'brings the %s up and sends its DHCPDISCOVER, byte for byte',
    { timeout: SLOW_MS },
    async (variant) => {
      const clock = realClock();
      const medium = new FakeMedium();
      const guest = await startGuest({
        image: ipxeImage(),
        clock,
        attach: (emulator) => plug(emulator, clock, { medium, number: 1, variant }),
      });
      guests.push(guest);
      await guest.expectScreen(new RegExp(`${text(mac(1))} using pcnet32 on 0000:00:03.0`), SLOW_MS / 2);
      const discovers = () => medium.sent.filter(({ bytes }) => bytes[12] === 0x08 && bytes[13] === 0x00);
      await expect.poll(() => discovers().length, { timeout: SLOW_MS / 2 }).toBeGreaterThanOrEqual(2);
      for (const { bytes } of discovers()) {
        const message = dhcp(bytes);
        expect(message).toEqual({
          to: BROADCAST,
          from: text(mac(1)),
          ports: [68, 67],
          request: 1,
          hardware: text(mac(1)),
          type: 1,
        });
      }
      const { chip, faults } = guest.attached;
      expect(chip.counters.transmitted).toBe(medium.sent.length);
      expect(faults).toBe(0);
    },
  );

  it("gets an address from v86's own fetch adapter, through our card on v86's bus", {
    timeout: SLOW_MS,
  }, async () => {
    const emulator = await emulatorWithAdapter();
    ends.push(() => emulator.destroy());
    const clock = realClock();
    ends.push(startPolling(clock, setTimeout));
    const medium = busMedium(emulator, new FramePool());
    const card = plug(emulator, clock, { medium, number: 1, variant: 'Am79C973' });
    await emulator.run();
    const screen = () => emulator.screen_adapter?.get_text_screen().join('\n');
    await expect
      .poll(screen, { timeout: SLOW_MS - 10_000 })
      .toMatch(/net0: 192\.168\.86\.100\/255\.255\.255\.0 gw 192\.168\.86\.1/);
    const { fromCard, toCard } = medium.counters;
    expect(fromCard).toMatchObject({ frames: card.chip.counters.transmitted, passed: fromCard.frames });
    expect(toCard).toMatchObject({ frames: card.chip.counters.received, passed: toCard.frames });
    expect(card.chip.counters.delivered).toBe(toCard.frames);
  });
});

describe.skipIf(!live)('a Linux guest', () => {
  it("has three cards beside v86's own, two to an interrupt line, and loses no frame", {
    timeout: SLOW_MS,
  }, async () => {
    const clock = realClock();
    const pool = new FramePool();
    const [one, two] = ['one', 'two'].map((name) => new Link({ name, clock, pool }));
    const guest = await linuxGuest({
      image: linuxImage(),
      clock,
      netDevice: 'ne2k',
      mac: mac(4),
      cards: 'three PCnets in slots 3, 4 and 9',
      attach: (emulator) => ({
        cards: [
          plug(emulator, clock, { medium: one.a, number: 1, variant: 'Am79C973', slot: 3 }),
          plug(emulator, clock, { medium: one.b, number: 2, variant: 'Am79C970A', slot: 4 }),
          // v86's own sits in slot 5; every fourth slot has its line.
          plug(emulator, clock, { medium: two.a, number: 3, variant: 'Am79C973', slot: 9 }),
        ],
        own: new OwnCard(emulator, two.b),
      }),
    });
    guests.push(guest);
    const { shell, attached } = guest;
    const { cards, own } = attached;
    await shell.succeed('modprobe pcnet32; modprobe ne2k-pci; modprobe pktgen; cd /sys/class/net');
    expect(await shell.succeed('cat eth0/address eth1/address eth2/address eth3/address')).toBe(
      [1, 2, 3, 4].map((number) => text(mac(number))).join('\n'),
    );
    expect(cards[0].irq).toBe(cards[1].irq);
    expect(cards[2].irq).not.toBe(cards[1].irq);
    await shell.succeed('for i in 0 1 2 3; do ip link set eth$i up; done');
    await shell.succeed('until [ $(cat eth?/carrier | grep -c 1) = 4 ]; do sleep 0.1; done');
    const interrupts = await shell.succeed('cat /proc/interrupts');
    expect(interrupts).toMatch(new RegExp(`^ *${cards[0].irq}: .*eth0, eth1$`, 'm'));
    expect(interrupts).toMatch(new RegExp(`^ *${cards[2].irq}: .*eth2, eth3$`, 'm'));
    // Not faster than the slowest driver empties its ring.
    for (const [from, to] of [
      [0, 1],
      [1, 0],
      [2, 3],
      [3, 2],
    ]) {
      const before = Number(await shell.succeed(`cat eth${to}/statistics/rx_packets`));
      await shell.succeed(generate(`eth${from}`, text(mac(to + 1)), 500, 200_000), 120_000);
      const arrived = async () => Number(await shell.succeed(`cat eth${to}/statistics/rx_packets`)) - before;
      await expect.poll(arrived, { timeout: 60_000 }).toBeGreaterThanOrEqual(500);
    }
    for (const card of cards) {
      const { counters } = card.chip;
      expect(card.faults).toBe(0);
      expect(counters.transmitted).toBe(counters.taken);
      expect(counters.missed).toBe(0);
      expect(counters.received).toBeGreaterThanOrEqual(500);
    }
    expect(own.report().out).toMatchObject({ passed: own.fromGuest.frames, waiting: 0 });
    expect(own.report().in.passed).toBe(own.toGuest.frames);
  });

  it.each([
    ...VARIANTS.map((variant) => [variant, pcnetCard(variant)] as const),
    ...MODELS.map((model) => [model, i8255xCard(model)] as const),
  ])(
    'goes on sending on the %s in a fresh machine, from a state in full flight, and no frame is lost or doubled',
    { timeout: SLOW_MS },
    async (_, card) => {
      const count = 3_000;
      const seen: number[] = [];
      const first = await sendingGuest(card as GuestCard<GuestChip>, seen);
      await first.shell.succeed(`modprobe ${card.module}; modprobe pktgen; ip link set eth0 up`);
      await first.shell.succeed('until [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do sleep 0.1; done');
      await first.shell.succeed(`(${generate('eth0', text(mac(9)), count, 0)}) >/tmp/log 2>&1 &`);
      await expect.poll(() => seen.length, { timeout: 60_000, interval: 1 }).toBeGreaterThan(100);
      await first.emulator.stop();
      const state = await first.emulator.save_state();
      expect(seen.length, 'it was in full flight').toBeLessThan(count);
      // What is on the first wire arrives there.
      await expect.poll(() => first.attached.pool.inUse, { timeout: 10_000 }).toBe(0);
      await first.destroy();

      const second = await sendingGuest(card as GuestCard<GuestChip>, seen);
      await second.emulator.stop();
      await second.emulator.restore_state(state);
      await second.emulator.run();
      await second.shell.succeed('wait; cat /tmp/log', 120_000);
      await expect.poll(() => seen.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(count);
      seen.sort((a, b) => a - b);
      expect(seen).toEqual(Array.from({ length: count }, (_, i) => i + seen[0]));
      expect(await second.shell.succeed('cat /sys/class/net/eth0/statistics/tx_errors')).toBe('0');
    },
  );
});

/** pktgen's commands for `count` frames, `delayNs` apart. */
function generate(name: string, to: string, count: number, delayNs: number): string {
  const set = (words: string, file: string) => `echo ${words} > /proc/net/pktgen/${file}`;
  return [
    set('rem_device_all', 'kpktgend_0'),
    set(`add_device ${name}`, 'kpktgend_0'),
    ...[`count ${count}`, 'pkt_size 700', `delay ${delayNs}`, 'dst 10.0.0.1', `dst_mac ${to}`].map((words) =>
      set(words, name),
    ),
    set('start', 'pgctrl'),
  ].join(' && ');
}

/** A guest with a card on a cable of 100 Mb/s; at its other end the numbers in pktgen's frames are noted. */
async function sendingGuest(card: GuestCard<GuestChip>, seen: number[]) {
  const clock = realClock();
  const pool = new FramePool();
  const link = new Link({ name: 'cable', clock, pool, bitsPerSecond: 100e6 });
  link.b.attach({
    receive(frame) {
      const bytes = frame.bytes();
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      if (bytes.length === 700 && view.getUint32(42) === 0xbe9be955) seen.push(view.getUint32(46));
      pool.put(frame);
    },
    transmitted() {},
    carrierChanged() {},
  });
  const guest = await linuxGuest({
    image: linuxImage(),
    clock,
    cards: `one ${card.name} ${GUEST_MAC}`,
    attach: (emulator) => {
      const options = { clock, log: refuse };
      return { pool, card: attachNic(emulator, (host) => card.make(host, link.a), options) };
    },
  });
  guests.push(guest);
  // The wire goes on while the guest is stopped.
  ends.push(keepGoing(clock));
  return guest;
}

/** An emulator without a card of its own, whose network adapter plays router and DHCP server. */
async function emulatorWithAdapter(): Promise<Emulator> {
  const { V86 } = await import('v86');
  const { bios, vgaBios, cdrom } = ipxeImage();
  const file = (bytes: Uint8Array | undefined) => ({ buffer: Uint8Array.from(bytes ?? []).buffer });
  const emulator = new V86({
    wasm_path: join(dirname(createRequire(import.meta.url).resolve('v86')), 'v86.wasm'),
    bios: file(bios),
    vga_bios: file(vgaBios),
    cdrom: file(cdrom),
    memory_size: 32 * 1024 * 1024,
    vga_memory_size: 2 * 1024 * 1024,
    // v86 makes no card for a type it does not know.
    net_device: { type: 'none' as 'ne2k', relay_url: 'fetch' },
    autostart: false,
    disable_speaker: true,
  });
  await new Promise<void>((resolve) => emulator.add_listener('emulator-ready', resolve));
  // Its own type says nothing of its inside, and will do for attachNic.
  internals(emulator);
  return emulator as unknown as Emulator;
}
