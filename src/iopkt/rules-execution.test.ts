// Wrong use of mutexes, callouts, interrupts and stack context trips its error, which names the rule.

import { expect, test } from 'vitest';
import { callout, callout_init, callout_msec, callout_reset, callout_schedule } from './callout.ts';
import { EOK } from './errno.ts';
import { IFF_OACTIVE } from './flags.ts';
import { _iopkt_inter, InterruptUnmask, interrupt_entry_init, interrupt_queue } from './interrupt.ts';
import {
  NW_EX_LK,
  NW_EX_UNLK,
  NW_SIGLOCK,
  NW_SIGUNLOCK,
  nic_mutex_init,
  nic_mutex_lock,
  nic_mutex_unlock,
  nw_mutex_init,
} from './locks.ts';
import { runInStackContext } from './stack.ts';
import { XX } from './testing-driver.ts';
import { broken, inCallout, mounted } from './testing-rules.ts';

test('mutexes: taken twice, in both orders, kept, given back by a stranger, wrong form', () => {
  const a = nw_mutex_init('a');
  const b = nw_mutex_init('b');
  expect(
    inCallout(({ iopkt }) => {
      NW_EX_LK(a, iopkt);
      NW_EX_LK(a, iopkt);
    }),
  ).toMatch(/^L03/);
  const c = nw_mutex_init('c');
  expect(
    inCallout(({ iopkt }) => {
      for (const [first, second] of [
        [b, c],
        [c, b],
      ]) {
        NW_EX_LK(first, iopkt);
        NW_EX_LK(second, iopkt);
        NW_EX_UNLK(second, iopkt);
        NW_EX_UNLK(first, iopkt);
      }
    }),
  ).toMatch(/^L02/);
  expect(inCallout(({ iopkt }) => NW_EX_LK(nw_mutex_init('kept'), iopkt))).toMatch(
    /^L04: .*callout returns with mutex kept/,
  );
  expect(inCallout(({ iopkt }) => NW_EX_UNLK(nw_mutex_init('d'), iopkt))).toMatch(/nobody holds it/);
  const e = nw_mutex_init('e');
  expect(
    inCallout(({ iopkt }) => {
      NW_SIGLOCK(e, iopkt);
      NW_EX_UNLK(e, iopkt);
    }),
  ).toMatch(/^L01: .*NW_SIGUNLOCK gives it back/);
  expect(
    inCallout(({ iopkt }) => {
      const own = nw_mutex_init('f');
      NW_EX_LK(own, iopkt);
      NW_SIGUNLOCK(own, iopkt);
    }),
  ).toMatch(/^L01: .*NW_EX_UNLK gives it back/);
  expect(
    inCallout(() => {
      const own = nic_mutex_init('g');
      nic_mutex_lock(own);
      nic_mutex_unlock(own);
      nic_mutex_unlock(own);
    }),
  ).toMatch(/nobody holds it/);
  expect(inCallout(({ iopkt, sc_ec }) => NW_EX_LK(sc_ec.ec_if.if_snd_ex!, iopkt))).toMatch(
    /^L01: .*taken by NW_SIGLOCK/,
  );
});

test('L01: a mutex of the interrupt side taken plainly in stack context, though the two never collided', () => {
  const own = nw_mutex_init('own');
  const it = mounted({
    process(sc, wtp) {
      NW_SIGLOCK(own, sc.iopkt);
      NW_SIGUNLOCK(own, sc.iopkt);
      return XX.process(sc, wtp);
    },
    monitor(sc) {
      NW_EX_LK(own, sc.iopkt);
      NW_EX_UNLK(own, sc.iopkt);
    },
  });
  it.up();
  it.card.arrive(it.packet(1));
  it.run(1000);
  expect(broken(() => it.run(3_000_000_000))).toMatch(/^L01: .*mutex own is taken by process_interrupt/);
});

test('callouts: without init, without function, after detach', () => {
  expect(inCallout(() => callout_msec(new callout(), 1, () => {}, null))).toMatch(/without callout_init/);
  expect(
    inCallout(() => {
      const c = new callout();
      callout_init(c);
      callout_schedule(c, 1);
    }),
  ).toMatch(/without a function/);
  const it = mounted({}, { cards: [{ irq: 5 }, { irq: 9 }] });
  const [gone, other] = it.softcs;
  it.io.destroy('xx0');
  it.up('xx1');
  it.io.register('devnp-late.so', {
    iopkt_drvr_entry: {
      name: 'late',
      drvr_init: () => {
        callout_reset(gone.mii_callout, 1, () => {}, null);
        return EOK;
      },
    },
  });
  expect(broken(() => it.io.mount('late'))).toMatch(/^F02: .*callout of xx0, which is detached/);
  expect(other.dv_detached).toBe(false);
});

test('interrupts: P11 for answers and masks, I03 for a lost event, F02 for an entry that is gone', () => {
  const odd = mounted({ process: () => 2 });
  odd.up();
  expect(
    broken(() => {
      odd.card.arrive(odd.packet(1));
      odd.run(1000);
    }),
  ).toMatch(/^P11: .*returned 2/);
  expect(inCallout((sc) => void InterruptUnmask(sc.card.irq, sc.iid))).toMatch(/^P11: .*unmasked more often/);
  const lost = mounted({
    isr(sc) {
      sc.card.writeMask(true);
      interrupt_queue(sc.iopkt, sc.inter);
      return null;
    },
  });
  lost.up();
  expect(
    broken(() => {
      lost.card.arrive(lost.packet(1));
      lost.run(1000);
    }),
  ).toMatch(/^I03/);
  expect(inCallout((sc) => void interrupt_queue(sc.iopkt, new _iopkt_inter()))).toMatch(/^F02/);
  expect(inCallout((sc) => void interrupt_entry_init(sc.inter, 1, null, -1))).toMatch(/flags 1/);
});

test('what is put off to stack context is forgotten when its device goes away', () => {
  const done: string[] = [];
  const it = mounted(
    {
      isr(sc, iid) {
        runInStackContext((text) => done.push(text), sc.dv_xname, sc);
        return XX.isr(sc, iid);
      },
    },
    { cards: [{ irq: 5 }, { irq: 9 }] },
  );
  it.up('xx0');
  it.up('xx1');
  it.cards[0].arrive(it.packet(1));
  it.run(1000);
  expect(done).toEqual(['xx0']);
  // In the middle of a request that takes the device away.
  it.io.request('test', () => {
    it.cards[1].arrive(it.packet(1));
    it.io.destroy('xx1');
  });
  it.run(1_000_000);
  expect(done).toEqual(['xx0']);
  expect(it.io.find('xx0')!.if_flags_tx & IFF_OACTIVE).toBe(0);
});
