// The link comes and goes; rings run full.

import type { Bench } from '../bench.ts';
import { LOSS_MS, PATIENCE_MS } from '../limits.ts';
import type { Scenario } from '../scenario.ts';
import { echoSome, firstDifference } from '../traffic.ts';

export const link: Scenario = {
  name: 'link',
  needs: 'cable',
  description:
    'a pulled cable is noticed, what is offered then is dropped and counted, and traffic flows when it is back',
  run: async (bench) => {
    await bench.up();
    const { device, subject, check } = bench;
    await echoSome(bench);
    for (let round = 0; round < 2; round++) {
      subject.setLink(false);
      await bench.until('the loss of the link is noticed', () => !device.carrier, LOSS_MS);
      const before = device.dropReport().NO_CARRIER ?? 0;
      for (let i = 0; i < 5; i++) bench.host.send(device, bench.frameOut(100));
      const dropped = (device.dropReport().NO_CARRIER ?? 0) - before;
      check.equal('what is offered without a link is dropped and counted', dropped, 5);
      await subject.rest(600);
      check.equal('the link stays down', device.carrier, false);
      subject.setLink(true);
      await bench.carrier();
      await echoSome(bench);
    }
    bench.conserved();
  },
};

export const openWithoutLink: Scenario = {
  name: 'open without link',
  needs: 'cable',
  description: 'a device that is opened without a cable has no carrier until there is one',
  run: async (bench) => {
    const { subject, check } = bench;
    subject.setLink(false);
    bench.bind();
    bench.open();
    await subject.rest(2500);
    check.equal('there is no carrier without a cable', bench.device.carrier, false);
    subject.setLink(true);
    await bench.carrier();
    await echoSome(bench);
  },
};

/** The host's interrupt line, so that a scenario can keep the host from looking. */
function interruptLine(bench: Bench): { disable(): void; enable(): void } {
  const { machine, pci } = bench.subject;
  return machine.irq.line(pci.irq);
}

export const receiveRingFull: Scenario = {
  name: 'receive ring full',
  description:
    'while the host does not look, a ring of frames is kept and the rest counted as missed; then all goes on',
  run: async (bench) => {
    const ring = 16;
    const surplus = 10;
    await bench.up({ rxRing: ring });
    const { host, check, subject } = bench;
    const line = interruptLine(bench);
    let missed = 0;
    for (let round = 0; round < 4; round++) {
      const frames = Array.from({ length: ring + surplus }, (_, i) => bench.frame(60 + 50 * i));
      line.disable();
      for (const bytes of frames) subject.far.send(bytes);
      missed += surplus;
      const seen = await subject.run(() => bench.stats().rx_missed_frames >= missed, PATIENCE_MS);
      line.enable();
      const wanted = frames.slice(0, ring);
      await subject.run(() => host.received.length >= ring, PATIENCE_MS);
      await subject.rest(5);
      check.that('frames without a descriptor are counted as missed', seen, () => bench.books());
      check.none('a ring of frames is received', firstDifference(host.received, wanted));
      check.equal('no more are counted than were missed', bench.stats().rx_missed_frames, missed);
      host.clear();
      await echoSome(bench);
    }
    bench.conserved();
  },
};

export const transmitRingFull: Scenario = {
  name: 'transmit ring full',
  needs: 'transmit ring',
  description:
    'the queue stops before the ring overflows, wakes when there is room, and every packet leaves in order',
  run: async (bench) => {
    await bench.up({ txRing: 16 });
    const { device, host, check, subject } = bench;
    const queue = device.txQueues[0];
    // It is the ring that is to fill up, and with them it never would.
    queue.limits = null;
    const line = interruptLine(bench);
    for (let round = 0; round < 4; round++) {
      await bench.quiet();
      const frames = Array.from({ length: 100 }, (_, i) => bench.frameOut(60 + 14 * i));
      const before = device.tx.packets + device.ops.held!();
      // Without interrupts the driver does not hear that anything has left.
      line.disable();
      for (const bytes of frames) host.send(device, bytes);
      check.equal('the queue stops', queue.stopped, true);
      const held = device.ops.held!();
      check.that('the ring is in use', held > 0 && held < 16, () => `${held} packets of 16`);
      // A card with a FIFO may be done with some already.
      const taken = device.tx.packets + held - before;
      check.equal('the rest waits in the queue', device.queued, frames.length - taken);
      line.enable();
      await bench.until('all of them arrive', () => subject.far.received.length >= frames.length);
      check.none('they arrive as they were sent', firstDifference(subject.far.received, frames));
      await bench.until('the queue goes on', () => !queue.stopped);
    }
    check.equal('the driver is never busy with its queue awake', queue.busies, 0);
    check.equal('the watchdog has nothing to do', queue.timeouts, 0);
    await echoSome(bench);
    bench.conserved();
  },
};
