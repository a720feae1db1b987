import { expect, test } from 'vitest';
import { type OneMachine, oneMachine } from '../../test/vocabulary/one-machine.ts';
import type { BarSpec, ChipState, DeviceHost, PciChip, PciIdentity, Width } from './host.ts';
import { PciBus, type PciDevice, type PciDriver, type PciFunction } from './pci.ts';
import {
  COMMAND_INTX_DISABLE,
  COMMAND_IO,
  COMMAND_MASTER,
  COMMAND_MEMORY,
  PCI_BASE_ADDRESS_0,
  PCI_COMMAND,
  PCI_INTERRUPT_LINE,
  PCI_STATUS,
  PciConfig,
  STATUS_INTERRUPT,
  STATUS_RECEIVED_MASTER_ABORT,
} from './pci-config.ts';

const IDENTITY: PciIdentity = {
  vendorId: 0x1022,
  deviceId: 0x2000,
  revision: 0x16,
  classCode: 0x020000,
  subsystemVendorId: 0x1234,
  subsystemId: 0x5678,
  interruptPin: 1,
  minGrant: 6,
  maxLatency: 255,
  bars: [
    { kind: 'io', size: 32 },
    { kind: 'memory', size: 32 },
  ],
};

/** Thirty-two bytes of registers, and whatever a test does with its host. */
class TestChip implements PciChip {
  readonly identity: PciIdentity;
  readonly host: DeviceHost;
  readonly bytes = new Uint8Array(32);

  constructor(host: DeviceHost, identity: Partial<PciIdentity>) {
    this.host = host;
    this.identity = { ...IDENTITY, ...identity };
  }

  readBar(_bar: number, offset: number, width: Width): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.bytes[offset + i];
    return value;
  }

  writeBar(_bar: number, offset: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.bytes[offset + i] = value >>> (8 * i);
  }

  reset(): void {
    this.bytes.fill(0);
  }

  save(): ChipState {
    return { chip: 'test', version: 1, bytes: this.bytes.slice() };
  }

  restore(state: ChipState): void {
    this.bytes.set(state.bytes as Uint8Array);
  }
}

interface Plugged extends OneMachine {
  bus: PciBus;
  chip: TestChip;
  device: PciDevice;
}

function plugged(identity: Partial<PciIdentity> = {}, slot = 3): Plugged {
  const one = oneMachine();
  const bus = new PciBus(one.machine);
  return { ...one, bus, ...plug(bus, slot, identity) };
}

function plug(
  bus: PciBus,
  slot: number,
  identity: Partial<PciIdentity> = {},
): { chip: TestChip; device: PciDevice } {
  let chip!: TestChip;
  const device = bus.plug(slot, (host) => {
    chip = new TestChip(host, identity);
    return chip;
  });
  return { chip, device };
}

test('a device says who it is, and its name is what lspci prints', () => {
  const { device } = plugged();
  expect(device.name).toBe('0000:00:03.0');
  expect([device.vendorId, device.deviceId, device.revision, device.classCode]).toEqual([
    0x1022, 0x2000, 0x16, 0x020000,
  ]);
  expect([device.subsystemVendorId, device.subsystemId]).toEqual([0x1234, 0x5678]);
});

test('writing ones to a BAR shows its size and kind; what it has not stays zero', () => {
  const { device } = plugged({
    bars: [
      { kind: 'io', size: 64 },
      { kind: 'memory', size: 0x20000 },
    ],
  });
  const answers = Array.from({ length: 6 }, (_, bar) => {
    device.writeConfig(PCI_BASE_ADDRESS_0 + 4 * bar, 4, 0xffffffff);
    return device.readConfig(PCI_BASE_ADDRESS_0 + 4 * bar, 4);
  });
  expect(answers).toEqual([0xffffffc1, 0xfffe0000, 0, 0, 0, 0]);
});

test('firmware places BARs on multiples of their size, apart from each other', () => {
  const { bus, device } = plugged({
    bars: [
      { kind: 'io', size: 32 },
      { kind: 'memory', size: 4096 },
    ],
  });
  const second = plug(bus, 4, {
    bars: [
      { kind: 'io', size: 256 },
      { kind: 'memory', size: 0x100000 },
    ],
  }).device;
  const third = plug(bus, 5, { bars: [{ kind: 'io', size: 32 }] }).device;
  expect(device.barAddress(0)).toEqual({ kind: 'io', address: 0x1000 });
  expect(device.barAddress(1)).toEqual({ kind: 'memory', address: 0xe0000000 });
  expect(second.barAddress(0)).toEqual({ kind: 'io', address: 0x1100 });
  expect(second.barAddress(1)).toEqual({ kind: 'memory', address: 0xe0100000 });
  expect(third.barAddress(0)).toEqual({ kind: 'io', address: 0x1200 });
  expect(third.barAddress(1)).toBeNull();
});

