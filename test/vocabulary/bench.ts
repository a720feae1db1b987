// A host with one network card on the test bench: clock, machine, device layer, bus, chip, driver, and a wire whose far
// end is the test. Tests of drivers speak this vocabulary.

import { expect } from 'vitest';
import type { ChipState, DeviceHost, PciChip, Width } from '../../src/bus/host.ts';
import { PciBus, type PciDevice, type PciDriver } from '../../src/bus/pci.ts';
import { Pcnet, type PcnetVariant } from '../../src/chips/pcnet/model.ts';
import { ChipSocket } from '../../src/chips/socket.ts';
import { type Pcnet32Options, pcnet32Driver } from '../../src/drivers/pcnet32/pcnet32.ts';
import { VirtualClock } from '../../src/kernel/clock.ts';
import { Machine, type MachineOptions } from '../../src/kernel/machine.ts';
import type { Mbuf } from '../../src/mbuf/mbuf.ts';
import type { NetDevice } from '../../src/net/device.ts';
import { DROP_REASONS } from '../../src/net/drop-reason.ts';
import { ETH_HLEN } from '../../src/net/ether.ts';
import { DeviceLayer } from '../../src/net/layer.ts';
import { PfifoFast } from '../../src/qdisc/pfifo-fast.ts';
import type { Medium } from '../../src/wire/medium.ts';
import { TestWire } from './test-wire.ts';

export const MILLISECOND = 1_000_000;
export const SECOND = 1_000_000_000;

/** Station addresses of the host on the bench and of whoever is at the far end. */
export const HOST_MAC = Uint8Array.of(0x02, 0, 0, 0, 0, 0x01);
export const FAR_MAC = Uint8Array.of(0x02, 0, 0, 0, 0, 0x02);
export const BROADCAST = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
/** Local experimental type 1 (IEEE 802): what test frames carry. */
export const TEST_TYPE = 0x88b5;

export interface HostOptions {
  chip?: PcnetVariant;
  driver?: Pcnet32Options;
  machine?: Partial<MachineOptions>;
  /** Of the test wire; 0 (the default): sending takes no time. */
  bitsPerSecond?: number;
  /** Plug the card in here, not into a test wire; goes with `clock`. */
  medium?: Medium;
  clock?: VirtualClock;
  mac?: Uint8Array;
  /** Negotiation of the Am79C973; short by default, so that tests need not wait. */
  negotiationNs?: number;
  /** Put the chip into a socket, in which it can be exchanged for a fresh one. */
  socket?: boolean;
  /** Bind the driver and open the device; default both. */
  bind?: boolean;
  open?: boolean;
}

/** A card that can be pulled out: then it does nothing more, and reads give ones. */
class PullableCard implements PciChip {
  readonly chip: PciChip;
  private readonly unplugged: () => void;
  pulled = false;
  /** Register accesses, to see that nobody asks for ever. */
  accesses = 0;
  /** Called before each access: whatever the test wants to happen at that moment. */
  onAccess: (() => void) | null = null;

  constructor(chip: PciChip, unplugged: () => void) {
    this.chip = chip;
    this.unplugged = unplugged;
  }

  get identity(): PciChip['identity'] {
    return this.chip.identity;
  }

  readBar(bar: number, offset: number, width: Width): number {
    this.accesses++;
    this.onAccess?.();
    return this.pulled ? (2 ** (8 * width) - 1) >>> 0 : this.chip.readBar(bar, offset, width);
  }

  writeBar(bar: number, offset: number, width: Width, value: number): void {
    this.accesses++;
    this.onAccess?.();
    if (!this.pulled) this.chip.writeBar(bar, offset, width, value);
  }

  reset(): void {
    this.chip.reset();
  }

  save(): ChipState {
    return this.chip.save();
  }

  restore(state: ChipState): void {
    this.chip.restore(state);
  }

  pull(): void {
    this.pulled = true;
    this.unplugged();
    this.chip.reset();
  }

  putBack(): void {
    this.pulled = false;
  }
}

