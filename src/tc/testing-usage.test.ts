import fc from 'fast-check';
import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { conservation } from '../net/conservation.ts';
import { NetDevice } from '../net/device.ts';
import { DeviceLayer } from '../net/layer.ts';
import { Tc } from './command.ts';
import { QDISC_KINDS } from './kinds/index.ts';
import { type ScriptStep, scriptStep } from './testing-usage.ts';
import { TcError } from './words.ts';

const RUNS = 10_000;
const SEED = 6;
const MOST_STEPS = 16;
const ROOM = 4;
const QUEUES = 4;
const TIMEOUT_MS = 300_000;

/** What became of a script: its answers, and the counters of the device. */
interface Outcome {
  taken: number;
  refused: number;
  text: string;
}

/** A device whose driver holds a few packets a queue until time passes. */
function slowDevice() {
  const one = oneMachine({ mbufs: 256, clusters: 64 });
  const { machine } = one;
  const layer = new DeviceLayer(machine);
  const held: Mbuf[][] = Array.from({ length: QUEUES }, () => []);
  const device: NetDevice = new NetDevice(
    layer,
    'eth0',
    {
      open() {
        for (const queue of device.txQueues) queue.start();
        device.setCarrier(true);
      },
      stop() {
        for (const list of held) for (const m of list.splice(0)) device.transmitDone(m, false);
      },
      startXmit(m, queue) {
        held[queue].push(m);
        if (held[queue].length >= ROOM) device.txQueues[queue].stop();
        return true;
      },
      held: () => held.reduce((sum, list) => sum + list.length, 0),
    },
    QUEUES,
  );
  device.address.set([2, 0, 0, 0, 0, 1]);
  layer.register(device);
  const tc = new Tc(layer);
  machine.process(() => device.open());
  const leave = (): void =>
    machine.process(() => {
      for (const [queue, list] of held.entries()) {
        for (const m of list.splice(0)) device.transmitDone(m, true);
        device.txQueues[queue].wake();
      }
    });
  const send = ({ bytes, flow, priority }: Extract<ScriptStep, { do: 'send' }>): void => {
    const ip = [0x45, 0, 0, bytes - 14, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, flow];
    const frame = new Uint8Array(bytes);
    frame.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0, ...ip, 0, flow, 0, 2]);
    const m = machine.mbufs.fromBytes(frame);
    if (m === null) return;
    m.priority = priority;
    machine.process(() => device.transmit(m));
  };
  return { ...one, device, tc, leave, send };
}

function runScript(seeds: readonly number[]): Outcome {
  const net = slowDevice();
  const { machine, device, tc } = net;
  const outcome: Outcome = { taken: 0, refused: 0, text: '' };
  for (const seed of seeds) {
    const step = scriptStep(seed);
    if (step.do === 'wait') {
      for (let i = 0; i < 4; i++) {
        net.run(Math.ceil(step.ns / 4));
        net.leave();
      }
    } else if (step.do === 'send') for (let i = 0; i < step.packets; i++) net.send(step);
    else {
      try {
        outcome.text += `${step.line}\n${machine.process(() => tc.line(step.line)).text}\n`;
        outcome.taken++;
      } catch (error) {
        if (!(error instanceof TcError)) throw new Error(`tc ${step.line}`, { cause: error });
        if (!hasReason(error)) throw new Error(`tc ${step.line}: no reason: ${error.message}`);
        outcome.text += `${step.line}\n${error.message}\n`;
        outcome.refused++;
      }
    }
    const { balanced, text } = conservation(device);
    if (!balanced) throw new Error(text);
    expectTreeAddsUp(device);
  }
  machine.process(() => device.close());
  const after = conservation(device);
  expect(after.text).toBe('');
  expect(after.queued).toBe(0);
  expect(machine.mbufs.inUse).toBe(0);
  outcome.text += JSON.stringify([after, [...device.drops], machine.process(() => tc.line('-s qdisc')).text]);
  return outcome;
}

