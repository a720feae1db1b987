// Our pcnet32 driver on QEMU's PCnet, and the cable between QEMU and our media.

import { afterEach, describe, expect, it } from 'vitest';
import { Board, type BoardOptions, closeBoards, hasQemu } from '../../../test/vocabulary/qemu.ts';
import { numbered, numberOf } from '../../../test/vocabulary/station.ts';
import { PciBus } from '../../bus/pci.ts';
import { Pcnet } from '../../chips/pcnet/model.ts';
import { pcnet32Driver } from '../../drivers/pcnet32/pcnet32.ts';
import { Machine } from '../../kernel/machine.ts';
import type { NetDevice } from '../../net/device.ts';
import { DeviceLayer } from '../../net/layer.ts';
import { PfifoFast } from '../../qdisc/pfifo-fast.ts';

afterEach(closeBoards);

/** A board whose PCnets have our driver, open and with a link. */
async function driven(options: BoardOptions): Promise<{ board: Board; devices: NetDevice[] }> {
  const board = new Board(options);
  board.layer.defaultQdisc = (length) => new PfifoFast(length);
  const taken = board.machine.process(() => board.bus.register(pcnet32Driver(board.layer)));
  expect(taken.length, board.log.join('\n')).toBe(options.nics.length);
  const devices = board.openAll();
  await board.until(() => devices.every((device) => device.carrier), 'links');
  return { board, devices };
}

function shutDown(board: Board): void {
  board.machine.process(() => board.bus.unregister(board.bus.driverOf(board.nics[0].pci)!));
  board.qemu.close();
  expect(board.machine.mbufs.inUse).toBe(0);
  expect(board.pool.inUse).toBe(0);
}

describe.skipIf(!hasQemu)("our pcnet32 on QEMU's PCnet", () => {
  it('sends back frames of every kind of length, bytes unchanged, and gives everything back', async () => {
    const { board, devices } = await driven({ nics: ['pcnet'] });
    board.echo();
    const [{ far }] = board.nics;
    const lengths = [60, 61, 62, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 1000, 1023, 1513, 1514];
    const frames = lengths.map((length, i) => numbered(i, length));
    far.offer(...frames);
    await board.until(() => far.arrivals.length === frames.length, 'echoes');
    expect(far.arrivals.map((arrival) => arrival.bytes.length)).toEqual(lengths);
    expect(far.arrivals.map(numberOf)).toEqual(lengths.map((_, i) => i));
    far.arrivals.forEach(({ bytes }, i) => {
      expect(bytes.subarray(14)).toEqual(frames[i].subarray(14));
      expect([...bytes.subarray(0, 6)]).toEqual([...frames[i].subarray(6, 12)]);
      expect([...bytes.subarray(6, 12)]).toEqual([2, 0, 0, 0, 1, 3]);
    });
    expect(devices[0].rx.packets).toBe(lengths.length);
    await board.until(() => devices[0].tx.packets === lengths.length, 'transmit completion');
    expect(devices[0].interrupts).toBeGreaterThan(0);
    const { fromQemu, toQemu } = board.qemu.report(3);
    expect(fromQemu).toMatchObject({ frames: lengths.length, sent: lengths.length, padded: 0, waiting: 0 });
    expect(toQemu).toMatchObject({ frames: lengths.length, written: lengths.length, waiting: 0 });
    shutDown(board);
  });

  it('and our model of it talk through a cable, thousands of frames to and fro, none lost, none out of order', async () => {
    const { board } = await driven({ nics: ['pcnet'] });
    board.echo();
    const [{ link }] = board.nics;
    const { clock } = board;
    // The model's host takes the test station's place.
    const machine = new Machine({ clock, name: 'model' });
    const layer = new DeviceLayer(machine);
    layer.defaultQdisc = (length) => new PfifoFast(length);
    const bus = new PciBus(machine);
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);
    bus.plug(3, (host) => new Pcnet(host, link.b, { variant: 'Am79C970A', mac }));
    machine.process(() => bus.register(pcnet32Driver(layer)));
    const [device] = layer.devices;
    const order: number[] = [];
    layer.packetTypes.add({
      name: 'end',
      type: 0x88b5,
      device: null,
      receive: (m) => {
        const { u8 } = machine.memory;
        order.push(new DataView(u8.buffer, u8.byteOffset + m.data).getUint32(0));
        machine.mbufs.freem(m);
      },
    });
    machine.process(() => {
      device.open();
      device.setPromiscuity(1);
    });
    await board.until(() => device.carrier, 'the link of the model');
    const count = 2000;
    let sent = 0;
    await board.until(() => {
      // A window, so that a slow machine is no reason for a full ring.
      while (sent < count && sent - order.length < 16) {
        const m = machine.mbufs.fromBytes(numbered(sent, 60 + (sent % 1400)), 64)!;
        sent++;
        machine.process(() => device.transmit(m));
      }
      return order.length === count;
    }, 'echoes');
    expect(order).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(board.received).toBe(count);
    board.expectConserved();
    machine.process(() => device.close());
    expect(machine.mbufs.inUse).toBe(0);
    shutDown(board);
  });

  it('several cards, two of them on one interrupt pin: each gets its own', async () => {
    const nics = [3, 7, 11, 4, 6].map((slot) => ({ model: 'pcnet', slot }));
    const { board, devices } = await driven({ nics });
    board.echo();
    expect(board.nics.map(({ pci }) => pci.irq)).toEqual([5, 5, 5, 9, 11]);
    board.nics.forEach(({ far }, i) => {
      far.offer(...Array.from({ length: 40 }, (_, k) => numbered(100 * i + k, 64 + k)));
    });
    const all = (): boolean => board.nics.every(({ far }) => far.arrivals.length === 40);
    await board.until(all, 'echoes of all');
    board.nics.forEach(({ far }, i) => {
      expect(far.arrivals.map(numberOf)).toEqual(Array.from({ length: 40 }, (_, k) => 100 * i + k));
    });
    for (const device of devices) expect(device.interrupts).toBeGreaterThan(0);
    for (const line of board.machine.irq.lines) expect(line.shut).toBe('');
    board.expectConserved();
    shutDown(board);
  });

  it('a card is sent with a short packet, and its cable gets 60 bytes', async () => {
    const { board, devices } = await driven({ nics: ['pcnet'] });
    const [{ far }] = board.nics;
    const m = board.machine.mbufs.fromBytes(numbered(7, 20), 64)!;
    board.machine.process(() => devices[0].transmit(m));
    await board.until(() => far.arrivals.length === 1, 'the frame');
    expect(far.arrivals[0].bytes.length).toBe(60);
    expect([...far.arrivals[0].bytes.subarray(20)].every((byte) => byte === 0)).toBe(true);
    board.expectConserved();
  });

  it('a cable that is cut or pulled is seen at both ends, and traffic flows again afterwards', async () => {
    const { board, devices } = await driven({ nics: ['pcnet'] });
    board.echo();
    const [{ far, link }] = board.nics;
    link.setCarrier(false);
    await board.until(() => !devices[0].carrier, 'loss of the link at the driver');
    link.setCarrier(true);
    await board.until(() => devices[0].carrier, 'its return');
    board.qemu.setLink(3, false);
    expect(link.b.carrier).toBe(false);
    await board.until(() => !devices[0].carrier, 'loss of the link at the driver');
    far.offer(numbered(1, 60));
    await board.until(() => far.statuses.length === 1, 'the end of a transmission without carrier');
    board.qemu.setLink(3, true);
    board.qemu.setLink(3, true);
    expect(link.b.carrier).toBe(true);
    await board.until(() => devices[0].carrier, 'its return');
    far.offer(numbered(2, 60));
    await board.until(() => far.arrivals.length === 1, 'an echo');
    expect(numberOf(far.arrivals[0])).toBe(2);
    board.expectConserved();
    shutDown(board);
  });

  it('the driver outlives its QEMU: it says so, closes, and gives everything back', async () => {
    const { board, devices } = await driven({ nics: ['pcnet'] });
    board.echo();
    const [{ far }] = board.nics;
    far.offer(...Array.from({ length: 20 }, (_, i) => numbered(i, 500)));
    await board.until(() => far.arrivals.length >= 5, 'some echoes');
    process.kill(board.qemu.pid, 'SIGKILL');
    await board.until(() => board.qemu.dead && !devices[0].carrier, 'the driver to notice');
    expect(board.log.some((line) => /the card does not answer any more/.test(line))).toBe(true);
    board.expectConserved();
    shutDown(board);
  });
});

