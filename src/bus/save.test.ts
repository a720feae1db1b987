// The state of a device on the bus: configuration space and chip together, taken up whole or not at all.

import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import { Pcnet } from '../chips/pcnet/model.ts';
import { FakeMedium } from '../chips/testing.ts';
import type { StateObject } from './host.ts';
import { PciBus, type PciDevice } from './pci.ts';
import {
  COMMAND_INTX_DISABLE,
  PCI_BASE_ADDRESS_0,
  PCI_COMMAND,
  PCI_LATENCY_TIMER,
  PCI_STATUS,
  STATUS_INTERRUPT,
  STATUS_RECEIVED_MASTER_ABORT,
} from './pci-config.ts';

const MAC = [2, 0, 0, 0, 0, 1];
/** User interrupt, in CSR4. */
const UINTCMD = 0x0080;

function plugged() {
  const one = oneMachine();
  const bus = new PciBus(one.machine);
  const device = bus.plug(3, (host) => new Pcnet(host, new FakeMedium(), { variant: 'Am79C970A', mac: MAC }));
  let interrupts = 0;
  device.requestIrq('test', () => {
    interrupts++;
    // Masked as a driver would, so that the line comes down.
    write(device, 0, 0);
    return true;
  });
  return { ...one, device, interrupts: () => interrupts };
}

/** Writes a CSR past all charges and contexts. */
function write(device: PciDevice, register: number, value: number): void {
  const ports = device.registers(0);
  ports.write16(0x12, register);
  ports.write16(0x10, value);
}

function configured() {
  const rig = plugged();
  const { device, machine } = rig;
  machine.process(() => {
    device.enable();
    device.setMaster();
    device.writeConfig(PCI_LATENCY_TIMER, 1, 0x40);
    device.writeConfig(PCI_BASE_ADDRESS_0, 4, 0xc100);
    write(device, 1, 0x1234);
  });
  return rig;
}

test('a device takes up what another one was: decoding, addresses, bus mastering, registers', () => {
  const first = configured();
  const second = plugged();
  second.device.restore(structuredClone(first.device.save()));
  expect(second.device.save()).toEqual(first.device.save());
  expect(second.device.barAddress(0)).toEqual({ kind: 'io', address: 0xc100 });
  expect(second.device.readConfig(PCI_LATENCY_TIMER, 1)).toBe(0x40);
  const value = second.machine.process(() => {
    const ports = second.device.registers(0);
    ports.write16(0x12, 1);
    return ports.read16(0x10);
  });
  expect(value).toBe(0x1234);
  // It masters the bus: INIT reads a block and sets IDON.
  second.machine.process(() => write(second.device, 2, 0));
  second.machine.process(() => write(second.device, 0, 1));
  expect(second.machine.process(() => second.device.registers(0).read16(0x10)) & 0x0100).toBe(0x0100);
});

test('a device without decoding answers with ones again after it took up such a state', () => {
  const { device, machine } = plugged();
  const closed = device.save();
  machine.process(() => device.enable());
  device.restore(closed);
  expect(machine.process(() => device.registers(0).read16(0x10))).toBe(0xffff);
});

test('the interrupt pin moves once, when all of the state is there', () => {
  const rig = configured();
  const { device, machine } = rig;
  machine.process(() => device.writeConfig(PCI_COMMAND, 2, 7 | COMMAND_INTX_DISABLE));
  machine.process(() => {
    write(device, 0, 0x0040);
    write(device, 4, UINTCMD);
  });
  expect(device.readConfig(PCI_STATUS, 2) & STATUS_INTERRUPT).toBe(STATUS_INTERRUPT);
  expect(rig.interrupts()).toBe(0);
  const disabled = device.save();
  const enabled = structuredClone(disabled) as { config: { bytes: Uint8Array } } & StateObject;
  enabled.config.bytes[PCI_COMMAND + 1] &= ~(COMMAND_INTX_DISABLE >> 8);

  const other = plugged();
  other.machine.process(() => other.device.restore(disabled));
  expect(other.interrupts()).toBe(0);
  expect(other.device.readConfig(PCI_STATUS, 2) & STATUS_INTERRUPT).toBe(STATUS_INTERRUPT);
  other.machine.process(() => other.device.restore(enabled));
  other.clock.run(other.clock.now() + 1_000_000);
  expect(other.interrupts()).toBe(1);
});

test('status bits that latch go with the state', () => {
  const { device, machine } = configured();
  machine.process(() => {
    write(device, 2, 0xffff);
    write(device, 0, 1);
  });
  const state = device.save();
  const other = plugged();
  other.device.restore(state);
  expect(other.device.readConfig(PCI_STATUS, 2) & STATUS_RECEIVED_MASTER_ABORT).not.toBe(0);
});

test('a state that is wrong in either half is refused before the other was taken up', () => {
  const first = configured();
  const { device } = plugged();
  const before = device.save();
  const right = first.device.save() as { config: { bytes: Uint8Array }; chip: StateObject };
  const wrong = (state: StateObject): string => {
    try {
      device.restore(state);
    } catch (error) {
      expect(device.save()).toEqual(before);
      return (error as Error).message;
    }
    return 'taken';
  };
  const byte = (offset: number, value: number): string => {
    const bytes = right.config.bytes.slice();
    bytes[offset] = value;
    return wrong({ ...right, config: { bytes } });
  };
  expect(byte(0, 0x86)).toBe('PCI configuration space of another device: byte 0x0 is 0x86, 0x22 here');
  expect(byte(0x08, 0x40)).toContain('byte 0x8 is 0x40, 0x16 here');
  expect(byte(PCI_COMMAND, 0x08)).toContain('byte 0x4');
  expect(byte(PCI_BASE_ADDRESS_0, 0x02)).toContain('byte 0x10');
  expect(byte(PCI_STATUS, 0x10)).toContain('byte 0x6');
  expect(byte(0xff, 1)).toContain('byte 0xff');
  expect(wrong({ ...right, chip: { ...right.chip, csr0: 'x' } })).toContain('csr0 is "x"');
  expect(wrong({ config: right.config })).toBe('state of pci 3.chip is missing');
  expect(wrong({ ...right, config: null })).toContain('is null');
  expect(wrong({ ...right, more: 1 })).toBe('state of pci 3.more is not known');
  expect(wrong(right)).toBe('taken');
});

test('a function that lives elsewhere says that it cannot be saved', () => {
  const { machine } = oneMachine();
  const device = new PciBus(machine).plugFunction(1, () => ({
    readConfig: () => 0,
    writeConfig() {},
    readBar: () => 0,
    writeBar() {},
  }));
  expect(() => device.save()).toThrow('0000:00:01.0: its state is not within reach');
  expect(() => device.restore({})).toThrow('only a chip model can be restored');
});
