// if_snd by the manual's names, the list of group addresses, PCI devices, and the mutex of stack context.

import { expect, test } from 'vitest';
import { PciBus } from '../bus/pci.ts';
import { Pcnet } from '../chips/pcnet/model.ts';
import { PCI_DEVICE_ID, PCI_VENDOR_ID } from '../chips/pcnet/sheet.ts';
import { FakeMedium } from '../chips/testing.ts';
import { ENOBUFS, EOK } from './errno.ts';
import { ETHER_FIRST_MULTI, ETHER_NEXT_MULTI, type ether_multi, type ether_multistep } from './ether.ts';
import {
  IFQ_DEQUEUE,
  IFQ_ENQUEUE,
  IFQ_INC_DROPS,
  IFQ_IS_EMPTY,
  IFQ_LEN,
  IFQ_POLL,
  IFQ_PURGE,
  IFQ_SET_MAXLEN,
} from './ifq.ts';
import {
  NW_SIGLOCK,
  NW_SIGUNLOCK,
  nic_mutex_init,
  nic_mutex_lock,
  nic_mutex_trylock,
  nic_mutex_unlock,
} from './locks.ts';
import { M_DONTWAIT, MFREE, MGETHDR, MT_DATA, m_get_wtp } from './mbuf.ts';
import { m_devget } from './mbuf-ops.ts';
import { pci_attach_device, pci_detach_device } from './pci.ts';
import { host } from './testing.ts';
import { XX } from './testing-driver.ts';

test('poll shows what dequeue then gives; enqueue, purge and drops are counted', () => {
  const it = host({
    fn: {
      attach(sc, options) {
        IFQ_SET_MAXLEN(sc.sc_ec.ec_if.if_snd, 5);
        return XX.attach(sc, options);
      },
      // Takes nothing: the test does.
      start(ifp) {
        NW_SIGUNLOCK(ifp.if_snd_ex!, it.io);
      },
    },
  });
  it.io.mount('xx');
  it.up();
  const ifp = it.io.find('xx0')!;
  const q = ifp.if_snd;
  it.io.request('test', () => {
    NW_SIGLOCK(ifp.if_snd_ex!, it.io);
    expect([IFQ_IS_EMPTY(q), IFQ_POLL(q), IFQ_DEQUEUE(q)]).toEqual([true, null, null]);
    const errors = [];
    for (let i = 0; i < 7; i++) errors.push(IFQ_ENQUEUE(q, m_devget(it.packet(i), 60, 0, null)!));
    expect(errors).toEqual([EOK, EOK, EOK, EOK, EOK, ENOBUFS, ENOBUFS]);
    expect([IFQ_LEN(q), q.ifq_len, IFQ_IS_EMPTY(q)]).toEqual([5, 5, false]);
    const first = IFQ_POLL(q)!;
    expect(IFQ_POLL(q)).toBe(first);
    expect([IFQ_LEN(q), ifp.held]).toEqual([5, 0]);
    const m = IFQ_DEQUEUE(q)!;
    expect([m === first, it.machine.memory.u8[m.data + 59], IFQ_LEN(q), ifp.held]).toEqual([true, 0, 4, 1]);
    // The driver gives it up.
    MFREE(m);
    IFQ_INC_DROPS(q);
    IFQ_PURGE(q);
    expect(IFQ_LEN(q)).toBe(0);
    NW_SIGUNLOCK(ifp.if_snd_ex!, it.io);
  });
  expect(it.device().dropReport()).toEqual({ QDISC_DROP: 3, QDISC_RESET: 4 });
  expect(it.books()).toBe('');
  expect(() => IFQ_SET_MAXLEN(q, 0)).toThrow(RangeError);
});

