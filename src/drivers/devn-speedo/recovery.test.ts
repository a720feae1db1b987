// Hangs, cards that are away, set-ups that take their time: devn-speedo under the shim starts its chip afresh, or gives up cleanly.

import { describe, expect, test } from 'vitest';
import { frame, SECOND } from '../../../test/vocabulary/bench.ts';
import { errnoOf, expectWorks } from '../../../test/vocabulary/iopkt-subject.ts';
import { ShimmedHost, type ShimmedHostOptions } from '../../../test/vocabulary/shim-host.ts';
import { COMMAND_MASTER, PCI_COMMAND } from '../../bus/pci-config.ts';
import { CB, STATUS } from '../../chips/i8255x/blocks.ts';
import { CSR, CUC, CUC_SHIFT, CUS, RUS } from '../../chips/i8255x/sheet.ts';
import type { ShimDevice } from '../../ionet/shim/device.ts';
import { EIO } from '../../iopkt/errno.ts';
import { ClockEvent } from '../../kernel/clock.ts';
import { SETUP_MULTICAST, type speedo_t } from './state.ts';

const cardOf = (host: ShimmedHost): speedo_t =>
  (host.ifp().if_softc as ShimDevice).registrant.func_hdl as speedo_t;

/** The set-up that a start begins with takes its time; the models' is done at once. */
function slowSetup(host: ShimmedHost, ns: number): void {
  const { u16 } = host.machine.memory;
  let pointer = 0;
  host.card.onWritten = (offset, _width, value) => {
    if (offset === CSR.SCB_POINTER) pointer = value;
    if (offset !== CSR.SCB_COMMAND || value !== CUC.START << CUC_SHIFT) return;
    const at = (pointer + SETUP_MULTICAST + CB.STATUS) >> 1;
    const status = u16[at];
    expect(status & STATUS.C).toBe(STATUS.C);
    u16[at] = 0;
    const done = new ClockEvent('set-up', () => {
      u16[at] = status;
    });
    if (ns < Infinity) host.clock.arm(done, host.clock.now() + ns);
  };
}

/** Bus mastering is off for a moment: a frame is lost, and the receive unit idle without a word. */
function idleReceiver(host: ShimmedHost): void {
  const [pci] = host.pcis;
  const command = pci.readConfig(PCI_COMMAND, 2);
  pci.writeConfig(PCI_COMMAND, 2, command & ~COMMAND_MASTER);
  host.wire.deliver(frame(60, 1));
  pci.writeConfig(PCI_COMMAND, 2, command);
}

describe.each(['i82557b', 'i82559er'] as const)('%s', (chip) => {
  const make = (options: Partial<ShimmedHostOptions> = {}): ShimmedHost =>
    new ShimmedHost({ chip, ...options, machine: { debugMbufs: true, ...options.machine } });

  test('destroyed while the transmitter hangs: what it has is given back as failed', () => {
    const host = make({ mount: false });
    const before = host.census();
    host.mount();
    host.up();
    host.wire.stuck = true;
    for (let i = 0; i < 20; i++) host.send(frame(1000, i));
    expect(host.view().withDriver).toBeGreaterThan(8);
    host.io.destroy('en0');
    expect(host.census()).toEqual(before);
    expect(host.rules).toEqual([]);
    host.wire.release();
  });

  test('a group that is joined while the chip is started afresh is heard', () => {
    const host = make();
    const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 9);
    const card = cardOf(host);
    slowSetup(host, 5_000_000);
    idleReceiver(host);
    host.runUntil(() => !card.running);
    host.machine.process(() => host.device().addMulticast(group));
    host.run(SECOND);
    expect(card).toMatchObject({ running: true, lost: false, events: { restarts: 1 } });
    host.wire.deliver(frame(100, 1, group));
    host.run();
    expect(host.receivedCount).toBe(1);
    expect(host.rules).toEqual([]);
  });

  test('a set-up that never ends: the card is lost until it does; it is no card at init', () => {
    const host = make();
    const before = make({ mount: false }).census();
    const card = cardOf(host);
    slowSetup(host, Infinity);
    idleReceiver(host);
    host.runUntil(() => card.lost);
    expect(host.log.at(-1)).toContain('does not answer');
    host.send(frame(100));
    expect(host.ifp().if_oerrors).toBe(1);
    host.card.onWritten = null;
    host.runUntil(() => card.running);
    host.runUntil(() => host.config().media_rate > 0);
    expectWorks(host);
    slowSetup(host, 50_000_000);
    idleReceiver(host);
    host.runUntil(() => !card.running);
    host.io.destroy('en0');
    expect(host.chip.save()).toMatchObject({ cuState: CUS.IDLE, ruState: RUS.IDLE });
    expect(host.census()).toEqual(before);
    slowSetup(host, Infinity);
    expect(errnoOf(() => host.mount())).toBe(EIO);
    expect(host.census()).toEqual(before);
    expect(host.rules).toEqual([]);
  });

  test('a transmitter that hangs is started afresh', () => {
    const host = make();
    host.wire.stuck = true;
    for (let i = 0; i < 20; i++) host.send(frame(1000, i));
    host.run(20 * SECOND);
    expect(cardOf(host).events.tx_timeouts).toBeGreaterThan(0);
    host.wire.release();
    host.run(20 * SECOND);
    expect(host.view().withDriver).toBe(0);
    expectWorks(host);
    expect(host.rules).toEqual([]);
  });

  for (const [options, media_rate, duplex] of [
    [undefined, 100_000, 1],
    ['speed=10,duplex=0', 10_000, 0],
  ] as const)
    test(`a card that is pulled out and put back, options ${options}`, () => {
      const host = make({ options });
      host.card.pull();
      for (let i = 0; i < 5; i++) host.send(frame(100, i));
      host.run(10 * SECOND);
      host.card.putBack();
      host.run(10 * SECOND);
      expect(host.view().withDriver).toBe(0);
      expect(host.config()).toMatchObject({ media_rate, duplex });
      expectWorks(host);
      // So quickly that nobody has seen it.
      host.card.pull();
      host.card.putBack();
      host.run(10 * SECOND);
      expect(host.config()).toMatchObject({ media_rate, duplex });
      expectWorks(host);
      host.card.pull();
      host.io.destroy('en0');
      expect(host.rules).toEqual([]);
    });
});
