// A Linux guest with one of our cards, and a cable to whatever a test puts at its other end: a host of ours, a station of
// the test's own, or the kernel of this computer.

import { type AttachedNic, attachNic } from '../../src/attach/v86/attach.ts';
import { PciBus } from '../../src/bus/pci.ts';
import { Pcnet, type PcnetVariant } from '../../src/chips/pcnet/model.ts';
import { pcnet32Driver } from '../../src/drivers/pcnet32/pcnet32.ts';
import { InetStack } from '../../src/inet/stack.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { Machine } from '../../src/kernel/machine.ts';
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

/** A frame that passed the guest's card, FCS left out. */
export interface SeenFrame {
  direction: 'in' | 'out';
  bytes: Uint8Array;
}

export interface GuestLab {
  guest: Guest<AttachedNic<Pcnet>>;
  chip: Pcnet;
  clock: SystemClock;
  link: Link;
  /** Frames between cable and card while `recording`. */
  seen: SeenFrame[];
  recording: boolean;
  /** What the card's model had to say. */
  warnings: string[];
}

/** The guest at its first prompt, the driver not loaded, nothing at the other end of the cable (`link.a`). */
export async function guestLab(variant: PcnetVariant): Promise<GuestLab> {
  const clock = new SystemClock(() => performance.now());
  const link = new Link({ name: 'cable', clock, pool: new FramePool(), bitsPerSecond: FAST_ETHERNET });
  const seen: SeenFrame[] = [];
  const warnings: string[] = [];
  const lab = { clock, link, seen, warnings, recording: false };
  const medium = new FrameTap(link.b, clock, (frame, _timeNs, direction) => {
    if (lab.recording) seen.push({ direction, bytes: frame.bytes().slice() });
  });
  const mac = GUEST_MAC.split(':').map((octet) => Number.parseInt(octet, 16));
  const makeChip = (host: ConstructorParameters<typeof Pcnet>[0]) =>
    new Pcnet(host, medium, { variant, mac, negotiationNs: NEGOTIATION_NS });
  const guest = await linuxGuest({
    image: linuxImage(),
    clock,
    cards: `${variant} ${GUEST_MAC}`,
    attach: (emulator) =>
      attachNic(emulator, makeChip, { clock, log: (message) => void warnings.push(message) }),
  });
  return Object.assign(lab, { guest, chip: guest.attached.chip });
}

/** Loads the driver, gives the card its address and waits for the carrier. */
export async function bringUp({ guest }: GuestLab): Promise<void> {
  await guest.shell.succeed(
    `modprobe pcnet32 && ip addr add ${GUEST_ADDRESS}/24 dev eth0 && ip link set eth0 up`,
  );
  await awaitCarrier(guest, 1);
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