/** It names the word, or says in brackets or of itself why the line, right as it is, cannot be done. */
function hasReason({ word, message }: TcError): boolean {
  if (word === null) return message.trim().length > 8;
  return /^(word \d+ "[\s\S]*"|the line ends after word \d+): expected \S/.test(message);
}

/** No counter of the discipline is below zero or no number, and it has bytes when it has packets. */
function expectTreeAddsUp(device: NetDevice): void {
  const { rootQdisc } = device;
  if (rootQdisc === null) return;
  const { length, backlog, stats } = rootQdisc;
  // Compared by hand: an expect for each number is most of the time that a script takes.
  const least = Math.min(length, backlog, ...Object.values(stats));
  if (!(least >= 0) || length > 0 !== backlog > 0)
    throw new Error(`${rootQdisc.kind}: ${length} packets, ${backlog} bytes, ${JSON.stringify(stats)}`);
}

const scripts = fc.array(fc.nat(), { minLength: 2, maxLength: MOST_STEPS });

test(
  `${RUNS} scripts by chance: nothing breaks, every packet is accounted for, every refusal says why`,
  () => {
    const total = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(scripts, (seeds) => {
        const { taken, refused } = runScript(seeds);
        total.taken += taken;
        total.refused += refused;
      }),
      { numRuns: RUNS, seed: SEED },
    );
    // The generator is worth its name: both outcomes are common.
    expect(total.taken).toBeGreaterThan(RUNS / 2);
    expect(total.refused).toBeGreaterThan(RUNS / 2);
  },
  TIMEOUT_MS,
);

test(
  'the same script ends in the same counters and texts',
  () => {
    fc.assert(
      fc.property(scripts, (seeds) => {
        expect(runScript(seeds).text).toBe(runScript(seeds).text);
      }),
      { numRuns: 100, seed: SEED },
    );
  },
  TIMEOUT_MS,
);

test(
  'filters and actions of every kind are taken too',
  () => {
    const wanted = /(u32|fw|matchall|flow (hash|map)|mirred|skbedit|police|gact|drop|pass)/g;
    const taken = new Set<string>();
    for (let seed = 0; seed < 60_000; seed++) {
      const step = scriptStep(seed);
      if (step.do !== 'tc' || !/^filter (add|replace) dev eth0 parent 1: /.test(step.line)) continue;
      const { machine, tc } = slowDevice();
      machine.process(() => tc.line('qdisc add dev eth0 root handle 1: prio'));
      try {
        machine.process(() => tc.line(step.line));
        for (const [word] of step.line.matchAll(wanted)) taken.add(word);
      } catch (error) {
        if (!(error instanceof TcError)) throw error;
      }
      if (taken.size === 11) break;
    }
    expect([...taken].toSorted()).toEqual(
      'drop,flow hash,flow map,fw,gact,matchall,mirred,pass,police,skbedit,u32'.split(','),
    );
  },
  TIMEOUT_MS,
);

test(
  'every kind gets a line from its own usage that is taken',
  () => {
    const taken = new Set<string>();
    const missing = new Set(QDISC_KINDS.keys());
    const wanted = missing.size;
    for (let seed = 0; seed < 300_000 && missing.size > 0; seed++) {
      const step = scriptStep(seed);
      if (step.do !== 'tc' || !/^qdisc (add|replace) /.test(step.line)) continue;
      const kind = step.line.split(' ').find((word) => QDISC_KINDS.has(word)) ?? '';
      if (!missing.has(kind)) continue;
      const { machine, tc } = slowDevice();
      try {
        machine.process(() => tc.line(step.line));
        taken.add(kind);
        missing.delete(kind);
      } catch (error) {
        if (!(error instanceof TcError)) throw error;
      }
    }
    expect([...missing]).toEqual([]);
    expect(taken.size).toBe(wanted);
  },
  TIMEOUT_MS,
);