test('after DEV_TX_WEIGHT packets the queue gives null, and the driver is called again', () => {
  let runs = 0;
  const it = host({
    fn: {
      start(ifp) {
        runs++;
        for (let m = IFQ_DEQUEUE(ifp.if_snd); m !== null; m = IFQ_DEQUEUE(ifp.if_snd)) {
          MFREE(m);
          ifp.if_opackets++;
        }
        NW_SIGUNLOCK(ifp.if_snd_ex!, it.io);
      },
    },
  });
  it.io.mount('xx');
  it.up();
  const ifp = it.io.find('xx0')!;
  it.io.request('test', () => {
    NW_SIGLOCK(ifp.if_snd_ex!, it.io);
    for (let i = 0; i < 200; i++) IFQ_ENQUEUE(ifp.if_snd, m_devget(it.packet(i), 60, 0, null)!);
    NW_SIGUNLOCK(ifp.if_snd_ex!, it.io);
  });
  expect(runs).toBe(0);
  it.send(1);
  it.run(1000);
  expect([runs, ifp.if_opackets]).toEqual([4, 201]);
  expect(it.books()).toBe('');
});

test('the list of group addresses is walked from first to last', () => {
  const it = host();
  it.io.mount('xx');
  const { sc_ec } = it.softcs[0];
  const step: ether_multistep = { list: [], next: 0 };
  expect(ETHER_FIRST_MULTI(step, sc_ec)).toBeNull();
  it.machine.process(() => {
    for (let i = 0; i < 3; i++) it.device().addMulticast(Uint8Array.of(1, 0, 0x5e, 0, 0, i));
  });
  it.up();
  const seen: number[] = [];
  for (
    let enm: ether_multi | null = ETHER_FIRST_MULTI(step, sc_ec);
    enm !== null;
    enm = ETHER_NEXT_MULTI(step)
  )
    seen.push(enm.enm_addrlo[5]);
  expect(seen).toEqual([0, 1, 2]);
});

test('PCI devices are found by number, taken once, and given back', () => {
  const it = host();
  const bus = new PciBus(it.machine);
  for (const slot of [3, 4]) {
    const mac = Uint8Array.of(2, 0, 0, 0, 1, slot);
    bus.plug(slot, (board) => new Pcnet(board, new FakeMedium(), { variant: 'Am79C970A', mac }));
  }
  Object.assign(it.io, { pci: bus });
  const second = pci_attach_device(it.io, PCI_VENDOR_ID, PCI_DEVICE_ID, 1)!;
  expect([second.slot, second.readConfig(4, 2) & 7]).toEqual([4, 7]);
  const first = pci_attach_device(it.io, PCI_VENDOR_ID, PCI_DEVICE_ID, 0)!;
  expect(first.slot).toBe(3);
  expect(pci_attach_device(it.io, PCI_VENDOR_ID, PCI_DEVICE_ID, 0)).toBeNull();
  expect(pci_attach_device(it.io, 0x8086, 0x1229, 0)).toBeNull();
  pci_detach_device(it.io, second);
  expect([
    second.readConfig(4, 2) & 7,
    pci_attach_device(it.io, PCI_VENDOR_ID, PCI_DEVICE_ID, 0)?.slot,
  ]).toEqual([0, 4]);
  pci_detach_device(it.io, first);
  expect(() => pci_detach_device(it.io, first)).toThrow(/not attached/);
  expect(pci_attach_device(host().io, PCI_VENDOR_ID, PCI_DEVICE_ID, 0)).toBeNull();
});

test('nic_mutex: one holder; m_get_wtp of the running thread', () => {
  const it = host();
  it.io.mount('xx');
  it.io.request('test', () => {
    const mutex = nic_mutex_init('own');
    nic_mutex_lock(mutex);
    expect(nic_mutex_trylock(mutex)).toBe(false);
    expect(() => nic_mutex_lock(mutex)).toThrow(/L03/);
    nic_mutex_unlock(mutex);
    expect(nic_mutex_trylock(mutex)).toBe(true);
    nic_mutex_unlock(mutex);
    for (const m of [m_get_wtp(M_DONTWAIT, MT_DATA, it.io.thread), MGETHDR(M_DONTWAIT, MT_DATA)]) MFREE(m!);
  });
  expect(it.machine.mbufs.inUse).toBe(0);
});
