import { expect, test } from 'vitest';
import { Blaster } from '../../test/vocabulary/fake-nic.ts';
import { netMachine } from '../../test/vocabulary/net-machine.ts';
import { costing, oneMachine } from '../../test/vocabulary/one-machine.ts';
import { ETH_P_IP } from './ether.ts';
import { DeviceLayer } from './layer.ts';
import { Napi } from './napi.ts';
import { NETDEV_BUDGET } from './softnet.ts';

/** A packet type that gives every packet back to the pool. */
function sink(net: ReturnType<typeof netMachine>): { packets: number } {
  const count = { packets: 0 };
  net.layer.packetTypes.add({
    name: 'sink',
    type: ETH_P_IP,
    device: null,
    receive: (m) => {
      count.packets++;
      net.machine.mbufs.freem(m);
    },
  });
  return count;
}

test('one packet is one interrupt and one poll', () => {
  const net = netMachine();
  const got = sink(net);
  for (let i = 0; i < 5; i++) net.receive();
  expect(got.packets).toBe(5);
  expect(net.device.interrupts).toBe(5);
  expect(net.nic.napi).toMatchObject({ polls: 5, work: 5, fullPolls: 0 });
});

test('a burst is one interrupt, polled by the weight until there is less than a weight', () => {
  const net = netMachine({ rxRing: 256 });
  const got = sink(net);
  net.receive(200);
  expect(got.packets).toBe(200);
  expect(net.device.interrupts).toBe(1);
  expect(net.nic.napi).toMatchObject({ polls: 4, fullPolls: 3 });
});

test('a burst of exactly the weight needs one more poll to find the end', () => {
  const net = netMachine({ rxRing: 256 });
  sink(net);
  net.receive(64);
  expect(net.nic.napi).toMatchObject({ polls: 2, fullPolls: 1 });
});

test('NET_RX ends after its budget and says so; the next round takes the rest', () => {
  const net = netMachine({ rxRing: 1000 });
  const got = sink(net);
  net.receive(1000);
  expect(got.packets).toBe(1000);
  const [data] = net.layer.softnet.perCpu;
  expect(data.processed).toBe(1000);
  // 300 is no multiple of 64: 320 are taken each time.
  expect(data.timeSqueeze).toBe(Math.floor(1000 / (Math.ceil(NETDEV_BUDGET / 64) * 64)));
});

test('NET_RX ends after two milliseconds, however few the packets', () => {
  const net = netMachine({ rxRing: 256, machine: { profile: costing({ layer: 20_000 }) } });
  const got = sink(net);
  for (let i = 0; i < 256; i++) net.nic.arrive();
  net.run(1_000_000);
  // Two polls of 64 take 2.56 ms.
  expect(got.packets).toBe(128);
  expect(net.layer.softnet.perCpu[0].timeSqueeze).toBe(1);
  net.run(20_000_000);
  expect(got.packets).toBe(256);
});

test('two devices under load are polled in turn', () => {
  const net = netMachine({ rxRing: 128 });
  const order: string[] = [];
  const make = (name: string) => {
    let left = 150;
    const napi: Napi = new Napi(net.layer.softnet, name, (budget) => {
      order.push(name);
      const work = Math.min(left, budget);
      left -= work;
      if (work < budget) napi.complete();
      return work;
    });
    napi.enable();
    if (napi.schedulePrep()) napi.schedule();
  };
  net.machine.process(() => {
    net.cpu.bhDisable();
    make('a');
    make('b');
    net.cpu.bhEnable();
  });
  expect(order).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
});

function napiOnly(poll: (napi: Napi, budget: number) => number) {
  const one = oneMachine();
  const layer = new DeviceLayer(one.machine);
  const napi: Napi = new Napi(layer.softnet, 'test', (budget) => poll(napi, budget));
  const schedule = (): boolean => {
    if (!napi.schedulePrep()) return false;
    napi.schedule();
    return true;
  };
  return { ...one, napi, schedule };
}

test('an event that comes between the last look at the ring and complete is not lost', () => {
  let polls = 0;
  const { machine, napi, schedule } = napiOnly((it, budget) => {
    polls++;
    // The ring is empty; now a frame comes, whose interrupt finds the instance scheduled.
    if (polls === 1) expect(schedule()).toBe(false);
    expect(it.complete()).toBe(polls === 2);
    return budget - budget;
  });
  napi.enable();
  machine.process(() => expect(schedule()).toBe(true));
  expect(polls).toBe(2);
  expect(napi.scheduled).toBe(false);
});

