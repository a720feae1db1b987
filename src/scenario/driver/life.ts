// The life of a device: stopped in full flight, restarted, tested, removed and found again.

import type { Mbuf } from '../../mbuf/mbuf.ts';
import type { Bench } from '../bench.ts';
import type { Scenario } from '../scenario.ts';
import { echoSome, sendOut } from '../traffic.ts';

export const stopInFlight: Scenario = {
  name: 'stop in full flight',
  needs: 'native',
  description:
    'a device that is closed under load both ways loses no buffer, writes to none, and works again',
  debugMbufs: true,
  run: async (bench) => {
    await bench.up();
    const { device, host, subject } = bench;
    bench.closeDevice();
    const down = bench.census();
    for (let round = 0; round < 5; round++) {
      bench.open();
      await bench.carrier();
      for (let i = 0; i < 200; i++) host.send(device, bench.frameOut(500));
      for (let i = 0; i < 40; i++) subject.far.send(bench.frame(700));
      await subject.rest(1 + 3 * round);
      bench.closeDevice();
      await bench.quiet();
      bench.sameCensus('a closed device holds nothing', down);
      bench.conserved();
    }
    // A buffer that was written to after it was given back is found when it is taken again.
    for (const m of takeAll(bench)) subject.machine.mbufs.freem(m);
    bench.open();
    await bench.carrier();
    await bench.until('the far end has sent what it had', () => subject.far.queued === 0);
    await bench.quiet(100);
    await echoSome(bench);
  },
};

function takeAll(bench: Bench): Mbuf[] {
  const { mbufs } = bench.subject.machine;
  const taken: Mbuf[] = [];
  for (let m = mbufs.getcl(); m !== null; m = mbufs.getcl()) taken.push(m);
  return taken;
}

export const probeAgain: Scenario = {
  name: 'remove and probe',
  description: 'a removed driver leaves nothing behind, and the next one finds a card that works',
  run: async (bench) => {
    const before = bench.census();
    for (let round = 0; round < 3; round++) {
      await bench.up();
      await echoSome(bench);
      // In full flight, too.
      for (let i = 0; i < 20; i++) bench.host.send(bench.device, bench.frameOut(300));
      bench.unbind();
      bench.sameCensus('a removed driver leaves nothing behind', before);
      bench.check.equal('its device is gone', bench.subject.layer.devices.length, 0);
      await bench.quiet();
    }
    await bench.up();
    await echoSome(bench);
  },
};

export const restarts: Scenario = {
  name: 'restarts',
  description: 'a card that the driver restarts under load loses only what is counted, and goes on',
  debugMbufs: true,
  run: async (bench) => {
    await bench.up();
    const { device, host, subject, check } = bench;
    for (let round = 0; round < 5; round++) {
      await bench.reaped();
      const before = { far: subject.far.frames, sent: device.tx.packets };
      for (let i = 0; i < 60; i++) host.send(device, bench.frameOut(800));
      for (let i = 0; i < 20; i++) subject.far.send(bench.frame(400));
      await subject.rest(1 + 2 * round);
      bench.restart();
      await bench.until('the driver restarts the card', () => bench.stats().restarts > round);
      await bench.reaped();
      await bench.until('the far end has sent what it had', () => subject.far.queued === 0);
      const arrived = (): number => subject.far.frames - before.far;
      const sent = device.tx.packets - before.sent;
      await bench.until('what counts as sent has left', () => arrived() >= sent);
      await bench.quiet();
      check.that(
        'no packet leaves twice',
        arrived() <= 60,
        () => `${arrived()} of 60 arrived; ${bench.books()}`,
      );
      bench.conserved();
      await echoSome(bench);
    }
    check.equal('no restart failed', subject.log.filter((line) => line.includes('restart failed')).length, 0);
  },
};

export const modeChanges: Scenario = {
  name: 'mode changes',
  description: 'changes of the receive mode under load lose nothing on the way out',
  run: async (bench) => {
    await bench.up();
    const { device, subject, check } = bench;
    let changes = 0;
    await sendOut(bench, 400, (i) => {
      if (i % 8 === 0) {
        subject.machine.process(() => device.setAllMulticast(changes % 2 === 0 ? 1 : -1));
        changes++;
      }
      return bench.frameOut(300);
    });
    await bench.settled();
    check.equal('the card was not restarted for it', bench.stats().restarts, 0);
    await echoSome(bench);
    bench.conserved();
  },
};

export const selfTest: Scenario = {
  name: 'self test',
  needs: 'ethtool',
  description:
    "the driver's offline test passes: registers hold bits, a frame comes back in internal loopback",
  run: async (bench) => {
    bench.bind();
    const { device, check, subject } = bench;
    const test = async (what: string): Promise<void> => {
      await bench.quiet();
      const { frames } = subject.far;
      check.none(what, subject.machine.process(() => device.ops.selfTest!()).join('; '));
      await bench.quiet();
      check.equal('nothing of the test leaves the card', subject.far.frames - frames, 0);
    };
    await test('the self test passes while the device is down');
    bench.open();
    await bench.carrier();
    await echoSome(bench);
    for (let i = 0; i < 3; i++) {
      await test('the self test passes while the device is up');
      await bench.carrier();
      await echoSome(bench);
    }
    bench.conserved();
  },
};
