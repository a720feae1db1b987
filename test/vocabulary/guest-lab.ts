// A Linux guest with one of our cards, and a cable to whatever a test puts at its other end: a host of ours, a station of
// the test's own, or the kernel of this computer.

import { afterEach, expect } from 'vitest';
import { type AttachedNic, attachNic } from '../../src/attach/v86/attach.ts';
import type { DeviceHost, PciChip } from '../../src/bus/host.ts';
import { PciBus } from '../../src/bus/pci.ts';
import { I8255x, type I8255xModel } from '../../src/chips/i8255x/model.ts';
import { Pcnet, type PcnetVariant } from '../../src/chips/pcnet/model.ts';
import { pcnet32Driver } from '../../src/drivers/pcnet32/pcnet32.ts';
import { InetStack } from '../../src/inet/stack.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { Machine } from '../../src/kernel/machine.ts';
import { type CardBooks, i8255xBooks, pcnetBooks } from '../../src/lab/card-books.ts';
import type { NetDevice } from '../../src/net/device.ts';
import { DeviceLayer } from '../../src/net/layer.ts';
import { PfifoFast } from '../../src/qdisc/pfifo-fast.ts';
import { FramePool } from '../../src/wire/frame.ts';
import { FrameTap } from '../../src/wire/frame-tap.ts';
import { Link } from '../../src/wire/link.ts';
import type { Medium } from '../../src/wire/medium.ts';
import { type Guest, linuxGuest, linuxImage } from './guest.ts';

export const GUEST_MAC = '02:00:00:00:00:02';
export const GUEST_ADDRESS = '10.0.0.2';
export const HOST_ADDRESS = '10.0.0.1';
const HOST_MAC = [2, 0, 0, 0, 0, 1];
const FAST_ETHERNET = 100_000_000;
/** The PHYs need not take the time of real ones. */
const NEGOTIATION_NS = 1_000_000;
const GUEST_OCTETS = GUEST_MAC.split(':').map((octet) => Number.parseInt(octet, 16));
/** The first start of a guest on a busy computer. */
export const SLOW_MS = 300_000;

/** A frame that passed the guest's card, FCS left out. */
export interface SeenFrame {
  direction: 'in' | 'out';
  bytes: Uint8Array;
}

/** A chip whose books tell at least this. */
export interface GuestChip extends PciChip {
  readonly counters: Record<
    'received' | 'delivered' | 'deliveredBytes' | 'transmitted' | 'transmittedBytes',
    number
  >;
}

/** A card of ours as a Linux guest has it. */
export interface GuestCard<Chip extends GuestChip> {
  name: string;
  /** Linux' driver for it. */
  module: string;
  make(host: DeviceHost, medium: Medium): Chip;
  books(chip: Chip): CardBooks;
}

export function pcnetCard(variant: PcnetVariant): GuestCard<Pcnet> {
  return {
    name: variant,
    module: 'pcnet32',
    make: (host, medium) =>
      new Pcnet(host, medium, { variant, mac: GUEST_OCTETS, negotiationNs: NEGOTIATION_NS }),
    books: (chip) => pcnetBooks(chip.counters),
  };
}

export function i8255xCard(model: I8255xModel): GuestCard<I8255x> {
  return {
    name: model,
    module: 'e100',
    make: (host, medium) =>
      new I8255x(host, medium, { model, mac: GUEST_OCTETS, negotiationNs: NEGOTIATION_NS }),
    books: (chip) => i8255xBooks(chip.counters),
  };
}

export interface GuestLab<Chip extends GuestChip = GuestChip> {
  card: GuestCard<Chip>;
  guest: Guest<AttachedNic<Chip>>;
  chip: Chip;
  clock: SystemClock;
  link: Link;
  /** Frames between cable and card while `recording`. */
  seen: SeenFrame[];
  recording: boolean;
  /** What the card's model had to say. */
  warnings: string[];
}

/**
 * The guest at its first prompt, the driver not loaded, nothing at the other end of the cable (`link.a`). `bitsPerSecond`
 * of the cable: 0 is one that can do 10 and 100 Mb/s and takes no time.
 */
