// The state of one adapter: what belongs to it while it is bound (rings, lock, callouts) and what changes with every
// packet (positions in the rings, buffers, counters).
//
//   receive ring     rxNext: the next descriptor the chip gives back; every descriptor has a buffer in rxBuffers
//   transmit ring    txOldest ... txNext - 1 are the chip's or finished; txFree = length - how many those are.
//                    txBuffers holds a packet at the descriptor of its last fragment, null at the others.
//
// The lock guards the registers, the transmit ring and the life of the chip. The receive ring belongs to whoever polls:
// NAPI, or without it the interrupt handler; the lock is not held while packets go up.

import type { PciDevice } from '../../bus/pci.ts';
import { initBlockBytes } from '../../chips/pcnet/init-block.ts';
import { descriptorBytes, ReceiveRing, TransmitRing } from '../../chips/pcnet/ring.ts';
import { CHIP_ID, CHIP_ID_MASK } from '../../chips/pcnet/sheet.ts';
import type { Callout } from '../../kernel/callout.ts';
import type { IrqAction } from '../../kernel/irq.ts';
import { SpinLock } from '../../kernel/lock.ts';
import type { Machine } from '../../kernel/machine.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import type { NetDevice } from '../../net/device.ts';
import type { DeviceLayer } from '../../net/layer.ts';
import type { Napi } from '../../net/napi.ts';
import type { Pcnet32Settings } from './options.ts';
import { PcnetRegisters } from './registers.ts';

/** Receive buffers: the longest frame with a VLAN tag and its FCS. What is longer needs a second one and is refused. */
export const RX_BUFFER_BYTES = 1522;
/** Fragments a packet may have: headers of a few layers and two pages of payload. What has more is copied together. */
const MAX_FRAGMENTS = 8;
/** Reach of addresses in software style 0: 24 bits. */
const STYLE_0_REACH = 0x1000000;

const CHIP_NAMES = Object.entries(CHIP_ID) as [keyof typeof CHIP_ID, number][];

/** What the driver counts itself; names as `ethtool -S` shows them. */
export class Pcnet32Stats {
  rx_crc_errors = 0;
  rx_frame_errors = 0;
  rx_fifo_errors = 0;
  rx_buffer_errors = 0;
  rx_length_errors = 0;
  rx_no_buffer = 0;
  /** The chip found no descriptor: interrupts that said so, and frames by its own count. */
  rx_missed_interrupts = 0;
  rx_missed_frames = 0;
  rx_copied = 0;
  /** Received and not yet taken when the adapter was stopped. */
  rx_flushed = 0;
  receive_collisions = 0;
  tx_collisions = 0;
  tx_deferred = 0;
  tx_late_collisions = 0;
  tx_carrier_errors = 0;
  tx_retry_errors = 0;
  tx_underflows = 0;
  tx_buffer_errors = 0;
  tx_excessive_deferrals = 0;
  tx_babbles = 0;
  tx_linearised = 0;
  tx_linearise_failures = 0;
  tx_timeouts = 0;
  bus_errors = 0;
  restarts = 0;
}

export class Adapter {
  readonly pci: PciDevice;
  readonly layer: DeviceLayer;
  readonly machine: Machine;
  readonly settings: Pcnet32Settings;
  readonly regs: PcnetRegisters;
  readonly lock: SpinLock;
  readonly stats = new Pcnet32Stats();
  /** Am79C973: the link is its PHY's. */
  fast = false;
  chipName = '';

  // Set by probe, once the chip is known to be there.
  device!: NetDevice;
  napi!: Napi;
  linkWatch!: Callout;
  recovery!: Callout;
  filterRetry!: Callout;

  // Shared with the chip.
  initBlock = 0;
  rxRing!: ReceiveRing;
  txRing!: TransmitRing;
  readonly rxBuffers: (Mbuf | null)[] = [];
  readonly txBuffers: (Mbuf | null)[] = [];

