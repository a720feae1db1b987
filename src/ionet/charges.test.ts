// What a packet through the shim is charged, counted: each run has a profile in which one charge costs 1 ns and all others
// nothing, so that the CPU's time is the number of times it was taken.

import { describe, expect, test } from 'vitest';
import { CTX_STACK } from '../iopkt/self.ts';
import { type CpuProfile, IDEAL, LOW_POWER, withCost } from '../kernel/profile.ts';
import {
  ChannelCreate,
  ChannelDestroy,
  InterruptMask,
  InterruptUnmask,
  MsgReceivePulse,
  MsgSendPulse,
} from './neutrino.ts';
import type { ShimDevice } from './shim/device.ts';
import { ShimHost } from './testing.ts';

type Charge = Exclude<keyof CpuProfile, 'name'>;

const LENGTH = 1000;

function counting(charge: Charge): CpuProfile {
  return { ...IDEAL, name: `counts ${charge}`, [charge]: 1 };
}

/** Times `charge` was taken in `work`, on a host that is up and quiet. */
function count(charge: Charge, work: (it: ShimHost) => void, options: string | null = null): number {
  const it = new ShimHost({ machine: { profile: counting(charge) } });
  it.up(options);
  it.run(1_000_000);
  const time = (): number => it.machine.cpu.timeIn.reduce((sum, ns) => sum + ns, 0);
  const before = time();
  work(it);
  it.run(1_000_000);
  return time() - before;
}

function receive(frames: number): (it: ShimHost) => void {
  return (it) => {
    for (let mark = 1; mark <= frames; mark++) it.card.arrive(it.frame(mark, LENGTH));
    it.run(500_000);
    expect(it.taken.length).toBe(frames);
  };
}

/** Charges of the second frame of one burst: what each costs. The rest is the burst's. */
function perFrame(charge: Charge, options: string | null = null): number {
  return count(charge, receive(2), options) - count(charge, receive(1), options);
}

describe('receive', () => {
  test('a burst: one thread switch to the worker, and three calls of the kernel', () => {
    for (const frames of [1, 8]) {
      expect(count('contextSwitch', receive(frames))).toBe(1);
      // MsgReceivePulse, the worker woken, InterruptUnmask.
      expect(count('systemCall', receive(frames))).toBe(3);
      expect(count('interruptEntry', receive(frames))).toBe(1);
    }
  });

  test('a frame by copy: a buffer, its bytes once, the list', () => {
    expect(perFrame('buffer')).toBe(1);
    expect(perFrame('copyByte')).toBe(LENGTH);
    expect(perFrame('lock')).toBe(1);
    expect(perFrame('descriptor')).toBe(1);
  });

  test('a frame by loan: a header, no byte', () => {
    expect(perFrame('buffer', 'shimrxcopy=0')).toBe(1);
    expect(perFrame('copyByte', 'shimrxcopy=0')).toBe(0);
  });
});

describe('transmit', () => {
  const send = (it: ShimHost): void => {
    it.send(it.frame(1, LENGTH));
  };

  test('a frame: a packet of io-net, no byte', () => {
    expect(count('buffer', send)).toBe(1);
    expect(count('copyByte', send)).toBe(0);
  });

  test('done on the driver thread: a call of the kernel and a switch to the worker that frees', () => {
    // send's own system call; then MsgReceivePulse, the worker woken, InterruptUnmask.
    expect(count('systemCall', send)).toBe(1 + 3);
    expect(count('contextSwitch', send)).toBe(1);
  });
});

describe('calls of the Neutrino kernel', () => {
  function calls(work: (chid: number) => void): number {
    return count('systemCall', (it) => {
      const { dll } = it.io.find('en0')!.if_softc as ShimDevice;
      const { contexts } = it.io;
      it.machine.process(() => {
        contexts.enter(CTX_STACK, null, 'calls');
        dll.call(null, 'calls', () => {
          const chid = ChannelCreate(0);
          work(chid);
          ChannelDestroy(chid);
        });
        contexts.leave();
      });
    });
  }

  test('each costs a system call; MsgReceivePulse that only says "wait" is part of the one that follows', () => {
    const base = calls(() => {});
    expect(calls((chid) => void MsgReceivePulse(chid, { code: 0, value: 0 })) - base).toBe(0);
    expect(calls(() => void InterruptMask(99, 99)) - base).toBe(1);
    expect(calls(() => void InterruptUnmask(99, 99)) - base).toBe(1);
    expect(calls((chid) => void MsgSendPulse(chid, 0, 77, 0)) - base).toBe(1);
    const both = (chid: number): void => {
      MsgSendPulse(chid, 0, 77, 0);
      expect(MsgReceivePulse(chid, { code: 0, value: 0 })).toBe(0);
    };
    expect(calls(both) - base).toBe(2);
  });
});

describe('withCost', () => {
  test('multiplies one charge and names it', () => {
    const half = withCost(LOW_POWER, 'contextSwitch', 0.5);
    expect(half).toEqual({
      ...LOW_POWER,
      name: 'low-power, contextSwitch x 0.5',
      contextSwitch: LOW_POWER.contextSwitch / 2,
    });
  });

  test('refuses what is no charge and no factor', () => {
    expect(() => withCost(LOW_POWER, 'name', 2)).toThrow(/no charge name/);
    expect(() => withCost(LOW_POWER, 'lock', Number.NaN)).toThrow(/factor NaN of charge lock/);
    expect(() => withCost(LOW_POWER, 'lock', -1)).toThrow(/factor -1/);
  });
});
