// Each wrong use trips its error, and the error names the rule. io-pkt runs without a handler (-S) here, so that the
// exception comes out of the run.

import { expect, test } from 'vitest';
import { M_PKTHDR, type Mbuf } from '../mbuf/mbuf.ts';
import { callout_msec } from './callout.ts';
import { CFATTACH_DECL, dev_attach, device } from './device.ts';
import { ENETRESET, EOK } from './errno.ts';
import { ether_ifattach } from './ether.ts';
import { ether_ioctl } from './ether-ioctl.ts';
import { IFF_RUNNING } from './flags.ts';
import { shutdownhook_establish } from './hooks.ts';
import { ifmedia, ifmedia_set } from './ifmedia.ts';
import { if_attach, if_detach } from './ifnet.ts';
import { IFQ_DEQUEUE, IFQ_ENQUEUE, IFQ_POLL } from './ifq.ts';
import { interrupt_entry_init } from './interrupt.ts';
import {
  NW_EX_LK,
  NW_SIGLOCK,
  NW_SIGLOCK_P,
  nic_mutex_init,
  nic_mutex_lock,
  nw_mutex_init,
} from './locks.ts';
import { M_DONTWAIT, M_WAIT, MT_DATA, m_freem, m_get, m_getcl, m_getcl_wtp, m_set_rcvif } from './mbuf.ts';
import { nic_delay } from './nic-delay.ts';
import { iopkt_selfp } from './self.ts';
import { SIOCADDMULTI, SIOCSIFFLAGS } from './sockio.ts';
import { host } from './testing.ts';
import { XX } from './testing-driver.ts';
import { broken, inCallout, inHook, inInterrupt, inIsr, inStart, mounted } from './testing-rules.ts';
import type { xx_softc } from './testing-softc.ts';
import { nw_work_thread } from './threads.ts';

test('outside of driver code nothing answers', () => {
  expect(iopkt_selfp).toBeNull();
  expect(() => m_get(M_DONTWAIT, MT_DATA)).toThrow(/m_get: iopkt_selfp is null/);
  const it = mounted();
  it.up();
  expect(() => ether_ioctl(it.io.find('xx0')!, SIOCSIFFLAGS, {})).toThrow(/iopkt_selfp is null/);
  expect(iopkt_selfp).toBeNull();
});

const ca = CFATTACH_DECL(
  'zz',
  () => new device(),
  null,
  () => EOK,
  null,
  null,
);

test('stack-only calls elsewhere: N14, with context, time and device', () => {
  const attach = () => void dev_attach('zz', null, ca, null, { value: 0 }, { value: null }, null);
  const text = inInterrupt(attach);
  expect(text).toMatch(
    /^N14: xx0: dev_attach is for stack context \(rule N14; \d+ ns, interrupt thread context\)$/,
  );
  expect(inIsr(attach)).toMatch(/^N14: .*ISR context/);
  expect(inStart(attach)).toMatch(/^N14: .*start\(\) context/);
  expect(inInterrupt((sc) => void interrupt_entry_init(sc.inter, 0, null, -1))).toMatch(/^N14/);
  expect(inInterrupt(() => nic_delay(1))).toMatch(/^N14/);
  expect(inInterrupt(() => nic_mutex_lock(nic_mutex_init('m')))).toMatch(/^N14/);
  expect(inInterrupt(() => void shutdownhook_establish(() => {}, null))).toMatch(/^N14/);
  expect(inCallout(() => nic_delay(1))).toBe('nothing is wrong');
});

test('an ISR has no buffers, no mutexes, and passes nothing up', () => {
  expect(inIsr(() => m_freem(null))).toMatch(/^N14/);
  expect(inIsr(() => void m_getcl(M_DONTWAIT, MT_DATA, M_PKTHDR))).toMatch(/^N14/);
  expect(inIsr((sc) => NW_SIGLOCK(sc.sc_ec.ec_if.if_snd_ex!, sc.iopkt))).toMatch(/^N14/);
  expect(inIsr((sc) => sc.sc_ec.ec_if.if_input(sc.sc_ec.ec_if, null as unknown as Mbuf))).toMatch(/^N14/);
});