/** What a host holds; equal before and after whatever should leave nothing behind. */
export interface Census {
  mbufs: number;
  clusters: number;
  coherentBlocks: number;
  memoryBlocks: number;
  irqHandlers: number;
  callouts: string[];
}

export class Host {
  readonly clock: VirtualClock;
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly bus: PciBus;
  readonly pci: PciDevice;
  readonly card: PullableCard;
  readonly socket: ChipSocket | null;
  readonly driver: PciDriver;
  readonly wire: TestWire;
  readonly log: string[] = [];
  /** Frames of TEST_TYPE that reached the protocols, headers included. */
  readonly received: Uint8Array[] = [];
  receivedCount = 0;
  /** Frames are kept in `received`. */
  keep = true;
  private echoes = false;

  constructor(options: HostOptions) {
    this.clock = options.clock ?? new VirtualClock();
    this.machine = new Machine({
      name: 'host',
      clock: this.clock,
      mbufs: 2048,
      clusters: 1024,
      log: (message) => this.log.push(message),
      ...options.machine,
    });
    this.layer = new DeviceLayer(this.machine);
    this.layer.defaultQdisc = (length) => new PfifoFast(length);
    this.layer.packetTypes.add({
      name: 'bench',
      type: TEST_TYPE,
      device: null,
      receive: (m, device) => this.take(m, device),
    });
    this.wire = new TestWire(this.clock, options.bitsPerSecond ?? 0);
    this.bus = new PciBus(this.machine);
    const medium = options.medium ?? this.wire;
    const make = (host: DeviceHost, plug: Medium): Pcnet =>
      new Pcnet(host, plug, {
        variant: options.chip ?? 'Am79C970A',
        mac: options.mac ?? HOST_MAC,
        negotiationNs: options.negotiationNs ?? MILLISECOND,
      });
    let card: PullableCard | undefined;
    let socket: ChipSocket | null = null;
    this.pci = this.bus.plug(3, (host) => {
      if (options.socket === true) socket = new ChipSocket(host, medium, make);
      card = new PullableCard(socket ?? make(host, medium), () => medium.attach(null));
      return card;
    });
    this.socket = socket;
    this.card = card!;
    this.driver = pcnet32Driver(this.layer, options.driver);
    if (options.bind !== false) this.bind();
    if (options.bind !== false && options.open !== false) this.open();
  }

  get chip(): Pcnet {
    return (this.socket ?? this.card).chip as Pcnet;
  }

  /** Offers the card to the driver; fails the test when it does not take it. */
  bind(): void {
    this.machine.process(() => this.bus.register(this.driver));
    expect(this.bus.driverOf(this.pci), this.log.join('\n')).toBe(this.driver);
  }

  unbind(): void {
    this.machine.process(() => this.bus.unregister(this.driver));
  }

  get device(): NetDevice {
    const device = this.layer.devices[0];
    if (device === undefined) throw new Error(`no device: ${this.log.join('; ')}`);
    return device;
  }

  open(): void {
    this.machine.process(() => this.device.open());
  }

  close(): void {
    this.machine.process(() => this.device.close());
  }

  /** Lets time pass: 5 ms when nothing is said, enough for all that is under way at rate 0. */
  run(ns = 5 * MILLISECOND): void {
    this.clock.run(this.clock.now() + ns);
  }

  /** Lets time pass until it holds; fails the test after `limitNs`. */
  runUntil(holds: () => boolean, limitNs = 10 * SECOND): void {
    const end = this.clock.now() + limitNs;
    while (!holds() && this.clock.now() < end) this.run(MILLISECOND);
    expect(holds(), `nothing within ${limitNs} ns`).toBe(true);
  }

  /** Sends these bytes from process context, in as many pieces as `cuts` says: lengths of all but the last. */
  send(bytes: Uint8Array, cuts: number[] = []): void {
    this.machine.process(() => this.device.transmit(this.packet(bytes, cuts)));
  }

