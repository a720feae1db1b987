// What is the 8255x's own: command blocks of both formats, set-up between packets, interrupts of both kinds, statistics.

import { describe, expect, test } from 'vitest';
import { BROADCAST, frame, MILLISECOND, SECOND } from '../../../test/vocabulary/bench.ts';
import { IopktHost } from '../../../test/vocabulary/iopkt-host.ts';
import { COMMAND_MASTER, PCI_COMMAND } from '../../bus/pci-config.ts';
import { CB, COMMAND, TBD_BYTES } from '../../chips/i8255x/blocks.ts';
import { CSR, CUC, CUC_SHIFT, STATISTIC } from '../../chips/i8255x/sheet.ts';
import { X86_DESKTOP } from '../../kernel/profile.ts';
import { TX_DEFERRED, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../../wire/medium.ts';
import { speedo_read_eeprom } from './eeprom.ts';
import { speedo_mask } from './hardware.ts';
import { SPEEDO_TXCB_BYTES, type speedo_dev } from './softc.ts';
import { TX_THRESHOLD_FIRST } from './transmit.ts';

const GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03);

test.each([
  ['i82557b', CB.DATA],
  ['i82558b', CB.DATA + 2 * TBD_BYTES],
  ['i82551', CB.DATA + 2 * TBD_BYTES],
] as const)('%s: the TBD array of a block is behind those that are inside', (chip, array) => {
  const host = new IopktHost({ driver: 'speedo', chip });
  for (const cuts of [[], [100], [1, 2, 3, 4, 5, 6, 7]]) {
    host.send(frame(500, 1), cuts);
    host.run();
    host.expectFrame(frame(500, 1));
  }
  const { tx_blocks } = host.softc<speedo_dev>();
  const { u8, u32 } = host.machine.memory;
  for (const [i, pieces] of [1, 2, 8].entries()) {
    const at = tx_blocks + i * SPEEDO_TXCB_BYTES;
    expect(u32[(at + CB.TBD_ARRAY) >> 2]).toBe(at + array);
    expect(u8[at + CB.TBD_NUMBER]).toBe(pieces);
  }
});

test('the filter changes many times while frames wait for a slow wire, between them and in order', () => {
  const host = new IopktHost({ driver: 'speedo', chip: 'i82559c', bitsPerSecond: 10_000_000 });
  const sc = host.softc<speedo_dev>();
  const device = host.device();
  let number = 0;
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 3; i++) host.send(frame(700, number++));
    host.machine.process(() => {
      if (round % 2 === 0) device.addMulticast(GROUP);
      else device.removeMulticast(GROUP);
    });
    host.run(700_000);
  }
  host.machine.process(() => device.addMulticast(GROUP));
  host.run(3 * SECOND);
  expect([sc.setup_slot, sc.setup_again]).toEqual([-1, false]);
  host.expectFrame(...Array.from({ length: number }, (_, i) => frame(700, i)));
  expect(sc.events).toMatchObject({ restarts: 0, tx_timeouts: 0 });
  host.wire.deliver(frame(60, 1, GROUP), frame(60, 2, Uint8Array.of(1, 0, 0x5e, 9, 9, 9)));
  host.run();
  expect(host.receivedCount).toBe(1);
  host.expectConserved();
});

test('the command unit waits behind a block that is not written again before it has gone on', () => {
  const host = new IopktHost({ driver: 'speedo', chip: 'i82559c', options: 'transmit=16' });
  const { u16 } = host.machine.memory;
  const sc = host.softc<speedo_dev>();
  let all = false;
  for (let i = 0; i < 200; i++) {
    // A batch as long as the ring lets it be, from a command unit that waits anywhere in it.
    const queue = host.device().txQueues[0];
    queue.stop();
    for (let k = 0; k < 1 + (i % 30); k++) host.send(frame(60, k));
    queue.wake();
    if (i % 7 === 0) {
      all = !all;
      host.machine.process(() => host.device().setAllMulticast(all ? 1 : -1));
    }
    host.run(100_000);
    expect(u16[(sc.cu_tail + CB.COMMAND) >> 1] & COMMAND.S).toBe(COMMAND.S);
    expect(host.wire.frames.splice(0).length).toBe(1 + (i % 30));
  }
  host.run(3 * SECOND);
  expect(host.device().ops.held!()).toBe(0);
  expect(sc.events).toMatchObject({ restarts: 0, tx_timeouts: 0 });
});