test('between complete and the end of the poll the instance may be scheduled anew, on the list once', () => {
  let polls = 0;
  const { machine, napi, schedule } = napiOnly((it) => {
    it.complete();
    if (++polls < 3) expect(schedule()).toBe(true);
    return 0;
  });
  napi.enable();
  machine.process(() => schedule());
  expect(polls).toBe(3);
});

test('a disabled instance cannot be scheduled; disabling one that is scheduled takes it off the list', () => {
  let polls = 0;
  const { machine, cpu, napi, schedule } = napiOnly((it) => {
    polls++;
    it.complete();
    return 0;
  });
  machine.process(() => {
    expect(schedule()).toBe(false);
    napi.enable();
    expect(() => napi.enable()).toThrow(/N06/);
    cpu.raiseSoftirq(0);
    expect(schedule()).toBe(true);
    napi.disable();
    expect(() => napi.disable()).toThrow(/N06/);
  });
  expect(polls).toBe(0);
  machine.process(() => {
    napi.enable();
    expect(schedule()).toBe(true);
  });
  expect(polls).toBe(1);
});

test('disabling may sleep and is refused in interrupts', () => {
  const { machine, napi } = napiOnly(() => 0);
  napi.enable();
  machine.irq.request(1, 'dev', () => {
    napi.disable();
    return true;
  });
  expect(() => machine.process(() => machine.irq.line(1).pulse())).toThrow(/may sleep/);
});

test.each([
  ['more work than its budget (N01)', () => 65, /N01/],
  [
    'its whole budget and completing (N02)',
    (it: Napi, budget: number) => {
      it.complete();
      return budget;
    },
    /N02/,
  ],
  ['less than its budget without completing (I06)', () => 3, /I06/],
] as const)('a poll that returns %s is an error', (_name, poll, message) => {
  const { machine, napi, schedule } = napiOnly(poll as never);
  napi.enable();
  expect(() => machine.process(() => schedule())).toThrow(message);
});

test('under load the driver switches to polling, and back when the load ends', () => {
  const profile = costing({
    interruptEntry: 5000,
    layer: 2000,
    buffer: 500,
    registerRead: 500,
    registerWrite: 100,
  });
  const net = netMachine({ rxRing: 64, machine: { profile } });
  const got = sink(net);
  const slow = new Blaster(net.nic, 100_000, 100);
  net.run(20_000_000);
  expect(slow.sent).toBe(100);
  expect(net.device.interrupts).toBe(100);
  const fast = new Blaster(net.nic, 2_000, 10_000);
  net.run(100_000_000);
  expect(fast.sent).toBe(10_000);
  expect(net.device.interrupts - 100).toBeLessThan(20);
  expect(got.packets + net.nic.missed).toBe(10_100);
  // Back: one interrupt a packet again.
  const before = net.device.interrupts;
  new Blaster(net.nic, 100_000, 50);
  net.run(20_000_000);
  expect(net.device.interrupts - before).toBe(50);
});

test('without NAPI each packet is an interrupt and goes over the backlog', () => {
  const net = netMachine({ napi: false });
  const got = sink(net);
  net.receive(10);
  expect(got.packets).toBe(10);
  expect(net.device.interrupts).toBe(10);
  expect(net.layer.softnet.perCpu[0].backlog.work).toBe(10);
});

test('the backlog takes a thousand packets and drops the rest with a reason', () => {
  const net = netMachine({ napi: false, rxRing: 1500, machine: { mbufs: 2048, clusters: 2048 } });
  const got = sink(net);
  net.machine.process(() => {
    net.cpu.bhDisable();
    for (let i = 0; i < 1200; i++) net.nic.arrive();
    net.cpu.bhEnable();
  });
  net.run(1000);
  expect(got.packets).toBe(1000);
  expect(net.device.dropReport()).toEqual({ CPU_BACKLOG: 200 });
  expect(net.device.rx.packets).toBe(1200);
  expect(net.layer.softnet.perCpu[0].dropped).toBe(200);
});
