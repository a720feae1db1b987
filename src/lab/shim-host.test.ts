// io-net drivers in a lab: they talk to native ones, the tools answer, and interfaces come and go under traffic without a buffer
// or a frame lost.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { shimFindings } from '../ionet/shim/findings.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Lab } from './lab.ts';
import { loadLab } from './load.ts';
import { reportLab } from './report.ts';
import { runVirtual } from './run-virtual.ts';
import { runTool } from './tools.ts';

const MS = 1_000_000;
const LAB = readFileSync(new URL('../../labs/shim.yaml', import.meta.url), 'utf8');

function start(text: string): { lab: Lab; run(ms: number): void; end(): ReturnType<typeof reportLab> } {
  const clock = new VirtualClock();
  const lab = new Lab(loadLab('shim.yaml', text), {
    clock,
    readFile: () => {
      throw new Error('this lab reads no files');
    },
  });
  const going = runVirtual(lab, 100_000 * MS, MS);
  going.next();
  return {
    lab,
    run: (ms) => {
      for (const end = clock.now() + ms * MS; clock.now() < end; ) going.next(false);
    },
    end: () => {
      going.next(true);
      return reportLab(lab);
    },
  };
}

test('drivers of io-net and native ones talk to each other, without loss', () => {
  const { run, end, lab } = start(LAB);
  run(1000);
  const report = end();
  for (const flow of report.flows) expect([flow.name, flow.lost], flow.name).toEqual([flow.name, 0]);
  for (const flow of report.flows) expect(flow.received, flow.name).toBeGreaterThan(5);
  expect(report.conservation.vanished).toEqual([]);
  const { io } = lab.hosts[0];
  expect(io!.ifnets.map(({ if_xname }) => if_xname)).toEqual(['en0', 'en1']);
  expect(shimFindings(io!)).toEqual([]);
});

test('nicinfo and ifconfig answer for them', () => {
  const { run, lab } = start(LAB);
  run(100);
  const say = (...argv: string[]): string => runTool(lab, 'alice', argv).text;
  expect(say('ifconfig', 'en0')).toMatch(
    /^en0: flags=\w+<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,SHIM> mtu 1500/,
  );
  expect(say('ifconfig', 'en1')).toContain('inet 10.0.1.1 netmask 0xffffff00 broadcast 10.0.1.255');
  expect(say('nicinfo', 'en0')).toMatch(/AMD PCnet Am79C973/);
  expect(say('nicinfo', 'en0')).toMatch(/100\.00 Mb\/s full-duplex/);
  expect(say('nicinfo', 'en1')).toMatch(/Packets Transmitted OK \.+ \d\d/);
});

test.each([
  ['shimrxcopy=1', 'devn-pcnet.so', 'devn-speedo.so'],
  [
    'shimrxcopy=0',
    '{ name: shim, options: \'shimrxcopy=0 "devn-pcnet.so"\' }',
    '{ name: shim, options: \'shimrxcopy=0 "devn-speedo.so"\' }',
  ],
])('%s: destroyed and mounted again while traffic flows', (mode, pcnet, speedo) => {
  const text = LAB.replace('[devn-pcnet.so, devn-speedo.so]', `[${pcnet}, ${speedo}]`);
  const { run, end, lab } = start(text);
  const tool = (...argv: string[]): string => runTool(lab, 'alice', argv).text;
  const { io, machine, stack } = lab.hosts[0];
  run(200);
  if (mode === 'shimrxcopy=0') {
    // The stack may have the driver's own buffers.
    expect(() => tool('ifconfig', 'en0', 'destroy')).toThrow(/EBUSY/);
    run(200);
  } else {
    for (let round = 0; round < 4; round++) {
      tool('ifconfig', 'en0', 'destroy');
      tool('ifconfig', 'en1', 'destroy');
      run(50);
      tool('mount', '-T', 'io-pkt', '-o', 'lan=0', 'devn-pcnet.so');
      tool('mount', '-T', 'io-pkt', '-o', 'lan=1', 'devn-speedo.so');
      tool('ifconfig', 'en0', '10.0.0.1/24');
      tool('ifconfig', 'en1', '10.0.1.1/24');
      run(2500);
    }
  }
  const report = end();
  expect(report.conservation.vanished).toEqual([]);
  for (const name of ['ping amd', 'ping intel', 'in amd', 'in intel'])
    expect(report.flows.find((flow) => flow.name === name)!.received, name).toBeGreaterThan(2);
  expect(shimFindings(io!)).toEqual([]);
  if (mode === 'shimrxcopy=0') return;
  for (const ifp of [...io!.ifnets]) io!.destroy(ifp.if_xname);
  expect(machine.mbufs.inUse).toBe(stack.balance().held);
  expect([io!.interrupts.sources.length, io!.interrupts.handlers.length]).toEqual([0, 0]);
});