test('a space that is full is an error that names the device', () => {
  const { bus } = plugged({ bars: [{ kind: 'memory', size: 0x10000000 }] });
  expect(() => plug(bus, 4, { bars: [{ kind: 'memory', size: 0x10000000 }] })).toThrow(
    /0000:00:04.0 bar0: no room/,
  );
});

test('a function from elsewhere may decode 16 bits of I/O and have 64-bit memory BARs', () => {
  const { machine } = oneMachine();
  const words = new Uint32Array(64);
  const writable = [0x0000ffe1, 0xfffff00c, 0xffffffff, 0xffffff00];
  const fixed = [1, 0xc, 0, 0];
  const elsewhere: PciFunction = {
    readConfig: (offset, width) => (width === 4 ? words[offset >> 2] : 0),
    writeConfig: (offset, _width, value) => {
      const bar = (offset - PCI_BASE_ADDRESS_0) >> 2;
      if (bar >= 0 && bar < 4) words[offset >> 2] = ((value & writable[bar]) | fixed[bar]) >>> 0;
    },
    readBar: () => 0,
    writeBar: () => {},
  };
  const device = new PciBus(machine).plugFunction(1, () => elsewhere);
  expect(device.barAddress(0)).toEqual({ kind: 'io', address: 0x1000 });
  expect(device.barAddress(1)).toEqual({ kind: 'memory', address: 0xe0000000 });
  expect(device.readConfig(0x18, 4)).toBe(0);
  expect(device.barAddress(3)).toEqual({ kind: 'memory', address: 0xe0001000 });
});

test('BARs of an impossible size and too many capabilities are refused when the chip is made', () => {
  for (const bar of [
    { kind: 'io', size: 2 },
    { kind: 'memory', size: 8 },
    { kind: 'memory', size: 48 },
  ] as BarSpec[]) {
    expect(() => new PciConfig({ ...IDENTITY, bars: [bar] })).toThrow(/power of two/);
  }
  const capabilities = Array.from({ length: 20 }, () => ({ id: 1, body: new Uint8Array(10) }));
  expect(() => new PciConfig({ ...IDENTITY, capabilities })).toThrow(/capabilities need/);
});

test('registers answer only where they are decoded: command bit on, inside the BAR', () => {
  const { device, chip, machine } = plugged();
  chip.bytes[4] = 0x5a;
  const io = device.registers(0);
  const nothing = device.registers(4);
  machine.process(() => {
    expect(io.read8(4)).toBe(0xff);
    expect(io.read32(4)).toBe(0xffffffff);
    device.enable();
    expect(io.read8(4)).toBe(0x5a);
    expect(io.read16(31)).toBe(0xffff);
    io.write32(8, 0x80000001);
    expect(io.read32(8)).toBe(0x80000001);
    expect(nothing.read16(0)).toBe(0xffff);
    device.writeConfig(PCI_COMMAND, 2, COMMAND_MEMORY);
    io.write8(4, 1);
    expect(chip.bytes[4]).toBe(0x5a);
    expect(device.registers(1).read8(4)).toBe(0x5a);
    device.disable();
    expect(device.readConfig(PCI_COMMAND, 2)).toBe(0);
  });
  expect(io.reads).toBe(5);
});

test('without bus mastering every DMA is a master abort: ones are read, nothing is written', () => {
  const { chip, device, machine } = plugged();
  const { dma } = chip.host;
  machine.memory.u8[0x2000] = 7;
  expect(dma.read32(0x2000)).toBe(0xffffffff);
  expect(dma.read16(0x2000)).toBe(0xffff);
  dma.write32(0x2000, 0);
  expect(dma.readBlock(0x2000, machine.memory, 0x3000, 4)).toBe(false);
  expect(dma.masterAborts).toBe(4);
  device.setMaster();
  expect(dma.read16(0x2000)).toBe(7);
  expect(device.readConfig(PCI_COMMAND, 2) & (COMMAND_MASTER | COMMAND_IO)).toBe(COMMAND_MASTER);
});

