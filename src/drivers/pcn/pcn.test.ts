// What is the PCnet's own, in a driver of the BSD kind.

import { describe, expect, test } from 'vitest';
import { frame, MILLISECOND, SECOND } from '../../../test/vocabulary/bench.ts';
import { IopktHost } from '../../../test/vocabulary/iopkt-host.ts';
import { COMMAND_INTX_DISABLE, PCI_COMMAND } from '../../bus/pci-config.ts';
import type { Pcnet } from '../../chips/pcnet/model.ts';
import { RMD1 } from '../../chips/pcnet/ring.ts';
import { TX_DEFERRED, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../../wire/medium.ts';
import { pcn_rxintr } from './intr.ts';
import type { pcn_softc } from './softc.ts';

describe.each(['Am79C970A', 'Am79C973'] as const)('%s', (chip) => {
  test('nicinfo gets what io-pkt knows of any interface, and nothing of the chip', () => {
    const host = new IopktHost({ driver: 'pcn', chip });
    const config = host.config();
    expect(config.device_description).toBe('pcn0');
    expect([config.vendor_id, config.num_irqs, config.phy_addr]).toEqual([0, 0, -1]);
    expect(host.stats().un_estats.valid_stats).toBe(0);
  });

  test('what became of frames on a shared medium', () => {
    const host = new IopktHost({ driver: 'pcn', chip, options: 'speed=10,duplex=0' });
    host.wire.outcomes.push(0, 1, 3 | TX_DEFERRED, TX_RETRY, TX_LATE_COLLISION | 2, TX_NO_CARRIER, 0);
    for (let i = 0; i < 7; i++) host.send(frame(60, i));
    host.run();
    host.expectFrame(frame(60, 0), frame(60, 1), frame(60, 2), frame(60, 6));
    const ifp = host.ifp();
    expect([ifp.if_opackets, ifp.if_oerrors, ifp.if_collisions]).toEqual([4, 3, 1 + 3 + 16]);
    const { sc_ev } = host.softc<pcn_softc>();
    expect(sc_ev).toMatchObject({ tx_retry_errors: 1, tx_late_collisions: 1, tx_carrier_errors: 1 });
    host.wire.deliverDamaged(frame(100));
    host.run();
    expect([sc_ev.rx_crc_errors, ifp.if_ierrors]).toEqual([1, 1]);
    host.expectConserved();
  });

  test('a frame of which the chip has given back the beginning only is waited for', () => {
    const host = new IopktHost({ driver: 'pcn', chip });
    const sc = host.softc<pcn_softc>();
    const { u32 } = host.machine.memory;
    // As a card that stores STP and OWN first, and ENP with a second write.
    const at = (sc.sc_rxring.address >> 2) + 4 * sc.sc_rxnext;
    const word = u32[at + 1];
    u32[at + 1] = (word & ~RMD1.OWN) | RMD1.STP;
    const { io } = host;
    const look = (): void =>
      io.request('look', () => io.call(host.ifp().if_dev, 'look', () => pcn_rxintr(sc, io.thread)));
    look();
    expect([sc.sc_rxnext, sc.sc_ev.rx_length_errors]).toEqual([0, 0]);
    u32[at + 1] = word;
    for (let i = 0; i < 100; i++) {
      host.wire.deliver(frame(100, i));
      host.run(100_000);
    }
    expect(host.receivedCount).toBe(100);
  });

  test('a card that comes back with its interrupt asserted does not storm', () => {
    const host = new IopktHost({ driver: 'pcn', chip });
    const pci = host.pcis[0];
    const command = pci.readConfig(PCI_COMMAND, 2);
    for (let i = 0; i < 2; i++) {
      pci.writeConfig(PCI_COMMAND, 2, COMMAND_INTX_DISABLE);
      host.send(frame(100));
      // The chip, which nobody could halt, receives on.
      host.wire.deliver(frame(100, 1), frame(100, 2));
      host.runUntil(() => !host.device().carrier);
      host.wire.deliver(frame(100, 3));
      pci.writeConfig(PCI_COMMAND, 2, command);
      host.runUntil(() => host.device().carrier);
      const line = host.machine.irq.line(pci.irq);
      expect([line.masked, line.shut]).toEqual([false, '']);
      host.received.length = 0;
      host.wire.deliver(frame(100, 4));
      host.run();
      host.expectReceived(frame(100, 4));
      host.expectConserved();
    }
  });

  test('an underflow, which turns the transmitter off, is got over', () => {
    const host = new IopktHost({ driver: 'pcn', chip, bitsPerSecond: 10_000_000 });
    const sc = host.softc<pcn_softc>();
    // Of a frame that waits for the wire the second descriptor is taken away: the chip comes to it too early.
    for (let i = 0; i < 6; i++) host.send(frame(1000, i), [300, 300]);
    const ring = sc.sc_txring;
    ring.take((sc.sc_txnext + ring.count - 2) % ring.count);
    host.run(2 * SECOND);
    expect(sc.sc_ev).toMatchObject({ tx_underflows: 1, restarts: 1 });
    expect(host.ifp().if_oerrors).toBe(1);
    host.run(10 * SECOND);
    host.wire.frames.length = 0;
    for (let i = 0; i < 100; i++) host.send(frame(100, i));
    host.run(SECOND);
    expect(host.wire.frames.length).toBe(100);
    host.expectConserved();
  });
});

test('two register accesses that belong together are not torn apart', () => {
  const host = new IopktHost({ driver: 'pcn', chip: 'Am79C970A', options: 'receive=512' });
  const sc = host.softc<pcn_softc>();
  const group = Uint8Array.of(1, 0, 0x5e, 1, 2, 3);
  // A frame before each access of the chip: its interrupt comes in the middle of what an ioctl does.
  let number = 0;
  let inside = false;
  host.card.onAccess = () => {
    if (inside || number === 2000) return;
    inside = true;
    host.wire.deliver(frame(60, number++));
    inside = false;
  };
  for (let i = 0; i < 40; i++) {
    host.machine.process(() => {
      if (i % 2 === 0) host.device().addMulticast(group);
      else host.device().removeMulticast(group);
    });
    host.run(10 * MILLISECOND);
  }
  host.card.onAccess = null;
  host.run(2 * SECOND);
  expect(number).toBe(2000);
  // A chip that is suspended hears nothing.
  const { rxOff } = (host.chip as Pcnet).counters;
  expect(host.receivedCount + host.ifp().if_ierrors + rxOff).toBe(2000);
  expect(sc.sc_ev.restarts).toBe(0);
  expect(host.device().carrier).toBe(true);
  host.received.length = 0;
  host.wire.deliver(frame(60, 1, group), frame(60, 2));
  host.run();
  host.expectReceived(frame(60, 2));
});
