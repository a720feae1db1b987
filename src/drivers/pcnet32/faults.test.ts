import { describe, expect, test } from 'vitest';
import {
  frame,
  type Host,
  type HostOptions,
  MILLISECOND,
  makeHost,
  returned,
  SECOND,
} from '../../../test/vocabulary/bench.ts';
import { COMMAND_INTX_DISABLE, PCI_COMMAND } from '../../bus/pci-config.ts';
import { ReceiveRing, RMD1, TMD1 } from '../../chips/pcnet/ring.ts';
import type { Adapter } from './adapter.ts';
import { receive } from './receive.ts';

const up = (options: HostOptions = {}) => {
  const host = makeHost({ ...options, machine: { debugMbufs: true, ...options.machine } });
  host.runUntil(() => host.device.carrier);
  return host;
};

const worksAgain = (host: Host): void => {
  host.received.length = 0;
  host.wire.frames.length = 0;
  host.wire.deliver(frame(300, 42));
  host.send(frame(400, 43));
  host.run();
  host.expectReceived(frame(300, 42));
  host.expectFrame(frame(400, 43));
};

describe('the link', () => {
  test.each([['Am79C970A' as const], ['Am79C973' as const]])('%s: comes and goes', (chip) => {
    const host = up({ chip });
    const events: string[] = [];
    host.layer.listen((_device, event) => events.push(event));
    for (let flap = 0; flap < 3; flap++) {
      host.wire.setCarrier(false);
      host.run(2 * SECOND + MILLISECOND);
      expect(host.device.carrier).toBe(false);
      host.send(frame(60));
      host.expectSilence();
      host.wire.setCarrier(true);
      host.run(SECOND);
      expect(host.device.carrier).toBe(true);
      worksAgain(host);
    }
    expect(events).toEqual(['no-carrier', 'carrier', 'no-carrier', 'carrier', 'no-carrier', 'carrier']);
    expect(host.device.dropReport()).toEqual({ NO_CARRIER: 3 });
    host.expectConserved();
  });

  test('that is not there yet at open is found soon', () => {
    const host = makeHost({ open: false });
    host.wire.setCarrier(false);
    host.open();
    host.run(10 * SECOND);
    expect(host.device.carrier).toBe(false);
    host.wire.setCarrier(true);
    host.run(250 * MILLISECOND);
    expect(host.device.carrier).toBe(true);
  });

  test.each([
    [10_000_000, true],
    [10_000_000, false],
    [100_000_000, true],
    [100_000_000, false],
  ])('of an Am79C973 is what its PHY negotiated: %d b/s, full duplex %s', (bitsPerSecond, fullDuplex) => {
    const host = up({ chip: 'Am79C973' });
    host.wire.setRate(bitsPerSecond, fullDuplex);
    host.run(5 * SECOND);
    expect(host.device.link).toEqual({ bitsPerSecond, fullDuplex });
    worksAgain(host);
  });

  test('of an Am79C970A is half duplex unless it was told otherwise', () => {
    expect(up().device.link).toEqual({ bitsPerSecond: 10_000_000, fullDuplex: false });
    const host = up({ driver: { fullDuplex: true } });
    expect(host.device.link).toEqual({ bitsPerSecond: 10_000_000, fullDuplex: true });
    // Runts stay outside.
    host.wire.deliver(frame(40));
    host.run();
    host.expectNothingReceived();
  });

  test('of an Am79C970A is found whatever LED 0 showed for the driver before us', () => {
    const host = makeHost({ open: false });
    // BCR4: lit by received frames, active high.
    host.chip.writeBar(1, 0x14, 4, 4);
    host.chip.writeBar(1, 0x1c, 4, 0x4004);
    host.open();
    host.run(10 * MILLISECOND);
    expect(host.device.carrier).toBe(true);
    host.wire.setCarrier(false);
    host.run(2 * SECOND + MILLISECOND);
    expect(host.device.carrier).toBe(false);
  });

  test('that is lost under load leaves nothing hanging', () => {
    const host = up({ bitsPerSecond: 10_000_000 });
    for (let i = 0; i < 200; i++) host.send(frame(1000, i));
    host.run(10 * MILLISECOND);
    host.wire.setCarrier(false);
    host.run(5 * SECOND);
    expect(host.device.queued).toBe(0);
    expect(host.device.ops.held!()).toBe(0);
    host.wire.setCarrier(true);
    host.run(SECOND);
    worksAgain(host);
    host.expectConserved();
  });
});