test('DMA outside of memory is a master abort that the status register shows until it is cleared', () => {
  const { chip, device, machine } = plugged();
  const { dma } = chip.host;
  const { size } = machine.memory;
  device.setMaster();
  expect(dma.read32(size - 4)).toBe(0);
  expect(device.readConfig(PCI_STATUS, 2) & STATUS_RECEIVED_MASTER_ABORT).toBe(0);
  for (const address of [size - 3, size, 0xfffffffc, -1]) expect(dma.read32(address)).toBe(0xffffffff);
  expect(dma.writeBlock(size - 4, machine.memory, 0, 8)).toBe(false);
  expect(dma.masterAborts).toBe(5);
  expect(device.readConfig(PCI_STATUS, 2) & STATUS_RECEIVED_MASTER_ABORT).not.toBe(0);
  device.writeConfig(PCI_STATUS, 2, STATUS_RECEIVED_MASTER_ABORT);
  expect(device.readConfig(PCI_STATUS, 2) & STATUS_RECEIVED_MASTER_ABORT).toBe(0);
});

test('DMA at odd addresses moves the same bytes', () => {
  const { chip, device, machine } = plugged();
  device.setMaster();
  const { dma } = chip.host;
  dma.write32(0x2001, 0x89abcdef);
  dma.write16(0x2007, 0x4321);
  expect(dma.read32(0x2001)).toBe(0x89abcdef);
  expect(dma.read16(0x2007)).toBe(0x4321);
  expect([...machine.memory.u8.subarray(0x2001, 0x2005)]).toEqual([0xef, 0xcd, 0xab, 0x89]);
});

test('the interrupt pin follows the chip unless INTx is disabled; the status bit always does', () => {
  const { chip, device, machine } = plugged();
  let count = 0;
  device.requestIrq('test', () => {
    count++;
    chip.host.setInterrupt(false);
    return true;
  });
  machine.process(() => {
    device.writeConfig(PCI_COMMAND, 2, COMMAND_INTX_DISABLE);
    chip.host.setInterrupt(true);
    chip.host.setInterrupt(true);
    expect(count).toBe(0);
    expect(device.readConfig(PCI_STATUS, 2) & STATUS_INTERRUPT).not.toBe(0);
    device.writeConfig(PCI_COMMAND, 2, 0);
    expect(count).toBe(1);
    expect(device.readConfig(PCI_STATUS, 2) & STATUS_INTERRUPT).toBe(0);
  });
});

test('slots four apart share a line: each handler says whether it was its device', () => {
  const { bus, machine, chip, device } = plugged({}, 3);
  const other = plug(bus, 7);
  expect(other.device.irq).toBe(device.irq);
  const calls: string[] = [];
  for (const [name, which] of [
    ['first', { chip, device }],
    ['second', other],
  ] as const) {
    which.device.requestIrq(name, () => {
      const mine = (which.device.readConfig(PCI_STATUS, 2) & STATUS_INTERRUPT) !== 0;
      calls.push(`${name} ${mine}`);
      which.chip.host.setInterrupt(false);
      return mine;
    });
  }
  machine.process(() => other.chip.host.setInterrupt(true));
  expect(calls).toEqual(['first false', 'second true']);
});

test('the handler of a card that was pulled out is found on its line, which the card cannot tell any more', () => {
  const { machine, bus } = plugged();
  let pulled = false;
  const ones = (width: Width): number => (2 ** (8 * width) - 1) >>> 0;
  const config = new PciConfig(IDENTITY);
  const device = bus.plugFunction(9, () => ({
    readConfig: (offset, width) => (pulled ? ones(width) : config.read(offset, width)),
    writeConfig: (offset, width, value) => config.write(offset, width, value),
    readBar: (_bar, _offset, width) => ones(width),
    writeBar: () => {},
  }));
  const { irq } = device;
  const action = device.requestIrq('test', () => true);
  pulled = true;
  expect(device.irq).toBe(0xff);
  device.freeIrq(action);
  expect(machine.irq.line(irq).handlers).toEqual([]);
});

test('a device without interrupt pin drives none and cannot be listened to', () => {
  const { chip, device, run } = plugged({ interruptPin: 0 });
  chip.host.setInterrupt(true);
  run(1);
  expect(device.readConfig(PCI_INTERRUPT_LINE, 1)).toBe(0);
  expect(() => device.requestIrq('test', () => true)).toThrow(/no interrupt pin/);
});