export async function guestLab<Chip extends GuestChip>(
  card: GuestCard<Chip>,
  bitsPerSecond = FAST_ETHERNET,
): Promise<GuestLab<Chip>> {
  const clock = new SystemClock(() => performance.now());
  const link = new Link({ name: 'cable', clock, pool: new FramePool(), bitsPerSecond });
  const seen: SeenFrame[] = [];
  const warnings: string[] = [];
  const lab = { card, clock, link, seen, warnings, recording: false };
  const medium = new FrameTap(link.b, clock, (frame, _timeNs, direction) => {
    if (lab.recording) seen.push({ direction, bytes: frame.bytes().slice() });
  });
  const guest = await linuxGuest({
    image: linuxImage(),
    clock,
    cards: `${card.name} ${GUEST_MAC}`,
    attach: (emulator) =>
      attachNic(emulator, (host) => card.make(host, medium), {
        clock,
        log: (message) => void warnings.push(message),
      }),
  });
  return Object.assign(lab, { guest, chip: guest.attached.chip });
}

export type StartGuestLab = <Chip extends GuestChip>(
  card: GuestCard<Chip>,
  bitsPerSecond?: number,
) => Promise<GuestLab<Chip>>;

/** For a file of tests: gives what starts a test's lab, and ends it after the test. */
export function useGuestLab(): StartGuestLab {
  let lab: { guest: Guest<unknown> } | null = null;
  afterEach(async () => {
    await lab?.guest.destroy();
    lab = null;
  });
  return async (card, bitsPerSecond) => {
    const started = await guestLab(card, bitsPerSecond);
    lab = started;
    return started;
  };
}

/** Loads the driver, gives the card its address and waits for the carrier. */
export async function bringUp<Chip extends GuestChip>({ card, guest }: GuestLab<Chip>): Promise<void> {
  await guest.shell.succeed(
    `modprobe ${card.module} && ip addr add ${GUEST_ADDRESS}/24 dev eth0 && ip link set eth0 up`,
  );
  await awaitCarrier(guest, 1);
}

/** Every frame is in one place, and the guest was kept from no exception. */
export async function expectNothingVanished<Chip extends GuestChip>(lab: GuestLab<Chip>): Promise<void> {
  const { card, chip, guest, clock } = lab;
  const settled = clock.now() + 100e6;
  await expect.poll(() => clock.now() > settled, { timeout: SLOW_MS }).toBe(true);
  expect(card.books(chip).sums()).toMatchObject([{ missing: 0 }, { missing: 0 }]);
  expect(guest.attached.faults).toBe(0);
}

/** A number of /sys/class/net/eth0/statistics. */
export async function statistic({ guest }: { guest: Guest<unknown> }, name: string): Promise<number> {
  return Number(await guest.shell.succeed(`cat /sys/class/net/eth0/statistics/${name}`));
}

export async function awaitCarrier(guest: Guest<unknown>, carrier: 0 | 1): Promise<void> {
  const { shell } = guest;
  const look = '[ "$(cat /sys/class/net/eth0/carrier)" = ';
  await shell.succeed(
    `for i in $(seq 300); do ${look}${carrier} ] && break; sleep 0.1; done; ${look}${carrier} ]`,
    60_000,
  );
}

export interface PeerHost {
  machine: Machine;
  stack: InetStack;
  device: NetDevice;
  chip: Pcnet;
}

/** A host of ours at the end of a cable: our driver on our card, 10.0.0.1. */
export function peerHost(clock: SystemClock, medium: Medium): PeerHost {
  const machine = new Machine({ name: 'host', clock });
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = (length) => new PfifoFast(length);
  const stack = new InetStack(layer);
  const bus = new PciBus(machine);
  let chip!: Pcnet;
  bus.plug(3, (host) => {
    chip = new Pcnet(host, medium, { variant: 'Am79C973', mac: HOST_MAC, negotiationNs: NEGOTIATION_NS });
    return chip;
  });
  const device = machine.process(() => {
    bus.register(pcnet32Driver(layer, {}));
    const [made] = layer.devices as NetDevice[];
    made.open();
    stack.addAddress(made, `${HOST_ADDRESS}/24`);
    return made;
  });
  return { machine, stack, device, chip };
}