test('a chip that was stopped, and its RAP moved, by somebody else runs again after the next look at it', () => {
  const host = up();
  host.wire.deliver(frame(300));
  host.run();
  const { chip } = host.card;
  chip.writeBar(1, 0x14, 4, 0);
  chip.writeBar(1, 0x10, 4, 0x0004);
  chip.writeBar(1, 0x14, 4, 88);
  host.run(2 * SECOND + MILLISECOND);
  worksAgain(host);
  host.expectConserved();
});

describe('a chip that hangs', () => {
  test('with a full ring is restarted by the watchdog', () => {
    const host = up();
    const base = host.census();
    host.wire.stuck = true;
    for (let i = 0; i < 100; i++) host.send(frame(60, i));
    expect(host.device.txQueues[0].stopped).toBe(true);
    host.runUntil(() => host.stats.tx_timeouts === 1);
    expect(host.log.at(-1)).toMatch(/transmit hangs: csr0=0x.*oldest the chip's/);
    host.wire.release();
    host.run();
    worksAgain(host);
    expect(host.device.dropReport().TX_TIMEOUT).toBeGreaterThan(0);
    host.expectConserved();
    expect(host.census()).toEqual(base);
  });

  test('with one packet in the ring is restarted too, within 5 s', () => {
    const host = up();
    host.wire.stuck = true;
    host.send(frame(60));
    host.run(5 * SECOND);
    expect(host.stats.tx_timeouts).toBe(1);
    expect(host.device.dropReport()).toEqual({ TX_TIMEOUT: 1 });
    host.wire.release();
    worksAgain(host);
    host.expectConserved();
  });

  test('and a transmission that is only slow is left alone', () => {
    const host = up({ bitsPerSecond: 100_000 });
    for (let i = 0; i < 100; i++) host.send(frame(1514, i));
    host.run(30 * SECOND);
    expect(host.stats).toMatchObject({ tx_timeouts: 0, restarts: 0 });
    host.expectFrame(...Array.from({ length: 100 }, (_, i) => frame(1514, i)));
  });
});

describe('the bus', () => {
  test('that does not answer for a while: the chip is restarted', () => {
    const host = up();
    const command = host.pci.readConfig(4, 2);
    host.pci.writeConfig(4, 2, command & ~4);
    for (let i = 0; i < 5; i++) host.wire.deliver(frame(60, i));
    host.run(MILLISECOND / 2);
    host.pci.writeConfig(4, 2, command);
    host.run(SECOND);
    expect(host.stats.bus_errors).toBeGreaterThan(0);
    expect(host.stats.restarts).toBeGreaterThan(0);
    host.runUntil(() => host.device.carrier);
    worksAgain(host);
    host.expectConserved();
  });

  test('that never answers again is no storm', () => {
    const host = up();
    host.pci.writeConfig(4, 2, host.pci.readConfig(4, 2) & ~4);
    host.wire.deliver(frame(60));
    const before = host.card.accesses;
    host.run(10 * SECOND);
    expect(host.device.carrier).toBe(false);
    expect(host.card.accesses - before).toBeLessThan(100_000);
    expect(host.log.filter((line) => line.includes('restart failed'))).toHaveLength(1);
    host.close();
    expect(host.census()).toMatchObject({ mbufs: 0, irqHandlers: 0, callouts: [] });
  });

  test('with a descriptor that points nowhere: the chip stops itself, and is started again', () => {
    const host = up();
    const { u32 } = host.machine.memory;
    const at = rings(host).tx >>> 2;
    u32[at + 2] = 0xfffff000;
    u32[at + 1] = TMD1.OWN | TMD1.STP | TMD1.ENP | 0xffc4;
    host.run(4 * SECOND);
    expect(host.stats.restarts).toBe(1);
    worksAgain(host);
    host.expectConserved();
  });

  test('with a chain whose end is missing: the transmitter goes off, and is turned on again', () => {
    const host = up();
    host.device.txQueues[0].limits = null;
    host.wire.stuck = true;
    host.send(frame(60));
    host.send(frame(60, 1), [20]);
    host.send(frame(60, 2));
    // The second descriptor of the second packet, as if its OWN had never reached memory.
    host.machine.memory.u32[(rings(host).tx >>> 2) + 4 * 2 + 1] &= ~TMD1.OWN;
    host.wire.release();
    host.run();
    expect(host.stats).toMatchObject({ tx_underflows: 1, tx_buffer_errors: 1, restarts: 1 });
    expect(host.device.dropReport()).toEqual({ TX_ERROR: 2 });
    worksAgain(host);
    host.expectConserved();
  });
});

describe('a card that is pulled out', () => {
  test.each([[true], [false]])('under load (NAPI %s): nothing hangs, nothing leaks', (napi) => {
    for (let point = 1; point <= 120; point += 3) {
      const host = up({ driver: { napi } });
      host.echo();
      let left = point;
      host.card.onAccess = () => {
        if (--left === 0) host.card.pull();
      };
      for (let i = 0; i < 10; i++) {
        host.wire.deliver(frame(60, i), frame(900, i));
        host.send(frame(60, i));
        host.run(MILLISECOND);
      }
      if (left > 0) host.card.pull();
      const before = host.card.accesses;
      host.run(5 * SECOND);
      expect(host.device.carrier).toBe(false);
      expect(host.card.accesses - before).toBeLessThan(10_000);
      expect(host.device.ops.held!()).toBe(0);
      host.close();
      expect(host.census(), `access ${point}`).toMatchObject({ mbufs: 0, irqHandlers: 0, callouts: [] });
      host.expectConserved();
      expect(() => host.open()).toThrow(/eth0: the chip does not come out of reset/);
      expect(host.census()).toMatchObject({ mbufs: 0, irqHandlers: 0, callouts: [] });
      host.unbind();
      expect(host.pci.dma.coherentBlocks).toBe(0);
    }
  });
});

test('a card that is put back is started again', () => {
  const host = up();
  host.card.pull();
  host.run(3 * SECOND);
  expect(host.log.slice(1)).toEqual([
    'host: eth0: the card does not answer any more',
    'host: eth0: restart failed: the chip does not come out of reset',
  ]);
  expect(host.device.carrier).toBe(false);
  host.card.putBack();
  host.pci.enable();
  host.pci.setMaster();
  host.wire.attach(host.chip);
  host.chip.carrierChanged();
  host.run(SECOND);
  expect(host.device.carrier).toBe(true);
  worksAgain(host);
  host.expectConserved();
});

// The driver knew where RAP was and did not write it, but what it had written last had gone nowhere: the handler took the
// value of another register for CSR0, said "not mine" until the kernel shut the line, and nothing was received ever after.
test.each([1, 5000])(
  "an interrupt of a card that did not answer for %d ms is not taken for somebody else's",
  (ms) => {
    const host = up();
    const command = host.pci.readConfig(PCI_COMMAND, 2);
    // The poll leaves RAP at CSR3.
    host.wire.deliver(frame(60));
    host.run();
    host.pci.writeConfig(PCI_COMMAND, 2, COMMAND_INTX_DISABLE);
    for (let i = 0; i < 5; i++) host.send(frame(60, i));
    host.run(ms * MILLISECOND);
    // Sets a cause in a chip that runs on and whose address port is elsewhere.
    host.wire.deliver(frame(60));
    host.pci.writeConfig(PCI_COMMAND, 2, command);
    host.run(5 * SECOND);
    expect(host.machine.irq.line(host.pci.irq).shut).toBe('');
    expect(host.log.filter((line) => line.includes('nobody cared'))).toEqual([]);
    host.runUntil(() => host.device.carrier);
    worksAgain(host);
    host.expectConserved();
  },
);

describe('a chip that writes nonsense into its descriptors', () => {
  test('is not believed', () => {
    const host = up({ driver: { softwareStyle: 2 } });
    const { u32 } = host.machine.memory;
    const ring = new ReceiveRing(u32, rings(host).rx, 64, 2);
    const whole = RMD1.STP | RMD1.ENP;
    const cases = [
      [whole, 0],
      [whole, 3],
      [whole, 17],
      [whole, 1523],
      [whole, 0xfff],
      [RMD1.ERR | whole, 64],
      [RMD1.ERR | RMD1.OFLO, 64],
      [0, 64],
      [RMD1.STP, 64],
      [RMD1.STP, 64],
      [RMD1.ENP, 64],
      [RMD1.ENP, 64],
    ];
    host.machine.cpu.irqDisable();
    host.wire.deliver(frame(60));
    cases.forEach(([status, count], index) => {
      const at = (ring.address >>> 2) + 4 * index;
      u32[at + 2] = count;
      u32[at + 1] = (status | 0xf000 | (-1522 & 0xfff)) >>> 0;
    });
    host.machine.cpu.irqEnable();
    host.run();
    expect(host.device.rx).toMatchObject({ packets: 0, errors: cases.length - 1 });
    expect(host.stats).toMatchObject({ rx_length_errors: 9, rx_fifo_errors: 1 });
    for (let i = 0; i < 64; i++) expect(ring.owned(i)).toBe(true);
    host.close();
    expect(host.census().mbufs).toBe(0);
  });
});

test('a frame over several descriptors that waits when the device is closed counts as one frame', () => {
  const host = up();
  host.card.onAccess = () => {
    // Closing has begun, and keeps the interrupt away.
    host.card.onAccess = null;
    host.wire.deliver(frame(9000), frame(60));
  };
  host.close();
  expect(host.stats.rx_flushed).toBe(2);
  expect(host.census().mbufs).toBe(0);
});

test('a self test that fails says what, and the device is down but can be closed', () => {
  const host = up();
  host.card.pull();
  const failures = host.machine.process(() => host.device.ops.selfTest!());
  expect(failures).toEqual(['reset: the chip does not stop', 'eth0: the chip does not come out of reset']);
  expect(host.device.carrier).toBe(false);
  host.close();
  expect(host.census()).toMatchObject({ mbufs: 0, irqHandlers: 0, callouts: [] });
});

test('the self test finds a filter register with a dead bit', () => {
  const host = up();
  const { chip } = host.card;
  const write = chip.writeBar.bind(chip);
  chip.writeBar = (bar, offset, width, value) => write(bar, offset, width, value === 0xaaaa ? 0xaa2a : value);
  const failures = host.machine.process(() => host.device.ops.selfTest!());
  expect(failures[0]).toBe('registers: CSR8 wrote 0xaaaa, read 0xaa2a');
  expect(host.device.carrier).toBe(true);
  host.echo();
  host.wire.deliver(frame(60));
  host.run();
  host.expectFrame(returned(frame(60)));
});

/** Where the chip's rings are, as its registers say. */
function rings(host: Host): { rx: number; tx: number } {
  const { registers } = host.device.ops.registerDump!();
  const value = (name: string): number => registers.find((entry) => entry.name === name)!.value;
  return {
    rx: value('CSR24') | (value('CSR25') << 16),
    tx: value('CSR30') | (value('CSR31') << 16),
  };
}

test('a frame of which the chip has given back the beginning only is waited for', () => {
  const host = up();
  const { machine } = host;
  const adapter = host.pci.driverData as Adapter;
  const { rxRing } = adapter;
  // As a card that stores STP and OWN first, and ENP with a second write.
  const at = (rxRing.address >> 2) + 4 * adapter.rxNext;
  const { u32 } = machine.memory;
  const word = u32[at + 1];
  u32[at + 1] = (word & ~RMD1.OWN) | RMD1.STP;
  expect(machine.process(() => receive(adapter, 64))).toBe(0);
  expect([adapter.stats.rx_length_errors, host.device.rx.errors]).toEqual([0, 0]);
  u32[at + 1] = word;
  for (let i = 0; i < 100; i++) {
    host.wire.deliver(frame(100, i));
    host.run(MILLISECOND / 10);
  }
  expect(host.received.length).toBe(100);
});
