// Interrupt entries, both styles of ISR, shared lines, and turns among sources.

import { expect, test } from 'vitest';
import { EINVAL, EOK } from './errno.ts';
import { LINK_STATE_DOWN, LINK_STATE_UP } from './flags.ts';
import { if_link_state_change } from './ifnet.ts';
import {
  InterruptDetach,
  InterruptMask,
  InterruptUnmask,
  IRUPT_PRIO_DEFAULT,
  interrupt_entry_init,
  interrupt_entry_remove,
  interrupt_queue,
} from './interrupt.ts';
import { host } from './testing.ts';
import { XX } from './testing-driver.ts';
import type { xx_softc } from './testing-softc.ts';
import { quiesce_all, unquiesce_all } from './threads.ts';

test('1 means done: on_list is clear, then enable is called, once', () => {
  const seen: string[] = [];
  const it = host({
    fn: {
      process(sc, wtp) {
        seen.push(`process ${sc.inter.on_list}`);
        return XX.process(sc, wtp);
      },
      enable(sc) {
        seen.push(`enable ${sc.inter.on_list}`);
        return XX.enable(sc);
      },
    },
  });
  it.io.mount('xx');
  it.up();
  it.card.arrive(it.packet(1));
  it.run(1000);
  expect(seen).toEqual(['process 1', 'enable 0']);
  expect(it.device().interrupts).toBe(1);
});

test('0 means call again, behind the sources that are ready, masked until then', () => {
  const order: string[] = [];
  let early = 2;
  const it = host({
    cards: [{ irq: 5 }, { irq: 9 }],
    fn: {
      process(sc, wtp) {
        order.push(sc.dv_xname);
        if (sc.dv_xname === 'xx0' && early-- > 0) return 0;
        return XX.process(sc, wtp);
      },
      enable(sc) {
        order.push(`enable ${sc.dv_xname}`);
        return XX.enable(sc);
      },
    },
  });
  it.io.mount('xx');
  it.up('xx0');
  it.up('xx1');
  it.machine.process(() => {
    it.machine.cpu.bhDisable();
    it.cards[0].arrive(it.packet(1));
    it.cards[1].arrive(it.packet(2));
    it.machine.cpu.bhEnable();
  });
  it.run(1000);
  expect(order).toEqual(['xx0', 'xx1', 'enable xx1', 'xx0', 'xx0', 'enable xx0']);
  expect(it.io.interrupts.sources.map((source) => source.again)).toEqual([2, 0]);
  expect([...it.taken].sort()).toEqual([1, 2]);
});

test('a source that never comes to its end keeps no other from its turn, and is told so in the end', () => {
  const it = host({
    cards: [{ irq: 5 }, { irq: 9 }],
    fn: { process: (sc, wtp) => (sc.dv_xname === 'xx0' ? 0 : XX.process(sc, wtp)) },
    sigsegv: true,
  });
  it.io.mount('xx');
  it.up('xx0');
  it.up('xx1');
  it.cards[0].arrive(it.packet(1));
  it.cards[1].arrive(it.packet(2));
  it.run(1000);
  expect(it.taken).toEqual([2]);
  expect(it.io.fault).toMatchObject({ driver: 'xx0', rule: 'P11' });
  expect(it.io.fault?.message).toContain('returned 0 100000 times at one instant');
});

for (const options of ['', 'kermask']) {
  test(`two cards on one line, ${options === '' ? 'real ISRs' : 'kernel masking'}: nothing is lost, masks balance`, () => {
    const it = host({ cards: [{ irq: 5 }, { irq: 5 }] });
    it.io.mount('xx', options);
    it.up('xx0');
    it.up('xx1');
    const line = it.machine.irq.line(5);
    for (let i = 0; i < 50; i++) {
      it.cards[i % 2].arrive(it.packet(i));
      if (i % 3 === 0) it.cards[(i + 1) % 2].arrive(it.packet(100 + i));
      if (i % 5 === 0) it.send(i, 'xx1');
      it.run(10);
    }
    it.run(10_000);
    expect(it.taken.length).toBe(50 + 17);
    expect(it.cards[1].sent).toBe(10);
    expect([line.masked, line.shut, line.inService]).toEqual([false, '', false]);
    expect([it.books('xx0'), it.books('xx1')]).toEqual(['', '']);
    expect(it.io.interrupts.handlers.every((handler) => handler.masks === 0)).toBe(true);
  });
}

