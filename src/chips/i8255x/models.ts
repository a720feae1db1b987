// The members of the family and what they differ in (Software Developer Manual, chapter 2 and 4.1.7). The names are
// those that QEMU has for them.

import type { PciIdentity } from '../../bus/host.ts';
import { FLASH_BYTES, I82801BA, MEMORY_BYTES, PCI_DEVICE_ID, PCI_VENDOR_ID } from './sheet.ts';

/** A member's generation: each can what the ones before it can. */
export const GENERATION = { I82557: 0, I82558: 1, I82559: 2, I82550: 3 } as const;

export interface ModelTraits {
  generation: number;
  deviceId: number;
  /** PCI revision: the stepping. */
  revision: number;
  /** What the self-test writes first: the sum over the chip's microcode ROM, as drivers have printed it. */
  romSignature: number;
  /** PHYID1 and PHYID2. */
  phyId1: number;
  phyId2: number;
  /** Subsystem ID as Intel's own adapters have it in their EEPROM. */
  subsystemId: number;
}

const { I8255X, I8255XER } = PCI_DEVICE_ID;
/** Intel's OUI 00-AA-00, model 0x15 (82555). */
const PHY = { phyId1: 0x02a8 } as const;
const I82557 = {
  ...PHY,
  phyId2: 0x0150,
  generation: GENERATION.I82557,
  deviceId: I8255X,
  romSignature: 0x24c9f043,
};
const I82558 = {
  ...PHY,
  phyId2: 0x0150,
  generation: GENERATION.I82558,
  deviceId: I8255X,
  romSignature: 0x04f4518b,
};
const I82559 = {
  ...PHY,
  phyId2: 0x0154,
  generation: GENERATION.I82559,
  deviceId: I8255X,
  romSignature: 0x04f4518b,
};
const I82550 = {
  ...PHY,
  phyId2: 0x0154,
  generation: GENERATION.I82550,
  deviceId: I8255X,
  romSignature: 0xb874c1d3,
};

export const MODELS = {
  i82557a: { ...I82557, revision: 0x01, subsystemId: 0 },
  i82557b: { ...I82557, revision: 0x02, subsystemId: 0 },
  i82557c: { ...I82557, revision: 0x03, subsystemId: 0x0001 },
  i82558a: { ...I82558, revision: 0x04, subsystemId: 0x0009 },
  i82558b: { ...I82558, revision: 0x05, subsystemId: 0x0009 },
  i82559a: { ...I82559, revision: 0x06, subsystemId: 0x000c },
  i82559b: { ...I82559, revision: 0x07, subsystemId: 0x000c },
  i82559c: { ...I82559, revision: 0x08, subsystemId: 0x000c },
  i82559er: { ...I82559, deviceId: I8255XER, revision: 0x09, subsystemId: 0 },
  i82550: { ...I82550, revision: 0x0e, subsystemId: 0x0040 },
  i82551: { ...I82550, deviceId: I8255XER, revision: 0x0f, subsystemId: 0 },
  // The MAC of an 82559 in a chip set, with an 82562ET beside it as its PHY.
  i82801: { ...I82559, phyId2: 0x0330, deviceId: I82801BA, revision: 0x03, subsystemId: 0x3013 },
} as const satisfies Record<string, ModelTraits>;

export type I8255xModel = keyof typeof MODELS;

/** Control/status registers in bytes: as much as the I/O space asks for. */
export function registerBytes({ generation }: ModelTraits): number {
  return generation >= GENERATION.I82559 ? 64 : 32;
}

/** Words of EEPROM that the chip can address (chapter 5). */
export function eepromSizes({ generation }: ModelTraits): readonly number[] {
  return generation >= GENERATION.I82559 ? [64, 256] : [64];
}

const ETHERNET_CONTROLLER = 0x020000;
/** Capability 1, version 1 of it, with its own initialization; D0 to D3, PME from all of them (3.2). */
const POWER_MANAGEMENT = { id: 1, body: Uint8Array.of(0x21, 0x7e, 0, 0, 0, 0) };

export function identityOf(traits: ModelTraits): PciIdentity {
  const { generation, deviceId, revision, subsystemId } = traits;
  const old = generation === GENERATION.I82557;
  return {
    vendorId: PCI_VENDOR_ID,
    deviceId,
    revision,
    classCode: ETHERNET_CONTROLLER,
    subsystemVendorId: subsystemId === 0 ? 0 : PCI_VENDOR_ID,
    subsystemId,
    interruptPin: 1,
    minGrant: 0x08,
    maxLatency: 0x38,
    fastBackToBack: true,
    bars: [
      { kind: 'memory', size: MEMORY_BYTES },
      { kind: 'io', size: registerBytes(traits) },
      // The 82557 asks for flash whether it has one or not; the later chips only when their EEPROM says so (4.1.10).
      ...(old ? [{ kind: 'memory', size: FLASH_BYTES } as const] : []),
    ],
    capabilities: old ? [] : [POWER_MANAGEMENT],
  };
}