  /** A packet with these bytes, in pieces. */
  packet(bytes: Uint8Array, cuts: number[] = []): Mbuf {
    const { mbufs } = this.machine;
    let at = 0;
    let packet: Mbuf | null = null;
    for (const length of [...cuts, Infinity]) {
      const piece = mbufs.fromBytes(bytes.subarray(at, at + length), 64);
      if (piece === null) throw new Error('the bench is out of buffers');
      at = Math.min(at + length, bytes.length);
      if (packet === null) packet = piece;
      else mbufs.cat(packet, piece);
    }
    return packet!;
  }

  /** From now on the protocols send every test frame back where it came from. */
  echo(): void {
    this.echoes = true;
  }

  private take(m: Mbuf, device: NetDevice): void {
    this.receivedCount++;
    const { u8 } = this.machine.memory;
    if (this.keep) this.received.push(u8.slice(m.data - ETH_HLEN, m.data + m.length));
    if (!this.echoes) {
      this.machine.mbufs.freem(m);
      return;
    }
    m.data -= ETH_HLEN;
    m.length += ETH_HLEN;
    m.packetLength += ETH_HLEN;
    for (let i = 0; i < 6; i++) {
      u8[m.data + i] = u8[m.data + 6 + i];
      u8[m.data + 6 + i] = device.address[i];
    }
    device.transmit(m);
  }

  /** Takes the oldest frame the protocols were given and compares it, pad and all. */
  expectReceived(...frames: Uint8Array[]): void {
    for (const bytes of frames) expectSame(this.received.shift(), bytes);
  }

  expectNothingReceived(): void {
    expect(this.received).toEqual([]);
  }

  /** Takes the oldest frame that came out on the wire and compares it; a short one comes out with a pad of zeros. */
  expectFrame(...frames: Uint8Array[]): void {
    for (const bytes of frames) expectSame(this.wire.frames.shift(), padded(bytes));
  }

  expectSilence(): void {
    expect(this.wire.frames).toEqual([]);
  }

  /** The driver's counters. */
  get stats(): Record<string, number> {
    return this.machine.process(() => this.device.ops.driverStats!());
  }

  census(): Census {
    const { machine, pci } = this;
    return {
      mbufs: machine.mbufs.inUse,
      clusters: machine.mbufs.clustersInUse,
      coherentBlocks: pci.dma.coherentBlocks,
      memoryBlocks: machine.memory.blocks,
      irqHandlers: machine.irq.line(pci.irq).handlers.length,
      callouts: machine.callouts.census().sort(),
    };
  }

  /** Every packet offered was sent, dropped with a reason, or waits somewhere. */
  expectConserved(): void {
    const { device } = this;
    let dropped = 0;
    DROP_REASONS.forEach((reason, number) => {
      if (reason.side === 'transmit') dropped += device.drops[number];
    });
    const held = device.ops.held?.() ?? 0;
    expect(device.tx.packets + dropped + device.queued + held, JSON.stringify(device.dropReport())).toBe(
      device.offered,
    );
  }
}

export function makeHost(options: HostOptions = {}): Host {
  return new Host(options);
}

/** A frame of `length` bytes without FCS whose payload follows from `seed`. */
export function frame(
  length: number,
  seed = 0,
  to: Uint8Array = HOST_MAC,
  from: Uint8Array = FAR_MAC,
): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(to, 0);
  bytes.set(from, 6);
  bytes[12] = TEST_TYPE >> 8;
  bytes[13] = TEST_TYPE & 0xff;
  for (let i = ETH_HLEN; i < length; i++) bytes[i] = seed * 37 + (seed >> 8) + i * 3 + 1;
  return bytes;
}

/** The same frame as it comes back from an echo. */
export function returned(bytes: Uint8Array): Uint8Array {
  const back = bytes.slice();
  back.set(bytes.subarray(6, 12), 0);
  back.set(bytes.subarray(0, 6), 6);
  return back;
}

/** Compares quickly, and at length only when there is a difference to show. */
function expectSame(got: Uint8Array | undefined, wanted: Uint8Array): void {
  if (got !== undefined && got.length === wanted.length && got.every((octet, i) => octet === wanted[i]))
    return;
  expect(got).toEqual(wanted);
}

export function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length >= 60) return bytes;
  const whole = new Uint8Array(60);
  whole.set(bytes);
  return whole;
}
