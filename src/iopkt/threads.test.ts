import { expect, test } from 'vitest';
import { BLOCK, RESCHEDULE, type ThreadBody } from '../kernel/thread.ts';
import { M_PKTHDR } from '../mbuf/mbuf.ts';
import { EAGAIN, EINVAL, EOK } from './errno.ts';
import { M_DONTWAIT, MT_DATA, m_freem, m_getcl, m_set_rcvif } from './mbuf.ts';
import { host, type TestHost } from './testing.ts';
import { XX } from './testing-driver.ts';
import type { xx_softc } from './testing-softc.ts';
import {
  nw_pthread_create,
  nw_pthread_reap,
  nw_thread_of,
  pthread_create,
  quiesce_all,
  quiesce_block,
  type Tid,
  unquiesce_all,
  WTP,
} from './threads.ts';

/** Attaches, then runs `work` as the end of attach. */
function attached(work: (sc: xx_softc) => void): TestHost {
  const it = host({
    fn: {
      attach(sc, options) {
        const error = XX.attach(sc, options);
        if (error === EOK) work(sc);
        return error;
      },
    },
  });
  it.io.mount('xx');
  return it;
}

interface Worker {
  asked: number;
  ticks: number;
}

/** A body that ticks every millisecond and parks when it was asked. */
function* body(state: Worker): ThreadBody {
  for (;;) {
    if (state.asked >= 0) {
      const die = state.asked;
      state.asked = -1;
      yield* quiesce_block(die);
    }
    state.ticks++;
    yield 1_000_000;
  }
}

function make(state: Worker, tid: Tid | null = null): number {
  return nw_pthread_create(
    tid,
    { name: 'helper' },
    body,
    state,
    0,
    (wtp, arg) => {
      wtp.quiesce_callout = (_arg, die) => {
        arg.asked = die;
      };
      return EOK;
    },
    state,
  );
}

test('a tracked thread runs, parks when it is quiesced, and goes on afterwards', () => {
  const state: Worker = { asked: -1, ticks: 0 };
  const it = attached(() => expect(make(state)).toBe(EOK));
  it.run(10_000_000);
  expect(state.ticks).toBeGreaterThanOrEqual(10);
  const before = state.ticks;
  it.io.request('test', () => {
    quiesce_all();
    quiesce_all();
    unquiesce_all();
  });
  it.run(10_000_000);
  expect(state.ticks).toBe(before);
  it.io.request('test', () => unquiesce_all());
  it.run(10_000_000);
  expect(state.ticks).toBeGreaterThanOrEqual(before + 9);
  expect(() => it.io.request('test', () => unquiesce_all())).toThrow(/without quiesce_all/);
});

test('destroy ends the threads of its device; reap collects one that has ended', () => {
  const state: Worker = { asked: -1, ticks: 0 };
  const tid = { value: 0 };
  const it = attached(() => make(state, tid));
  it.run(5_000_000);
  const thread = it.io.threads[0];
  expect(it.io.request('test', () => nw_pthread_reap(tid.value))).toBe(EAGAIN);
  it.io.destroy('xx0');
  const { ticks } = state;
  it.run(50_000_000);
  expect([state.ticks, thread.finished]).toEqual([ticks, true]);
  expect(it.io.request('test', () => nw_pthread_reap(tid.value))).toBe(EOK);
  expect(it.io.request('test', () => nw_pthread_reap(tid.value))).toBe(EINVAL);
});

test('P20: no init function, no quiesce_callout, detached, or a thread that does not park within 1 s', () => {
  function* endless(): ThreadBody {
    for (;;) yield 1_000_000;
  }
  expect(() => attached(() => nw_pthread_create(null, null, endless, null, 0, null, null))).toThrow(
    /init function.*P20/,
  );
  expect(() => attached(() => nw_pthread_create(null, null, endless, null, 0, () => EOK, null))).toThrow(
    /did not set wtp.quiesce_callout.*P20/,
  );
  expect(() =>
    attached(() => nw_pthread_create(null, { detached: true }, endless, null, 0, () => EOK, null)),
  ).toThrow(/detached.*P20/);
  const deaf = attached(() => {
    nw_pthread_create(
      null,
      { name: 'deaf' },
      endless,
      null,
      0,
      (wtp) => {
        wtp.quiesce_callout = () => {};
        return EOK;
      },
      null,
    );
  });
  const before = deaf.clock.now();
  expect(() => deaf.io.request('test', () => quiesce_all())).toThrow(
    /thread deaf did not call quiesce_block within 1 s/,
  );
  expect(deaf.clock.now() - before).toBeGreaterThanOrEqual(1_000_000_000);
});

test('a tracked thread may have buffers and pass packets up, from its own thread; an untracked one may not', () => {
  let own = '';
  function* tracked(sc: xx_softc): ThreadBody {
    own = WTP().name;
    const ifp = sc.sc_ec.ec_if;
    for (let i = 0; i < 3; i++) {
      const m = m_getcl(M_DONTWAIT, MT_DATA, M_PKTHDR)!;
      m.length = m.packetLength = 60;
      sc.iopkt.machine.memory.u8.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0], m.data);
      sc.iopkt.machine.memory.u8[m.data + 59] = 40 + i;
      m_set_rcvif(m, ifp);
      ifp.if_ipackets++;
      ifp.if_input(ifp, m);
      yield RESCHEDULE;
    }
  }
  const it = attached((sc) => {
    nw_pthread_create(
      null,
      { name: 'reader' },
      tracked,
      sc,
      0,
      (wtp) => {
        wtp.quiesce_callout = () => {};
        return EOK;
      },
      null,
    );
  });
  it.up();
  it.run(1_000_000);
  expect([own, it.taken]).toEqual(['reader', [40, 41, 42]]);
  expect(it.books()).toBe('');

  function* untracked(): ThreadBody {
    yield RESCHEDULE;
    m_freem(null);
  }
  const bad = attached(() => expect(pthread_create(null, { name: 'free' }, untracked, null)).toBe(EOK));
  expect(() => bad.run(1_000_000)).toThrow(/m_freem is for .*rule S09.*untracked thread context/);
});

test('a thread that blocks can be woken by its id; there are at most 64', () => {
  let woken = 0;
  function* sleeper(): ThreadBody {
    for (;;) {
      yield BLOCK;
      woken++;
    }
  }
  const tids: Tid[] = [];
  const it = attached(() => {
    for (let i = 0; i < 64; i++) {
      tids.push({ value: 0 });
      expect(pthread_create(tids[i], null, sleeper, null)).toBe(EOK);
    }
    expect(pthread_create(null, null, sleeper, null)).toBe(EAGAIN);
  });
  it.run(1000);
  expect(woken).toBe(0);
  it.io.request('test', () => nw_thread_of(tids[3].value)?.wake());
  it.run(1000);
  expect(woken).toBe(1);
});
