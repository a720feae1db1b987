// io_net_self_t and the kernel's calls, one by one, as a driver sees them.

import { expect, test } from 'vitest';
import { EAGAIN, EINVAL, ENOMEM, ENOTSUP, EOK } from '../iopkt/errno.ts';
import { IoPktError } from '../iopkt/self.ts';
import type { io_net_self_t } from './interface.ts';
import {
  ChannelCreate,
  ChannelDestroy,
  ConnectAttach,
  ConnectDetach,
  delay,
  InterruptAttachEvent,
  InterruptDetach,
  InterruptMask,
  InterruptUnmask,
  MsgReceivePulse,
  MsgSendPulse,
  pthread_cancel,
  pthread_create,
  pthread_join,
  pthread_mutex_lock,
  pthread_mutex_t,
  pthread_mutex_unlock,
  SIGEV_PULSE_INIT,
  sigevent,
} from './neutrino.ts';
import { net_buf_t, type npkt_t, setSingle, TAILQ_FIRST, TAILQ_NEXT } from './npkt.ts';
import { errno } from './process.ts';
import { ShimHost } from './testing.ts';
import { XX } from './testing-driver.ts';
import { xx_take } from './testing-driver-receive.ts';
import type { xx_dev } from './testing-driver-state.ts';

/** Runs `work` in a driver's init, after its reg. */
function inInit(work: (ion: io_net_self_t, xx: xx_dev) => void): ShimHost {
  let first = true;
  const it = new ShimHost({
    fn: {
      advert(xx) {
        if (first) work(xx.ion, xx);
        first = false;
        return XX.advert(xx);
      },
    },
  });
  it.up();
  return it;
}

function rule(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof IoPktError) return error.rule;
    throw error;
  }
  return '';
}

test('memory: cache lines of its own, freed once', () => {
  inInit((ion) => {
    const a = ion.alloc(100, 0);
    const b = ion.alloc(1, 0);
    expect([a % 64, b % 64]).toEqual([0, 0]);
    expect(Math.abs(a - b)).toBeGreaterThanOrEqual(64);
    expect(ion.mphys(a)).toBe(a);
    ion.free(a);
    expect(rule(() => ion.free(a))).toBe('B01');
    ion.free(b);
    expect([ion.alloc(0, 0), errno.value]).toEqual([0, EINVAL]);
    const data = { value: -1 };
    const npkt = ion.alloc_up_npkt(0, data)!;
    expect(data.value).toBe(0);
    ion.free(npkt);
    expect(rule(() => ion.free(npkt))).toBe('B01');
  });
});

test('memcpy_from_npkt goes through buffers and iovs, from any offset', () => {
  inInit((ion, xx) => {
    const { u8 } = xx.machine.memory;
    const data = { value: 0 };
    const npkt = ion.alloc_down_npkt(xx.reg_hdl.value, 256, data)!;
    for (let i = 0; i < 256; i++) u8[data.value + i] = i;
    const buf = new net_buf_t();
    setSingle(npkt, buf, data.value, data.value, 10);
    buf.net_iov.push({ iov_base: data.value + 100, iov_phys: data.value + 100, iov_len: 5 });
    buf.niov = 2;
    npkt.framelen = 15;
    expect(TAILQ_NEXT(TAILQ_FIRST(npkt.buffers)!)).toBe(null);
    const to = ion.alloc(64, 0);
    expect(ion.memcpy_from_npkt(to, npkt, 8, 100)).toBe(7);
    expect([...u8.subarray(to, to + 7)]).toEqual([8, 9, 100, 101, 102, 103, 104]);
    expect(ion.memcpy_from_npkt(to, npkt, 12, 2)).toBe(2);
    expect([...u8.subarray(to, to + 2)]).toEqual([102, 103]);
    ion.free(to);
    ion.free(npkt);
  });
});

