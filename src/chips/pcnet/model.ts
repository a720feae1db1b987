// AMD PCnet-PCI II (Am79C970A, publication 19436) and PCnet-FAST III (Am79C973, publication 21510): an Ethernet
// controller behind PCI that masters the bus. This file is the chip's outside: PCI identity, ports, address PROM, resets,
// the plug to the medium. Inside: csr.ts and bcr.ts the registers, init.ts, receive.ts, transmit.ts, core.ts their state.
// What is left out is listed in README.md.

import type { ChipState, DeviceHost, PciChip, PciIdentity, Width } from '../../bus/host.ts';
import type { Frame } from '../../wire/frame.ts';
import type { Medium, Station } from '../../wire/medium.ts';
import { Phy } from '../phy/model.ts';
import { BusRegisters } from './bcr.ts';
import { Core, type PcnetVariant } from './core.ts';
import type { PcnetCounters } from './counters.ts';
import { ControlRegisters } from './csr.ts';
import { Receiver } from './receive.ts';
import { type PcnetParts, restorePcnet, savePcnet } from './save.ts';
import {
  APROM_BYTES,
  BCR,
  BCR2,
  CSR,
  DWIO,
  PCI_DEVICE_ID,
  PCI_VENDOR_ID,
  RESOURCE_BYTES,
  WIO,
} from './sheet.ts';
import { Transmitter } from './transmit.ts';

export type { PcnetVariant } from './core.ts';

export interface PcnetOptions {
  variant: PcnetVariant;
  /** Six octets, as the EEPROM would hold them. */
  mac: ArrayLike<number>;
  /** Time the Am79C973's PHY takes to negotiate, in ns; its own default when left out. */
  negotiationNs?: number;
}

const { RDP: DW_RDP, RAP: DW_RAP, RESET: DW_RESET, BDP: DW_BDP } = DWIO;
const { RDP: W_RDP, RAP: W_RAP, RESET: W_RESET, BDP: W_BDP } = WIO;
/** PCI revision, as the chips carry it in configuration space. */
const REVISION = { Am79C970A: 0x16, Am79C973: 0x40 } as const;
/** Am79C973's PHY: AMD's OUI 00-00-1A, model 0x36. */
const PHY_ID1 = 0x0000;
const PHY_ID2 = 0x6b60;
const ETHERNET_CONTROLLER = 0x020000;

export class Pcnet implements PciChip, Station {
  readonly identity: PciIdentity;
  readonly counters: PcnetCounters;
  /** The Am79C973's internal PHY; null on the Am79C970A. */
  readonly phy: Phy | null;
  private readonly core: Core;
  private readonly receiver: Receiver;
  private readonly transmitter: Transmitter;
  private readonly control: ControlRegisters;
  private readonly bus: BusRegisters;
  private readonly mac: Uint8Array;
  private readonly aprom = new Uint8Array(APROM_BYTES);
  private rap = 0;

  constructor(host: DeviceHost, medium: Medium, options: PcnetOptions) {
    const { variant } = options;
    this.mac = Uint8Array.from({ length: 6 }, (_, i) => options.mac[i]);
    this.identity = {
      vendorId: PCI_VENDOR_ID,
      deviceId: PCI_DEVICE_ID,
      revision: REVISION[variant],
      classCode: ETHERNET_CONTROLLER,
      subsystemVendorId: 0,
      subsystemId: 0,
      interruptPin: 1,
      minGrant: 0x06,
      maxLatency: 0xff,
      fastBackToBack: true,
      bars: [
        { kind: 'io', size: RESOURCE_BYTES },
        { kind: 'memory', size: RESOURCE_BYTES },
      ],
    };
    this.phy =
      variant === 'Am79C973'
        ? new Phy(host.clock, medium, { id1: PHY_ID1, id2: PHY_ID2, negotiationNs: options.negotiationNs })
        : null;
    this.core = new Core(host, medium, variant, this.phy);
    this.counters = this.core.counters;
    this.receiver = new Receiver(this.core);
    this.transmitter = new Transmitter(this.core, this.receiver);
    this.control = new ControlRegisters(this.core, this.transmitter);
    this.bus = new BusRegisters(this.core, this.control, () => this.loadEeprom());
    if (this.phy !== null) this.phy.onLinkChange = () => this.core.derive();
    this.hardReset();
    medium.attach(this);
  }

  /** H_RESET: the RST# pin. */
  reset(): void {
    this.phy?.reset();
    this.hardReset();
  }

  save(): ChipState {
    return savePcnet(this.parts, this.rap);
  }

  restore(state: ChipState): void {
    this.rap = restorePcnet(this.parts, state);
    this.core.updateInterrupt();
  }