describe.each([null, 'kermask'])('option %s', (options) => {
  test('interrupts: masked while they are processed, none is lost, none is needed for what was sent', () => {
    const host = new IopktHost({
      driver: 'speedo',
      chip: 'i82559er',
      options: options ?? undefined,
      machine: { profile: X86_DESKTOP },
    });
    host.keep = false;
    for (let i = 0; i < 500; i++) {
      host.wire.deliver(frame(60 + i, i));
      host.run(13_000);
    }
    host.run(MILLISECOND);
    expect(host.receivedCount).toBe(500);
    const line = host.machine.irq.line(host.pcis[0].irq);
    expect([line.masked, line.shut]).toEqual([false, '']);
    const before = line.delivered;
    for (let i = 0; i < 4; i++) host.send(frame(60, i));
    host.run();
    expect(line.delivered - before).toBeLessThanOrEqual(1);
    host.run(3 * SECOND);
    expect(host.device().ops.held!()).toBe(0);
    expect(host.device().tx.packets).toBe(4);
    host.expectConserved();
  });
});

test('what became of frames on a shared medium is the chip to say: counters of nicinfo and of the interface agree (F09)', () => {
  const host = new IopktHost({ driver: 'speedo', chip: 'i82557b', options: 'speed=10,duplex=0' });
  host.wire.outcomes.push(0, 1, 3 | TX_DEFERRED, TX_RETRY, TX_LATE_COLLISION | 2, TX_NO_CARRIER, 0);
  for (let i = 0; i < 7; i++) host.send(frame(60, i));
  host.run();
  host.wire.deliverDamaged(frame(100));
  host.wire.deliver(frame(40));
  host.run();
  const { un_estats, txed_ok } = host.stats();
  expect(txed_ok).toBe(4);
  expect(un_estats).toMatchObject({
    single_collisions: 1,
    multi_collisions: 1,
    tx_deferred: 1,
    xcoll_aborted: 1,
    late_collisions: 1,
    no_carrier: 1,
    fcs_errors: 1,
    short_packets: 1,
  });
  expect([host.ifp().if_opackets, host.ifp().if_oerrors, host.ifp().if_ierrors]).toEqual([4, 3, 1]);
  expect(host.ifp().if_collisions).toBe(1 + 3 + 16 + 2);
  host.stats();
  expect(host.ifp().if_oerrors).toBe(3);
  host.expectConserved();
});

test('an underrun raises the threshold of the blocks that follow, up to a whole frame', () => {
  const host = new IopktHost({ driver: 'speedo', chip: 'i82559c' });
  const sc = host.softc<speedo_dev>();
  const { u8, u32 } = host.machine.memory;
  const threshold = (): number => {
    const index = sc.tx_next;
    host.send(frame(60));
    host.run();
    return u8[sc.tx_blocks + index * SPEEDO_TXCB_BYTES + CB.THRESHOLD];
  };
  expect(threshold()).toBe(TX_THRESHOLD_FIRST);
  // The model reads frames whole: the chip's word is put into its mouth.
  let underruns = 1;
  host.card.onWritten = (offset, _width, value) => {
    if (offset === CSR.SCB_COMMAND && value === CUC.DUMP_RESET_STATISTICS << CUC_SHIFT)
      u32[(sc.dump >> 2) + STATISTIC.TX_UNDERRUNS] = underruns;
  };
  host.stats();
  underruns = 0;
  expect(threshold()).toBeGreaterThan(TX_THRESHOLD_FIRST);
  expect(host.stats().un_estats.internal_tx_errors).toBe(1);
  underruns = 100;
  host.stats();
  underruns = 0;
  expect(threshold() * 8).toBe(1536);
});

test('the EEPROM tells how long its addresses are', () => {
  for (const chip of ['i82557b', 'i82559c'] as const) {
    const host = new IopktHost({ driver: 'speedo', chip, mac: Uint8Array.of(0, 0xaa, 0, 0x12, 0x34, 0x56) });
    const sc = host.softc<speedo_dev>();
    const found = host.machine.process(() => speedo_read_eeprom(sc));
    expect(Array.from(found!.address)).toEqual([0, 0xaa, 0, 0x12, 0x34, 0x56]);
    expect(found!.phy).toBe(1);
    expect(host.config().phy_addr).toBe(1);
  }
});