describe.skipIf(!hasQemu)('the cable of a QEMU NIC', () => {
  it('keeps damaged frames and runts from QEMU, which could not tell them from good ones', async () => {
    const { board } = await driven({ nics: ['pcnet'] });
    board.echo();
    const [{ far, link }] = board.nics;
    const damaged = board.pool.from(numbered(1, 100));
    damaged.fcsExplicit = true;
    damaged.fcs = damaged.goodFcs() ^ 1;
    link.b.send(damaged);
    far.offer(numbered(2, 59), numbered(3, 14), numbered(4, 100));
    await board.until(() => far.arrivals.length === 1, 'the good one');
    expect(numberOf(far.arrivals[0])).toBe(4);
    expect(board.qemu.report(3).toQemu).toMatchObject({ frames: 4, dropBadFcs: 1, dropRunt: 2, written: 1 });
    board.expectConserved();
  });

  it('a card that takes nothing: frames wait, then are dropped and counted; none is lost', async () => {
    // Not opened: it has no descriptors. An e1000 leaves frames in the socket then.
    const board = new Board({ nics: ['e1000'] });
    const [{ far }] = board.nics;
    const count = 2000;
    far.offer(...Array.from({ length: count }, (_, i) => numbered(i, 60)));
    await board.until(() => board.qemu.report(3).toQemu.frames === count, 'all to arrive');
    await board.until(() => board.qemu.report(3).toQemu.dropQueueFull > 0, 'drops');
    const { toQemu } = board.qemu.report(3);
    expect(toQemu.waiting).toBeLessThanOrEqual(256);
    board.expectConserved();
    board.qemu.close();
    board.expectConserved();
    expect(board.qemu.report(3).toQemu).toMatchObject({ waiting: 0, dropGone: toQemu.waiting });
    expect(board.pool.inUse).toBe(0);
  });

  it('a slow medium: what QEMU sends too fast is dropped and counted', async () => {
    const { board, devices } = await driven({ nics: ['pcnet'], bitsPerSecond: 100_000 });
    const [{ far }] = board.nics;
    const count = 600;
    let sent = 0;
    await board.until(() => {
      for (let i = 0; i < 8 && sent < count; i++, sent++) {
        const m = board.machine.mbufs.fromBytes(numbered(sent, 1000), 64)!;
        board.machine.process(() => devices[0].transmit(m));
      }
      return board.qemu.report(3).fromQemu.frames === count;
    }, 'all to leave QEMU');
    expect(board.qemu.report(3).fromQemu.dropQueueFull).toBeGreaterThan(0);
    board.expectConserved();
    // Those that got through are in order.
    await board.until(() => far.arrivals.length > 2, 'the first');
    expect(far.arrivals.slice(0, 3).map(numberOf)).toEqual([0, 1, 2]);
    board.qemu.close();
    board.expectConserved();
  });
});