test('capabilities are found by walking the list', () => {
  const { device } = plugged({
    capabilities: [
      { id: 0x01, body: new Uint8Array(6) },
      { id: 0x05, body: Uint8Array.from([0x80, 0]) },
    ],
  });
  expect(device.findCapability(0x01)).toBe(0x40);
  expect(device.findCapability(0x05)).toBe(0x48);
  expect(device.readConfig(0x4a, 1)).toBe(0x80);
  expect(device.findCapability(0x11)).toBe(0);
  expect(plugged().device.findCapability(0x01)).toBe(0);
});

test('a capability list that loops comes to an end', () => {
  const { machine } = oneMachine();
  const bytes = new Uint8Array(256);
  bytes[PCI_STATUS] = 0x10;
  bytes[0x34] = 0x43;
  bytes[0x40] = 9;
  bytes[0x41] = 0x50;
  bytes[0x50] = 8;
  bytes[0x51] = 0x40;
  const looping: PciFunction = {
    readConfig: (offset, width) => (width === 1 ? bytes[offset] : bytes[offset] | (bytes[offset + 1] << 8)),
    writeConfig: () => {},
    readBar: () => 0,
    writeBar: () => {},
  };
  const device = new PciBus(machine).plugFunction(1, () => looping);
  expect(device.findCapability(8)).toBe(0x50);
  expect(device.findCapability(5)).toBe(0);
});

function driver(ids: PciDriver['ids'], overrides: Partial<PciDriver> = {}): PciDriver & { seen: string[] } {
  const seen: string[] = [];
  return {
    name: 'test',
    ids,
    seen,
    probe: (device) => void seen.push(`probe ${device.name}`),
    remove: (device) => void seen.push(`remove ${device.name}`),
    ...overrides,
  };
}

test('a driver is offered the devices of its id table that nobody has, and gives them back', () => {
  const { bus, device } = plugged();
  plug(bus, 4, { deviceId: 0x1111 });
  const other = plug(bus, 5, { subsystemId: 1 }).device;
  const picky = driver([{ vendorId: 0x1022, deviceId: 0x2000, subsystemVendorId: 0x1234, subsystemId: 1 }]);
  const broad = driver([{ vendorId: 0x1022, deviceId: 0x2000 }]);
  expect(bus.register(picky)).toEqual([other]);
  expect(bus.register(broad)).toEqual([device]);
  expect(bus.driverOf(other)).toBe(picky);
  bus.unregister(picky);
  expect(picky.seen).toEqual(['probe 0000:00:05.0', 'remove 0000:00:05.0']);
  expect(bus.register(broad)).toEqual([other]);
  bus.unregister(broad);
  expect(bus.driverOf(device)).toBeNull();
});

test('a failing probe is logged and leaves the device to the next driver', () => {
  const { bus, device, log } = plugged();
  const failing = driver([{ vendorId: 0x1022, deviceId: 0x2000 }], {
    probe: () => {
      throw new Error('chip version 0x0000');
    },
  });
  expect(bus.register(failing)).toEqual([]);
  expect(log).toEqual(['machine: test: probe of 0000:00:03.0 failed: chip version 0x0000']);
  expect(bus.register(driver([{ vendorId: 0x1022, deviceId: 0x2000 }]))).toEqual([device]);
});

test('coherent memory belongs to its device, and what was not given back is counted', () => {
  const { bus, device, machine } = plugged();
  const other = plug(bus, 4).device;
  const at = device.dma.allocCoherent(256, 256);
  expect(at % 256).toBe(0);
  expect(device.dma.coherentBlocks).toBe(1);
  expect(() => other.dma.freeCoherent(at)).toThrow(/not this device's/);
  const blocks = machine.memory.blocks;
  device.dma.freeCoherent(at);
  expect(device.dma.coherentBlocks).toBe(0);
  expect(machine.memory.blocks).toBe(blocks - 1);
});

test('a slot takes one device', () => {
  const { bus } = plugged();
  expect(() => plug(bus, 3)).toThrow(/taken/);
  expect(() => plug(bus, 32)).toThrow(/0 to 31/);
});

test('a warning of a chip is logged once', () => {
  const { chip, log } = plugged();
  chip.host.warn('odd');
  chip.host.warn('odd');
  expect(log).toEqual(['machine: pci 3: odd']);
});