test('P19: a hook takes no buffers, frees none, locks nothing, arms nothing', () => {
  const mutex = nw_mutex_init('own');
  expect(inHook(() => void m_get(M_DONTWAIT, MT_DATA))).toMatch(/rule P19/);
  expect(inHook(() => m_freem(null))).toMatch(/rule P19/);
  expect(inHook((sc) => NW_EX_LK(mutex, sc.iopkt))).toMatch(/rule P19/);
  expect(inHook((sc) => callout_msec(sc.mii_callout, 1, () => {}, null))).toMatch(/rule P19/);
  expect(inHook((sc) => XX.stop(sc.sc_ec.ec_if, 1))).toMatch(/rule P19/);
  expect(inHook((sc) => XX.shutdown(sc))).toBe('nothing is wrong');
});

test('P05: start() that returns locked, or takes packets while not running', () => {
  const locked = mounted({ start: () => {} });
  locked.up();
  expect(broken(() => locked.send(1))).toMatch(/^P05: .*returns with if_snd_ex locked/);

  const stopped = mounted({
    start(ifp) {
      IFQ_DEQUEUE(ifp.if_snd);
    },
    init(ifp) {
      const error = XX.init(ifp);
      return error;
    },
  });
  stopped.up();
  stopped.io.find('xx0')!.if_flags_tx &= ~IFF_RUNNING;
  expect(broken(() => stopped.send(1))).toMatch(/^P05: .*does not say RUNNING/);
});

test('L05: the queue without its lock', () => {
  expect(inCallout((sc) => void IFQ_POLL(sc.sc_ec.ec_if.if_snd))).toMatch(/^L05: .*IFQ_POLL of xx0 without/);
  expect(inCallout((sc) => void IFQ_DEQUEUE(sc.sc_ec.ec_if.if_snd))).toMatch(/^L05/);
  expect(inCallout((sc) => void IFQ_ENQUEUE(sc.sc_ec.ec_if.if_snd, null as unknown as Mbuf))).toMatch(/^L05/);
});

test('P04: RUNNING in one word only, or in none after init; P16: flags that do not reach ether_ioctl', () => {
  const half = mounted({
    init(ifp) {
      ifp.if_flags |= IFF_RUNNING;
      return EOK;
    },
  });
  expect(broken(() => half.up())).toMatch(/^P04: .*if_init of xx0 left RUNNING in if_flags:/);
  const none = mounted({ init: () => EOK });
  expect(broken(() => none.up())).toMatch(/^P04: .*without RUNNING/);
  const still = mounted({ stop: () => {} });
  still.up();
  expect(broken(() => still.machine.process(() => still.device().close()))).toMatch(
    /^P04: .*if_stop of xx0 left RUNNING in if_flags and if_flags_tx/,
  );
  const deaf = mounted({ ioctl: () => EOK });
  expect(broken(() => deaf.up())).toMatch(/^P16/);
});

test('P01: an interrupt that every init attaches once more', () => {
  const it = mounted({
    init(ifp) {
      const sc = ifp.if_softc as xx_softc;
      sc.iid = -1;
      return XX.init(ifp);
    },
  });
  it.up();
  expect(broken(() => it.io.protocolStarts('qnet'))).toMatch(/^P01: .*attached its interrupt again/);
});