test('what the shim has not got says ENOTSUP; a wrong handle, cell or offset is an error', () => {
  inInit((ion, xx) => {
    const hdl = xx.reg_hdl.value;
    const data = { value: 0 };
    const npkt = ion.alloc_up_npkt(0, data)!;
    const none = new Uint8Array(0);
    errno.value = EOK;
    for (const result of [
      ion.tx_down(hdl, npkt),
      ion.devctl(hdl, 1, null, 0, null),
      ion.raw_devctl(hdl, 1, null, 0, null),
      ion.reg_byte_pat(hdl, 0, 0, none, 0),
      ion.dereg_byte_pat(hdl, 0, 0, none, 0),
    ])
      expect([result, errno.value]).toEqual([-1, ENOTSUP]);
    expect(rule(() => ion.tx_down(99, npkt))).toBe('manual');
    expect(rule(() => ion.tx_up_start(hdl, npkt, 2, 0, 0, 0, 0, null))).toBe('manual');
    expect(rule(() => ion.tx_up_start(hdl, npkt, 0, 0, 0, 1, 0, null))).toBe('manual');
    expect(rule(() => ion.tx_up(hdl, npkt, 0, 0, 0, 0, 0))).toBe('manual');
    expect(rule(() => ion.tx_done(hdl, npkt))).toBe('S02');
    ion.free(npkt);
  });
});

test('tx_up with reg_tx_done: the number of takers, and tx_done with the handle that was asked for', () => {
  const handles: unknown[] = [];
  const it = new ShimHost({
    fn: {
      receive(xx) {
        const { ion } = xx;
        const start = ion.tx_up_start;
        ion.tx_up_start = (hdl, npkt, off, sub, cell, endpoint, iface) => {
          ion.reg_tx_done(hdl, npkt, 'mine');
          return ion.tx_up(hdl, npkt, off, sub, cell, endpoint, iface) === 1 ? null : npkt;
        };
        XX.receive(xx);
        ion.tx_up_start = start;
      },
      recycle(npkt, done_hdl, xx) {
        handles.push(done_hdl);
        return XX.recycle(npkt, done_hdl, xx);
      },
    },
  });
  it.up();
  handles.length = 0;
  it.card.arrive(it.frame(1));
  it.run(1_000_000);
  expect(it.taken).toEqual([1]);
  expect(handles).toEqual(['mine']);
});

test('channels and pulses', () => {
  inInit(() => {
    const chid = ChannelCreate(0);
    const coid = ConnectAttach(0, 0, chid, 0, 0);
    const pulse = { code: 0, value: 0 };
    expect([MsgReceivePulse(chid, pulse), errno.value]).toEqual([-1, EAGAIN]);
    for (let i = 0; i < 256; i++) expect(MsgSendPulse(coid, 10, 5, i)).toBe(EOK);
    expect([MsgSendPulse(coid, 10, 5, 0), errno.value]).toEqual([-1, EAGAIN]);
    for (let i = 0; i < 256; i++) {
      expect(MsgReceivePulse(chid, pulse)).toBe(0);
      expect(pulse).toEqual({ code: 5, value: i });
      // Others of its priority come first.
      expect([MsgReceivePulse(chid, pulse), errno.value]).toEqual([-1, EAGAIN]);
    }
    expect(ConnectDetach(coid)).toBe(EOK);
    expect(ChannelDestroy(chid)).toBe(EOK);
    expect([ChannelDestroy(chid), errno.value]).toEqual([-1, EINVAL]);
    expect(MsgSendPulse(coid, 10, 5, 0)).toBe(-1);
    expect(ConnectAttach(0, 1, 0, 0, 0)).toBe(-1);
  });
});

test('InterruptAttachEvent masks, sends the pulse, and each pulse wants one InterruptUnmask', () => {
  const it = inInit((_ion, xx) => {
    const chid = ChannelCreate(0);
    const event = new sigevent();
    expect(InterruptAttachEvent(5, event, 0)).toBe(-1);
    SIGEV_PULSE_INIT(event, ConnectAttach(0, 0, chid, 0, 0), 10, 7, 8);
    expect(InterruptAttachEvent(99, event, 0)).toBe(-1);
    const iid = InterruptAttachEvent(5, event, 0);
    const line = xx.machine.irq.line(5);
    line.pulse();
    expect(line.masked).toBe(true);
    const pulse = { code: 0, value: 0 };
    expect(MsgReceivePulse(chid, pulse)).toBe(0);
    expect(pulse).toEqual({ code: 7, value: 8 });
    expect(InterruptUnmask(5, iid)).toBe(0);
    expect(line.masked).toBe(false);
    expect(rule(() => InterruptUnmask(5, iid))).toBe('P11');
    expect(InterruptMask(5, iid)).toBe(1);
    expect(InterruptDetach(iid)).toBe(EOK);
    expect(line.masked).toBe(false);
    expect(InterruptDetach(iid)).toBe(-1);
    ChannelDestroy(chid);
  });
  expect(it.machine.irq.line(5).handlers).toEqual([]);
});