  rxNext = 0;
  /** Between the first and the last descriptor of a frame that took more than one. */
  rxInFrame = false;
  txNext = 0;
  txOldest = 0;
  txFree = 0;
  /** Frames completed so far, as a sign of life. */
  txDone = 0;
  /** TMD2 errors of the packet whose descriptors are coming back, and whether there were any. */
  txErrors = 0;
  txFailed = false;
  maxFragments = 0;
  /** Free descriptors below which the queue stops, and from which it goes on. */
  txStopBelow = 0;
  txWakeFrom = 0;

  /** open took place; stop did not. */
  opened = false;
  /** The chip was started and is not known to have stopped. */
  running = false;
  /** Why the last restart failed; empty when it did not. */
  lastFailure = '';
  /** CSR3 as written. */
  csr3 = 0;
  irqAction: IrqAction | null = null;
  /** CSR15, CSR8 to 11 and CSR12 to 14 as the chip has them. */
  mode = 0;
  filterLow = 0;
  filterHigh = 0;
  readonly station = new Uint8Array(6);
  suspendTries = 0;
  /** Last values of the chip's counters, and txDone, when the link watch looked. */
  lastMissed = 0;
  lastCollisions = 0;
  lastTxDone = -1;

  constructor(layer: DeviceLayer, pci: PciDevice, settings: Pcnet32Settings) {
    this.layer = layer;
    this.pci = pci;
    this.machine = pci.machine;
    this.settings = { ...settings };
    this.regs = new PcnetRegisters(pci.registers(settings.window === 'io' ? 0 : 1), settings.access);
    this.lock = new SpinLock(`pcnet32 ${pci.name}`);
  }

  /** Takes the memory that is shared with the chip. Throws, with nothing taken, when there is none that it can reach. */
  allocShared(): void {
    const { dma } = this.pci;
    const { softwareStyle, rxRing, txRing } = this.settings;
    if (softwareStyle === 0 && this.machine.memory.size > STYLE_0_REACH) {
      throw new Error('software style 0 reaches 16 MiB of memory, this machine has more: use style 2 or 3');
    }
    const bytes = descriptorBytes(softwareStyle);
    const taken: number[] = [];
    const take = (size: number): void => {
      taken.push(dma.allocCoherent(size, 16));
    };
    try {
      take(initBlockBytes(softwareStyle));
      take(rxRing * bytes);
      take(txRing * bytes);
    } catch (error) {
      for (const address of taken) dma.freeCoherent(address);
      throw error;
    }
    const { u32 } = this.machine.memory;
    this.initBlock = taken[0];
    this.rxRing = new ReceiveRing(u32, taken[1], rxRing, softwareStyle);
    this.txRing = new TransmitRing(u32, taken[2], txRing, softwareStyle);
    this.rxBuffers.length = 0;
    this.txBuffers.length = 0;
    for (let i = 0; i < rxRing; i++) this.rxBuffers.push(null);
    for (let i = 0; i < txRing; i++) this.txBuffers.push(null);
    // At least two packets of the largest kind must fit, or the queue would never wake.
    this.maxFragments = Math.min(MAX_FRAGMENTS, txRing / 2 - 1);
    this.txStopBelow = this.maxFragments + 1;
    // A quarter of the ring, so that a full queue does not stop and wake at every packet.
    this.txWakeFrom = Math.max(this.txStopBelow, txRing / 4);
    this.txFree = txRing;
  }

  freeShared(): void {
    const { dma } = this.pci;
    dma.freeCoherent(this.initBlock);
    dma.freeCoherent(this.rxRing.address);
    dma.freeCoherent(this.txRing.address);
  }

  /** Finds out which chip it is; throws when it is none that this driver knows. */
  identify(): void {
    const id = this.regs.readChipId();
    const chip = CHIP_NAMES.find(([, known]) => (id & CHIP_ID_MASK) === known);
    if (chip === undefined) {
      throw new Error(
        `chip id 0x${id.toString(16)}: ${CHIP_NAMES.map(([name]) => name).join(' or ')} wanted`,
      );
    }
    this.chipName = chip[0];
    this.fast = chip[0] === 'Am79C973';
  }
}