  /** Both BARs lead to the same 32 bytes. */
  readBar(_bar: number, offset: number, width: Width): number {
    if (offset < APROM_BYTES) return this.readAprom(offset, width);
    if (this.bus.dwio) {
      if (width === 4) {
        switch (offset) {
          case DW_RDP:
            return this.control.read(this.rap);
          case DW_RAP:
            return this.rap;
          case DW_RESET:
            this.softReset();
            return 0;
          case DW_BDP:
            return this.bus.read(this.rap);
        }
      }
    } else if (width === 2) {
      switch (offset) {
        case W_RDP:
          return this.control.read(this.rap);
        case W_RAP:
          return this.rap;
        case W_RESET:
          this.softReset();
          return 0;
        case W_BDP:
          return this.bus.read(this.rap);
      }
    }
    return this.wrongAccess('read', offset, width);
  }

  writeBar(_bar: number, offset: number, width: Width, value: number): void {
    if (offset < APROM_BYTES) {
      this.writeAprom(offset, width, value);
      return;
    }
    // The 32-bit write that switches to DWIO is also a write to RDP.
    if (width === 4 && offset === DW_RDP) this.bus.dwio = true;
    const half = value & 0xffff;
    if (this.bus.dwio) {
      if (width === 4) {
        switch (offset) {
          case DW_RDP:
            this.control.write(this.rap, half);
            return;
          case DW_RAP:
            this.rap = value & 0xff;
            return;
          case DW_RESET:
            return;
          case DW_BDP:
            this.bus.write(this.rap, half);
            return;
        }
      }
    } else if (width === 2) {
      switch (offset) {
        case W_RDP:
          this.control.write(this.rap, half);
          return;
        case W_RAP:
          this.rap = value & 0xff;
          return;
        case W_RESET:
          return;
        case W_BDP:
          this.bus.write(this.rap, half);
          return;
      }
    }
    this.wrongAccess('write', offset, width);
  }

  /** Station: a frame arrived. */
  receive(frame: Frame): void {
    this.receiver.receive(frame);
    this.core.medium.pool.put(frame);
    this.transmitter.pollAfterReceive();
  }

  /** Station: the frame that was sent has left. */
  transmitted(status: number): void {
    this.transmitter.transmitted(status);
  }

  /** Station: look at the medium again. */
  carrierChanged(): void {
    this.phy?.carrierChanged();
    this.core.derive();
  }

  private get parts(): PcnetParts {
    const { core, receiver, transmitter, bus, mac, aprom } = this;
    return { core, receiver, transmitter, bus, mac, aprom };
  }

  private hardReset(): void {
    this.rap = 0;
    this.bus.reset();
    this.receiver.reset();
    this.control.reset(true);
    this.loadEeprom();
  }

  /** S_RESET, by reading the reset port: the registers stop and lose their settings; rings, BCRs and DWIO stay. */
  private softReset(): void {
    this.rap = 0;
    this.control.reset(false);
  }

  /** The EEPROM fills the address PROM ("Address PROM Space") and, on the later chips, CSR12 to CSR14. */
  private loadEeprom(): void {
    const { aprom, mac, core } = this;
    aprom.fill(0);
    aprom.set(mac);
    // Hardware id that AMD drivers ask for, then the sum over bytes 0 to 11 and the two W.
    aprom[9] = 0x11;
    aprom[14] = 0x57;
    aprom[15] = 0x57;
    let sum = 0;
    for (let i = 0; i < APROM_BYTES; i++) if (i < 12 || i > 13) sum += aprom[i];
    aprom[12] = sum;
    aprom[13] = sum >>> 8;
    for (let i = 0; i < 3; i++) core.csr[CSR.PADR + i] = mac[2 * i] | (mac[2 * i + 1] << 8);
    core.derive();
  }

  private readAprom(offset: number, width: Width): number {
    let value = 0;
    for (let i = 0; i < width && offset + i < APROM_BYTES; i++)
      value += this.aprom[offset + i] * 2 ** (8 * i);
    return value;
  }

  private writeAprom(offset: number, width: Width, value: number): void {
    if ((this.core.bcr[BCR.MC] & BCR2.APROMWE) === 0) return;
    for (let i = 0; i < width && offset + i < APROM_BYTES; i++) this.aprom[offset + i] = value >>> (8 * i);
  }

  /** An access that is not aligned to the mode reads as ones and does nothing. */
  private wrongAccess(what: string, offset: number, width: Width): number {
    const mode = this.bus.dwio ? 'DWIO' : 'WIO';
    this.core.host.warn(
      `${this.core.variant}: ${width}-byte ${what} at 0x${offset.toString(16)} in ${mode} mode`,
    );
    return width === 4 ? 0xffffffff : width === 2 ? 0xffff : 0xff;
  }
}