test('a receiver that the bus has stopped, without a word, is found by the monitor', () => {
  const host = new IopktHost({ driver: 'speedo', chip: 'i82559c' });
  // Bus mastering is off for a moment: the frame is lost, and the unit idle.
  const pci = host.pcis[0];
  const command = pci.readConfig(PCI_COMMAND, 2);
  pci.writeConfig(PCI_COMMAND, 2, command & ~COMMAND_MASTER);
  host.wire.deliver(frame(60, 1, BROADCAST));
  pci.writeConfig(PCI_COMMAND, 2, command);
  host.run(5 * SECOND);
  expect(host.softc<speedo_dev>().events.restarts).toBe(1);
  host.wire.deliver(frame(60, 2, BROADCAST));
  host.run();
  expect(host.receivedCount).toBe(1);
});

test.each([
  ['i82557b', 1514, 0],
  ['i82558b', 1518, 1],
] as const)('%s: frames with a VLAN tag', (chip, longest, errors) => {
  const host = new IopktHost({ driver: 'speedo', chip });
  const tagged = (length: number): Uint8Array => {
    const bytes = frame(length);
    bytes.set([0x81, 0, 0, 5], 12);
    return bytes;
  };
  const received: number[] = [];
  host.layer.packetTypes.add({
    name: 'tag',
    type: 0x8100,
    device: null,
    receive: (m) => {
      received.push(m.packetLength + 14);
      host.machine.mbufs.freem(m);
    },
  });
  for (const length of [64, 1514, 1518, 1519]) host.wire.deliver(tagged(length));
  host.run();
  expect(received).toEqual([64, 1514, 1518].filter((length) => length <= longest));
  expect(host.ifp().if_ierrors).toBe(errors);
});

test('a forced medium is forced again when the card was away for less time than the monitor waits', () => {
  const host = new IopktHost({ driver: 'speedo', chip: 'i82559er', options: 'speed=10,duplex=0' });
  host.run(5 * SECOND);
  expect(host.config()).toMatchObject({ media_rate: 10_000, duplex: 0 });
  host.card.pull();
  host.card.putBack();
  host.run(10 * SECOND);
  expect(host.config()).toMatchObject({ media_rate: 10_000, duplex: 0 });
});

test('a set-up is not told together with what waits in front of it: 16 blocks at a resume is what QEMU executes', () => {
  const host = new IopktHost({ driver: 'speedo', chip: 'i82559c', bitsPerSecond: 10_000_000 });
  const sc = host.softc<speedo_dev>();
  const device = host.device();
  const [queue] = device.txQueues;
  const { u32 } = host.machine.memory;
  const told: number[] = [];
  let last = sc.cu_tail;
  host.card.onWritten = (offset, _width, value) => {
    if (offset !== CSR.SCB_COMMAND || value !== CUC.RESUME << CUC_SHIFT) return;
    let blocks = 0;
    for (; last !== sc.cu_tail && blocks < 100; blocks++) last = u32[(last + CB.LINK) >> 2];
    told.push(blocks);
  };
  // The interrupt is masked: what the ring holds is taken back by if_start alone, when 2 blocks are left.
  speedo_mask(sc);
  let sent = 0;
  const send = (length: number): void => host.send(frame(length, sent++));
  // Behind frames that a slow wire keeps, one set-up is under way and another wanted.
  while (sent < 5) send(1514);
  host.machine.process(() => {
    device.setAllMulticast(1);
    device.setAllMulticast(-1);
  });
  while (sc.tx_free > 2 + 15) send(60);
  expect(sc.setup_again).toBe(true);
  queue.stop();
  while (sent < 80) send(60);
  host.run(100 * MILLISECOND);
  told.length = 0;
  queue.wake();
  host.run();
  // The second set-up is a block of the ring and three of its own.
  expect(told.slice(0, 2)).toEqual([15, 4]);
  expect(Math.max(...told)).toBeLessThanOrEqual(16);
  host.run(3 * SECOND);
  host.expectFrame(...Array.from({ length: sent }, (_, i) => frame(i < 5 ? 1514 : 60, i)));
  host.expectConserved();
});
