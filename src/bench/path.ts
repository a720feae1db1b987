// The whole path on one machine with profile `ideal`: frames are handed to the card's station as a link would, the
// card writes rings by DMA and interrupts, the driver polls, the device layer demultiplexes. What is measured is the
// wall-clock time JavaScript takes; the virtual clock only drives the events.

import type { DeviceHost, PciChip } from '../bus/host.ts';
import { PciBus } from '../bus/pci.ts';
import { I8255x } from '../chips/i8255x/model.ts';
import { Pcnet } from '../chips/pcnet/model.ts';
import { IOPKT_DRIVERS, linkRate } from '../drivers/iopkt.ts';
import { pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import { IoPkt } from '../iopkt/manager.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Machine } from '../kernel/machine.ts';
import { HEADROOM, type Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { ETH_HLEN, ETH_P_IP } from '../net/ether.ts';
import { DeviceLayer } from '../net/layer.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { FRAME_START, type Frame, FramePool } from '../wire/frame.ts';
import type { Medium, Station } from '../wire/medium.ts';

/** Frames handed to the card before the machine runs: NAPI's weight. */
export const BATCH = 64;
const RING = 128;
/** Virtual time between batches: with none a whole run would be one instant, and one interrupt storm. */
const BATCH_GAP_NS = 10_000;

/** The driver under test: pcnet32, pcn and devn-pcnet on a PCnet, speedo and devn-speedo on an 82559. */
export const BENCH_DRIVERS = ['pcnet32', 'pcn', 'devn-pcnet', 'speedo', 'devn-speedo'] as const;
export type BenchDriver = (typeof BENCH_DRIVERS)[number];

/** For a driver of io-net's, which runs under the shim: the native driver of the same card. */
export const NATIVE_OF: Partial<Record<BenchDriver, BenchDriver>> = {
  'devn-pcnet': 'pcn',
  'devn-speedo': 'speedo',
};

/** A medium that takes no time: what is sent is counted and given back, what arrives is put in by hand. */
class BenchMedium implements Medium {
  readonly name = 'bench';
  readonly pool: FramePool;
  readonly carrier = true;
  readonly bitsPerSecond = 0;
  readonly fullDuplex = true;
  station: Station | null = null;
  sent = 0;

  constructor(pool: FramePool) {
    this.pool = pool;
  }

  attach(station: Station | null): void {
    this.station = station;
  }

  send(frame: Frame): void {
    this.sent++;
    this.pool.put(frame);
    this.station?.transmitted(0);
  }
}

/** A machine with two cards, brought up. */
export class BenchHost {
  readonly clock = new VirtualClock();
  readonly machine = new Machine({ clock: this.clock, mbufs: 2048, clusters: 1024 });
  readonly layer = new DeviceLayer(this.machine);
  readonly media: BenchMedium[] = [];
  readonly devices: NetDevice[] = [];
  received = 0;
  private fcs = 0;

  constructor(driver: BenchDriver = 'pcnet32') {
    this.layer.defaultQdisc = (length) => new PfifoFast(length);
    const bus = new PciBus(this.machine);
    for (let i = 0; i < 2; i++) {
      // A pool each: frames that come in keep their bytes from round to round.
      const medium = new BenchMedium(new FramePool());
      this.media.push(medium);
      const mac = Uint8Array.of(2, 0, 0, 0, 0, i + 1);
      bus.plug(3 + i, (host) => makeChip(driver, host, medium, mac));
    }
    let io: IoPkt | null = null;
    if (driver === 'pcnet32')
      bus.register(pcnet32Driver(this.layer, { rxRing: RING, txRing: RING, copybreak: 0 }));
    else {
      io = new IoPkt(this.layer, { pci: bus, sigsegv: false, drivers: IOPKT_DRIVERS });
      io.mount(driver, `receive=${RING},transmit=${RING}`);
    }
    this.machine.process(() => {
      for (const device of this.layer.devices) device.open();
    });
    this.devices.push(...this.layer.devices);
    // A PHY takes a moment, and its driver looks at it now and then.
    this.clock.run(io === null ? 10_000_000 : 5_000_000_000);
    for (const device of this.devices) {
      const linked = io === null ? device.carrier : linkRate(io, io.byDevice.get(device)!) > 0;
      if (!linked) throw new Error(`${device.name} has no link`);
    }
  }

  /** Packets of type IPv4 are counted and freed. */
  countPackets(): void {
    const { mbufs } = this.machine;
    this.take((m) => {
      this.received++;
      mbufs.freem(m);
    });
  }

  /** Packets of type IPv4 get a new Ethernet header and leave by the second card. */
  forwardPackets(): void {
    const { u16 } = this.machine.memory;
    const out = this.devices[1];
    const addresses = new Uint16Array(Uint8Array.of(2, 9, 9, 9, 9, 9, ...out.address).buffer);
    this.take((m) => {
      this.received++;
      m.data -= ETH_HLEN;
      m.length += ETH_HLEN;
      m.packetLength += ETH_HLEN;
      // Drivers put the header on an even address.
      const at = m.data >> 1;
      for (let i = 0; i < 6; i++) u16[at + i] = addresses[i];
      out.transmit(m);
    });
  }

  /** Fills the pool with frames for the first card, so that a batch only has to take them out. */
  prepareFrames(length: number): void {
    const { pool } = this.media[0];
    const frames: Frame[] = [];
    for (let i = 0; i < 2 * BATCH; i++) {
      const frame = pool.get(length);
      writeHeader(frame.u8, FRAME_START, this.devices[0].address);
      this.fcs = frame.goodFcs();
      frames.push(frame);
    }
    for (const frame of frames) pool.put(frame);
  }

  /** One batch in: BATCH frames arrive, then the machine does what there is to do. */
  receiveBatch(length: number): void {
    const { station, pool } = this.media[0];
    if (station === null) return;
    for (let i = 0; i < BATCH; i++) {
      const frame = pool.get(length);
      // The sender's card computed it; computing it again here would measure the sender.
      frame.setGoodFcs(this.fcs);
      station.receive(frame);
    }
    this.clock.run(this.clock.now() + BATCH_GAP_NS);
  }

  /** One batch out: BATCH packets offered to the first card from process context, bottom halves off, as pktgen does. */
  transmitBatch(length: number): void {
    this.length = length;
    this.machine.process(this.offer);
    this.clock.run(this.clock.now() + BATCH_GAP_NS);
  }

  private length = 0;
  private readonly offer = (): void => {
    const { machine, length } = this;
    const device = this.devices[0];
    machine.cpu.bhDisable();
    for (let i = 0; i < BATCH; i++) {
      const m = machine.mbufs.getcl();
      if (m === null) break;
      m.data += HEADROOM - ETH_HLEN;
      m.length = length;
      m.packetLength = length;
      writeHeader(machine.memory.u8, m.data, device.address);
      device.transmit(m);
    }
    machine.cpu.bhEnable();
  };

  private take(receive: (m: Mbuf) => void): void {
    this.layer.packetTypes.add({ name: 'bench', type: ETH_P_IP, device: null, receive });
  }
}

function makeChip(driver: BenchDriver, host: DeviceHost, medium: Medium, mac: Uint8Array): PciChip {
  return driver.endsWith('speedo')
    ? new I8255x(host, medium, { model: 'i82559c', mac, negotiationNs: 1_000_000 })
    : new Pcnet(host, medium, { variant: 'Am79C970A', mac });
}

function writeHeader(u8: Uint8Array, at: number, destination: Uint8Array): void {
  for (let i = 0; i < 6; i++) {
    u8[at + i] = destination[i];
    u8[at + 6 + i] = i === 0 ? 2 : 7;
  }
  u8[at + 12] = ETH_P_IP >> 8;
  u8[at + 13] = ETH_P_IP & 0xff;
}