test('an interrupt that is pending is delivered inside of InterruptAttach: the ISR has the iid as an argument', () => {
  let inside = -2;
  const it = host({
    fn: {
      isr(sc, iid) {
        if (sc.iid === -1) inside = iid;
        return XX.isr(sc, iid);
      },
      process(sc, wtp) {
        machine.irq.line(9).setLevel(false);
        return XX.process(sc, wtp);
      },
    },
  });
  const { machine } = it;
  it.io.mount('xx', 'kermask');
  machine.irq.line(9).setLevel(true);
  it.up();
  expect(inside).toBe(0);
  expect(it.softcs[0].iid).toBe(0);
  it.run(1000);
  expect(machine.irq.line(9).masked).toBe(false);
});

test('an ISR that says "not mine" is not counted as a handler', () => {
  const it = host();
  it.io.mount('xx');
  it.up();
  it.machine.irq.line(9).pulse();
  it.run(1000);
  expect([it.machine.irq.line(9).spurious, it.io.interrupts.sources[0].calls]).toEqual([1, 0]);
});

/** Runs `work` in stack context, as a callout of the driver. */
function inStack(work: (sc: xx_softc) => void): void {
  let done = false;
  const it = host({
    fn: {
      monitor(sc) {
        done = true;
        work(sc);
      },
    },
  });
  it.io.mount('xx');
  it.up();
  it.run(3_000_000_000);
  expect(done).toBe(true);
}

test('masks count for each iid; detach gives back what is left, and a wrong iid is -1', () => {
  inStack((sc) => {
    const { irq } = sc.card;
    const line = sc.iopkt.machine.irq.line(irq);
    expect([InterruptMask(irq, sc.iid), InterruptMask(irq, sc.iid)]).toEqual([1, 2]);
    expect(InterruptUnmask(irq, sc.iid)).toBe(1);
    expect(line.masked).toBe(true);
    expect([InterruptMask(irq, 77), InterruptUnmask(irq, 77), InterruptMask(3, sc.iid)]).toEqual([
      -1, -1, -1,
    ]);
    expect(InterruptDetach(sc.iid)).toBe(EOK);
    expect(line.masked).toBe(false);
    expect(InterruptDetach(sc.iid)).toBe(-1);
    sc.iid = -1;
  });
});

test('an entry is registered once and has its functions; queued twice it is spurious', () => {
  inStack((sc) => {
    expect(interrupt_entry_init(sc.inter, 0, null, IRUPT_PRIO_DEFAULT)).toBe(EINVAL);
    expect(interrupt_queue(sc.iopkt, sc.inter)).not.toBeNull();
    expect(interrupt_queue(sc.iopkt, sc.inter)).toBeNull();
    expect(sc.inter.spurious).toBe(1);
    sc.inter.on_list = 1;
  });
  const it = host({
    fn: {
      detach(sc, flags) {
        const error = XX.detach(sc, flags);
        expect(interrupt_entry_remove(sc.inter, null)).toBe(EINVAL);
        return error;
      },
    },
  });
  it.io.mount('xx');
  it.io.destroy('xx0');
});

test('while threads are quiesced interrupt work waits, and is done afterwards', () => {
  const it = host();
  it.io.mount('xx');
  it.up();
  it.io.request('test', () => {
    it.card.arrive(it.packet(8));
    expect(it.taken).toEqual([8]);
    quiesce_all();
    it.card.arrive(it.packet(9));
    expect(it.taken).toEqual([8]);
    unquiesce_all();
  });
  expect(it.taken).toEqual([8, 9]);
  it.card.arrive(it.packet(10));
  it.run(1000);
  expect(it.taken).toEqual([8, 9, 10]);
});

test('a link state that is no news is no message', () => {
  const it = host();
  it.io.mount('xx');
  const ifp = it.io.find('xx0')!;
  it.io.request('test', () => {
    for (const state of [LINK_STATE_UP, LINK_STATE_UP, LINK_STATE_DOWN, LINK_STATE_DOWN])
      if_link_state_change(ifp, state);
  });
  expect(it.io.linkMessages).toBe(2);
});

test('link changes come through the cause register too', () => {
  const it = host();
  it.io.mount('xx');
  it.up();
  it.run(3_000_000_000);
  expect(it.device().link).toEqual({ bitsPerSecond: 100_000_000, fullDuplex: true });
  expect(it.io.linkMessages).toBe(1);
  it.card.setLink(false);
  it.run(1_000_000);
  expect([it.device().carrier, it.io.linkMessages]).toEqual([false, 2]);
  it.send(1);
  expect(it.device().dropReport()).toEqual({ NO_CARRIER: 1 });
  it.card.setLink(true);
  it.run(1_000_000);
  expect([it.device().carrier, it.io.linkMessages]).toEqual([true, 3]);
  it.send(2);
  it.run(1000);
  expect(it.card.sent).toBe(1);
});
