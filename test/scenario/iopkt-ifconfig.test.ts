// Addresses given to an interface with ifconfig: each calls the driver's init once more, and nothing is left behind. The table
// of what the host holds, before and after, is what people would look at.

import { describe, expect, test } from 'vitest';
import { InetStack } from '../../src/inet/stack.ts';
import { IFF_RUNNING } from '../../src/iopkt/flags.ts';
import { ifconfig } from '../../src/iopkt/tools/ifconfig.ts';
import { frame, SECOND } from '../vocabulary/bench.ts';
import type { AnyChip, IopktHost } from '../vocabulary/iopkt-host.ts';
import { resources } from '../vocabulary/iopkt-resources.ts';
import { expectWorks, IOPKT_SUBJECTS, maker } from '../vocabulary/iopkt-subject.ts';

interface Life {
  host: IopktHost;
  name: string;
  inits(): number;
  config(...words: string[]): string;
}

function mounted(driver: 'pcn' | 'speedo', chip: AnyChip): Life {
  const host = maker(driver, chip)({ up: false });
  const name = `${host.prefix}0`;
  const stack = new InetStack(host.layer);
  const ifp = host.ifp();
  const { if_init } = ifp;
  let inits = 0;
  ifp.if_init = (each) => {
    inits++;
    return if_init!(each);
  };
  const config = (...words: string[]): string => {
    const text = ifconfig(host.io, stack, words);
    host.run(2 * SECOND);
    return text;
  };
  return { host, name, inits: () => inits, config };
}

describe.each(IOPKT_SUBJECTS)('%s on %s', (driver, chip) => {
  test('ifconfig twice with two addresses calls init twice and leaks nothing', () => {
    const { host, name, inits, config } = mounted(driver, chip);
    const fresh = resources(host);
    expect(inits()).toBe(0);
    config(name, '10.0.0.1/24');
    const once = resources(host);
    expect(inits()).toBe(1);
    config(name, '10.0.7.1/24', 'alias');
    expect(inits()).toBe(2);
    expect(resources(host)).toBe(once);
    config(name, '10.0.0.9/24');
    expect(inits()).toBe(3);
    expect(resources(host)).toBe(once);
    expect(host.ifp().if_flags & host.ifp().if_flags_tx & IFF_RUNNING).toBe(IFF_RUNNING);
    expect(config(name).match(/inet \S+/g)).toEqual(['inet 10.0.7.1', 'inet 10.0.0.9']);
    expectWorks(host);
    config(name, 'delete');
    config(name, 'delete');
    config(name, 'down');
    expect(resources(host)).toBe(fresh);
    config(name, 'destroy');
    host.mount();
    expect(resources(host)).toBe(fresh);
  });

  test('twenty addresses, each given with frames in both rings, hold no more than one', () => {
    const { host, name, inits, config } = mounted(driver, chip);
    host.wire.setRate(10_000_000);
    host.keep = false;
    config(name, '10.0.0.1/24');
    const once = resources(host);
    for (let i = 1; i < 20; i++) {
      for (let k = 0; k < 20; k++) host.send(frame(500, k), [0, 60]);
      for (let k = 0; k < 5; k++) host.wire.deliver(frame(300, k));
      config(name, `10.0.${i}.1/24`);
    }
    expect(inits()).toBe(20);
    // Those that had arrived when the card was halted too.
    expect(host.receivedCount).toBe(19 * 5);
    expect(resources(host)).toBe(once);
    expectWorks(host);
  });
});

test('what speedo holds, mounted, with one address and with two', () => {
  const { host, name, config } = mounted('speedo', 'i82559er');
  expect(resources(host)).toMatchInlineSnapshot(`
    "interfaces               1
    mbufs                    0
    clusters                 0
    receive ring             0
    transmit ring            0
    physical memory blocks   5
    DMA blocks               3
    callouts armed           0
    machine's callouts       0
    interrupt entries        1
    interrupt handlers       0
    interrupt masks          0
    shutdown hooks           1
    threads                  0
    mutexes held             0
    PCI devices taken        1"
  `);
  config(name, '10.0.0.1/24');
  const once = resources(host);
  expect(once).toMatchInlineSnapshot(`
    "interfaces               1
    mbufs                   64
    clusters                64
    receive ring            64
    transmit ring            0
    physical memory blocks   5
    DMA blocks               3
    callouts armed           1
    machine's callouts       3
    interrupt entries        1
    interrupt handlers       1
    interrupt masks          0
    shutdown hooks           1
    threads                  0
    mutexes held             0
    PCI devices taken        1"
  `);
  config(name, '10.0.7.1/24', 'alias');
  expect(resources(host)).toBe(once);
});

test('what pcn holds, mounted, with one address and with two', () => {
  const { host, name, config } = mounted('pcn', 'Am79C973');
  expect(resources(host)).toMatchInlineSnapshot(`
    "interfaces               1
    mbufs                    0
    clusters                 0
    receive ring             0
    transmit ring            0
    physical memory blocks   5
    DMA blocks               3
    callouts armed           0
    machine's callouts       0
    interrupt entries        1
    interrupt handlers       0
    interrupt masks          0
    shutdown hooks           1
    threads                  0
    mutexes held             0
    PCI devices taken        1"
  `);
  config(name, '10.0.0.1/24');
  const once = resources(host);
  expect(once).toMatchInlineSnapshot(`
    "interfaces               1
    mbufs                   64
    clusters                64
    receive ring            64
    transmit ring            0
    physical memory blocks   5
    DMA blocks               3
    callouts armed           1
    machine's callouts       3
    interrupt entries        1
    interrupt handlers       1
    interrupt masks          0
    shutdown hooks           1
    threads                  0
    mutexes held             0
    PCI devices taken        1"
  `);
  config(name, '10.0.7.1/24', 'alias');
  expect(resources(host)).toBe(once);
});