test('threads end by themselves, by join and by cancel', () => {
  const it = inInit(() => {
    const tid = { value: 0 };
    const steps: number[] = [];
    const body = function* (count: number) {
      for (let i = 0; i < count; i++) {
        steps.push(i);
        yield 1000;
      }
    };
    expect(pthread_create(tid, { name: 'short' }, body, 3)).toBe(EOK);
    expect(pthread_join(tid.value)).toBe(EOK);
    expect(steps).toEqual([0, 1, 2]);
    expect(pthread_join(tid.value)).toBe(EINVAL);
    expect(pthread_create(tid, null, body, Infinity)).toBe(EOK);
    expect(pthread_join(tid.value)).toBe(EINVAL);
    expect(pthread_cancel(tid.value)).toBe(EOK);
    expect(pthread_cancel(tid.value)).toBe(EINVAL);
    delay(2);
  });
  expect(it.io.threads.length).toBe(1);
});

test('a mutex: dead-lock is found, and one that is kept', () => {
  const mutex = new pthread_mutex_t('m');
  inInit(() => {
    pthread_mutex_lock(mutex);
    expect(rule(() => pthread_mutex_lock(mutex))).toBe('L03');
    pthread_mutex_unlock(mutex);
    expect(rule(() => pthread_mutex_unlock(mutex))).toBe('L04');
  });
  const kept = new ShimHost({ fn: { receive: (xx) => void pthread_mutex_lock(xx.mutex) } });
  kept.up();
  kept.card.arrive(kept.frame(1));
  expect(rule(() => kept.run(1_000_000))).toMatch(/L0[34]/);
});

test('an exception with a mutex held leaves a machine that works', () => {
  const it = new ShimHost({
    sigsegv: true,
    fn: {
      rx_down(_npkt, xx) {
        pthread_mutex_lock(xx.mutex);
        throw new TypeError('null pointer');
      },
    },
  });
  it.up();
  it.send(it.frame(1));
  expect(it.io.dead).toBe(true);
  expect(it.io.fault).toMatchObject({ driver: 'en0', entry: 'rx_down', message: 'null pointer' });
  expect(it.machine.process(() => it.machine.cpu.bhHeld)).toBe(false);
});

test('calls outside of driver code are refused', () => {
  expect(() => ChannelCreate(0)).toThrow(/only a driver that io-net has called/);
});

test.each([true, false])('a list that bites its tail is P09, and no endless loop: interface up %s', (up) => {
  const it = new ShimHost({
    fn: {
      receive(xx) {
        const npkt = xx_take(xx);
        const next = xx_take(xx);
        if (npkt === null || next === null) return;
        npkt.next = next;
        next.next = npkt;
        xx.ion.tx_up_start(xx.reg_hdl.value, npkt, 0, 0, xx.cell.value, xx.endpoint.value, 0, xx);
      },
    },
  });
  if (up) it.up();
  else it.io.mount('xx', null);
  it.run(1000);
  it.machine.process(() => {
    it.card.arrive(it.frame(1));
    it.card.arrive(it.frame(2));
  });
  expect(() => it.run(1_000_000)).toThrow(/rule P09/);
});

test('packets without memory of their own come to an end too', () => {
  inInit((ion) => {
    const data = { value: 0 };
    const taken: npkt_t[] = [];
    for (let npkt = ion.alloc_up_npkt(0, data); npkt !== null; npkt = ion.alloc_up_npkt(0, data))
      taken.push(npkt);
    expect([taken.length > 60_000, errno.value]).toEqual([true, ENOMEM]);
    for (const npkt of taken) ion.free(npkt);
    expect(ion.alloc_up_npkt(0, data)).not.toBeNull();
  });
});