test('P08 and P10: what is passed up is whole, says where it came from, and no lock is held', () => {
  const passUp = (change: (m: Mbuf, sc: xx_softc) => void) =>
    inInterrupt((sc) => {
      const ifp = sc.sc_ec.ec_if;
      const m = m_getcl_wtp(M_DONTWAIT, MT_DATA, M_PKTHDR, sc.iopkt.thread)!;
      m.length = m.packetLength = 60;
      m_set_rcvif(m, ifp);
      change(m, sc);
      ifp.if_input(ifp, m);
    });
  expect(passUp(() => {})).toBe('nothing is wrong');
  expect(passUp((m) => void Object.assign(m, { device: null }))).toMatch(/^P08: .*rcvif/);
  expect(passUp((m) => void Object.assign(m, { packetLength: 61 }))).toMatch(/^P08: .*m_pkthdr.len is 61/);
  expect(passUp((m) => void Object.assign(m, { flags: m.flags & ~M_PKTHDR }))).toMatch(
    /^P08: .*no packet header/,
  );
  expect(passUp((m) => void Object.assign(m, { length: 0, packetLength: 0 }))).toMatch(/^P08/);
  expect(passUp((_, sc) => NW_SIGLOCK(sc.sc_ec.ec_if.if_snd_ex!, sc.iopkt))).toMatch(/^P10/);
});

test('a foreign wtp, M_WAIT outside of stack context', () => {
  const stranger = new nw_work_thread('stranger');
  expect(inInterrupt(() => void m_getcl_wtp(M_DONTWAIT, MT_DATA, M_PKTHDR, stranger))).toMatch(
    /^N14: .*stranger/,
  );
  expect(inInterrupt(() => void m_get(M_WAIT, MT_DATA))).toMatch(/^N14: .*M_WAIT/);
  expect(inCallout(() => m_freem(m_get(M_WAIT, MT_DATA)))).toBe('nothing is wrong');
  const mutex = nw_mutex_init('own');
  expect(inInterrupt((sc) => NW_SIGLOCK_P(mutex, sc.iopkt, stranger))).toMatch(/foreign|stranger/);
});

test('P17: ENETRESET that reaches the caller', () => {
  const it = mounted({
    ioctl: (ifp, cmd, data) => (cmd === SIOCADDMULTI ? ENETRESET : XX.ioctl(ifp, cmd, data)),
  });
  it.up();
  const request = { ifr_name: 'xx0', ifr_addr: Uint8Array.of(1, 0, 0x5e, 0, 0, 1) };
  expect(broken(() => it.io.ioctl('xx0', SIOCADDMULTI, request))).toMatch(/^P17/);
});

test('attach in the wrong order, twice, without functions, with a bad address; detach while running', () => {
  const attaching = (work: (sc: xx_softc) => void) =>
    broken(() =>
      host({
        fn: {
          attach(sc, options) {
            work(sc);
            return XX.attach(sc, options);
          },
        },
      }).io.mount('xx'),
    );
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
  expect(attaching((sc) => ether_ifattach(sc.sc_ec.ec_if, mac))).toMatch(/before if_attach/);
  expect(attaching((sc) => if_attach(sc.sc_ec.ec_if))).toMatch(
    /without if_init, if_stop, if_start, if_ioctl/,
  );
  const group = (sc: xx_softc, options: string | null) => {
    XX.attach(sc, options);
    ether_ifattach(sc.sc_ec.ec_if, Uint8Array.of(1, 0, 0, 0, 0, 1));
    return EOK;
  };
  expect(broken(() => host({ fn: { attach: group } }).io.mount('xx'))).toMatch(/^N16/);
  const twice = (sc: xx_softc, options: string | null) => {
    XX.attach(sc, options);
    if_attach(sc.sc_ec.ec_if);
    return EOK;
  };
  expect(broken(() => host({ fn: { attach: twice } }).io.mount('xx'))).toMatch(/a second time/);
  const running = mounted({
    detach(sc) {
      if_detach(sc.sc_ec.ec_if);
      return EOK;
    },
  });
  running.up();
  expect(broken(() => running.io.destroy('xx0'))).toMatch(/^P03/);
});

test('P18: ifmedia_set of what was never added', () => {
  expect(inCallout(() => ifmedia_set(new ifmedia(), 0x26))).toMatch(/^P18/);
});
