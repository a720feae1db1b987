import { describe, expect, it } from 'vitest';
import { type MediumRig, mediumContract } from '../../test/contract/medium.ts';
import { numbered, TestStation } from '../../test/vocabulary/station.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { FramePool } from './frame.ts';
import { FrameTap } from './frame-tap.ts';
import { HalfDuplexLink } from './half-duplex.ts';
import { Hub } from './hub.ts';
import type { ImpairmentOptions } from './impair/options.ts';
import { ImpairedMedium } from './impaired-medium.ts';
import { Link } from './link.ts';
import { ALL_MODES, type LinkOffer, MODE_10, MODE_10_FULL, MODE_100, MODE_100_FULL } from './medium.ts';
import { NegotiatedLink } from './negotiated-link.ts';
import { Switch, type SwitchPortOptions } from './switch.ts';

const world = () => ({ clock: new VirtualClock(), pool: new FramePool() });

function linkRig(bitsPerSecond: number, delayNs: number): MediumRig {
  const { clock, pool } = world();
  const link = new Link({ name: 'link', clock, pool, bitsPerSecond, delayNs });
  return { clock, pool, near: link.a, far: link.b, setCarrier: (up) => link.setCarrier(up), devices: [link] };
}

mediumContract('a link where nothing takes time', () => linkRig(0, 0));
mediumContract('a link with delay only', () => linkRig(0, 5_000_000));
mediumContract('a link at 10 Mbit/s without delay', () => linkRig(10_000_000, 0));
mediumContract('a link at 1 Gbit/s of 1 ms', () => linkRig(1_000_000_000, 1_000_000));

function negotiatedRig(delayNs: number): MediumRig {
  const { clock, pool } = world();
  const link = new NegotiatedLink({
    name: 'auto',
    clock,
    pool,
    bitsPerSecond: 100_000_000,
    delayNs,
    seed: 7,
  });
  return { clock, pool, near: link.a, far: link.b, setCarrier: (up) => link.setCarrier(up), devices: [link] };
}

for (const delayNs of [0, 2_500]) {
  mediumContract(`a half-duplex link at 10 Mbit/s, ${delayNs} ns`, () => {
    const { clock, pool } = world();
    const link = new HalfDuplexLink({
      name: 'half',
      clock,
      pool,
      bitsPerSecond: 10_000_000,
      delayNs,
      seed: 7,
    });
    return {
      clock,
      pool,
      near: link.a,
      far: link.b,
      setCarrier: (up) => link.setCarrier(up),
      devices: [link],
    };
  });
}

const offersOf: Record<string, [LinkOffer | null, LinkOffer | null]> = {
  'a negotiated link of ends that say nothing': [null, null],
  'a negotiated link at 10 Mbit/s, half duplex': [
    { modes: MODE_10, negotiates: false, ready: true },
    { modes: ALL_MODES, negotiates: true, ready: true },
  ],
  'a negotiated link at 100 Mbit/s, half duplex at one end': [
    { modes: MODE_100_FULL, negotiates: false, ready: true },
    { modes: MODE_100, negotiates: false, ready: true },
  ],
};
for (const [name, offers] of Object.entries(offersOf)) {
  for (const delayNs of [0, 2_500]) {
    mediumContract(`${name}, ${delayNs} ns`, () => {
      const rig = negotiatedRig(delayNs);
      if (offers[0] !== null) rig.near.offer!(offers[0]);
      if (offers[1] !== null) rig.far.offer!(offers[1]);
      rig.clock.run(1);
      return rig;
    });
  }
}

mediumContract('an impaired end of a negotiated link, behind a tap', () => {
  const rig = negotiatedRig(1_000);
  const impaired = new ImpairedMedium(rig.near, { clock: rig.clock });
  const near = new FrameTap(impaired, rig.clock, () => {});
  near.offer({ modes: MODE_10_FULL, negotiates: true, ready: true });
  rig.clock.run(1);
  const setCarrier = (up: boolean) => impaired.setCarrier(up);
  return { ...rig, near, setCarrier, devices: [...rig.devices, impaired, near] };
});

mediumContract(
  'a hub with a third listener',
  () => {
    const { clock, pool } = world();
    const hub = new Hub({
      name: 'hub',
      clock,
      pool,
      ports: 3,
      bitsPerSecond: 10_000_000,
      delayNs: 1_000,
      seed: 7,
    });
    new TestStation(hub.ports[2], clock);
    const [near, far] = hub.ports;
    return { clock, pool, near, far, setCarrier: (up) => hub.setCarrier(0, up), devices: [hub] };
  },
  { alwaysCarrier: 'the hub is at the other side' },
);

const switchPorts: Record<string, SwitchPortOptions> = {
  'a switch where nothing takes time': {},
  'a switch at 100 Mbit/s': { bitsPerSecond: 100_000_000, delayNs: 500 },
};
for (const [name, port] of Object.entries(switchPorts)) {
  mediumContract(
    name,
    () => {
      const { clock, pool } = world();
      const bridge = new Switch({
        name: 'switch',
        clock,
        pool,
        ports: [port, port, port],
        queueFrames: 4000,
      });
      const cables = { name: 'cables', report: () => bridge.cableReports()[0] };
      const devices = [
        bridge,
        cables,
        ...[1, 2].map((i) => ({ name: 'cable', report: () => bridge.cableReports()[i] })),
      ];
      const [near, far] = bridge.ports;
      new TestStation(bridge.ports[2], clock);
      return { clock, pool, near, far, setCarrier: (up) => bridge.setCarrier(0, up), devices };
    },
    {
      alwaysCarrier: 'the switch is at the other side',
      refuses: (length) => (length < 14 ? 'no addresses to forward by' : undefined),
    },
  );
}

mediumContract('a tap on a link', () => {
  const rig = linkRig(10_000_000, 1_000);
  const tap = new FrameTap(rig.near, rig.clock, () => {});
  return { ...rig, near: tap, devices: [...rig.devices, tap] };
});

/** Both directions of one end are impaired. */
function impairedRig(options: ImpairmentOptions, bitsPerSecond: number): MediumRig {
  const rig = linkRig(bitsPerSecond, 1_000);
  const near = new ImpairedMedium(rig.near, { clock: rig.clock, seed: 5, in: options, out: options });
  return { ...rig, near, devices: [...rig.devices, near] };
}

const delay = { baseNs: 2_000_000, jitterNs: 1_000_000 };
const impairments: Record<string, [ImpairmentOptions, string?]> = {
  'nothing at all': [{}],
  'probabilities of 0': [
    {
      loss: 0,
      gilbertElliott: { p: 0 },
      corruption: { probability: 0 },
      duplication: 0,
      reordering: { probability: 0 },
      delay: { baseNs: 0 },
    },
  ],
  'delay and jitter, in order': [{ delay }],
  'a rate limit with room': [{ rateLimit: { bitsPerSecond: 1e9, queueFrames: 10_000 } }],
  loss: [{ loss: 0.3 }, 'it loses'],
  'bursts of loss': [{ gilbertElliott: { p: 0.1, r: 0.4 } }, 'it loses'],
  corruption: [{ corruption: { probability: 0.5, bits: 3 } }, 'it flips bits'],
  duplication: [{ duplication: 0.5 }, 'it doubles'],
  reordering: [{ reordering: { probability: 0.3, gapFrames: 3, delayNs: 2_000_000 } }, 'it reorders'],
  'jitter that reorders': [{ delay: { ...delay, distribution: 'normal', keepOrder: false } }, 'it reorders'],
  'a rate limit': [{ rateLimit: { bitsPerSecond: 1e6, queueFrames: 3, burstBytes: 3000 } }, 'it drops'],
  everything: [
    {
      rateLimit: { bitsPerSecond: 5e6, queueFrames: 20 },
      loss: 0.1,
      gilbertElliott: { p: 0.05, r: 0.5, h: 0.1, k: 0.99 },
      corruption: { probability: 0.1 },
      duplication: 0.2,
      reordering: { probability: 0.2 },
      delay: { ...delay, keepOrder: false },
    },
    'it does everything',
  ],
};
for (const [name, [options, impairs]] of Object.entries(impairments)) {
  for (const bitsPerSecond of [0, 10_000_000]) {
    const on = bitsPerSecond === 0 ? 'a link without rate' : 'a link at 10 Mbit/s';
    mediumContract(`${name}, on ${on}`, () => impairedRig(options, bitsPerSecond), { impairs });
  }
}

mediumContract(
  'everything, at a hub port behind a tap, with its own carrier',
  () => {
    const { clock, pool } = world();
    const hub = new Hub({ name: 'hub', clock, pool, ports: 2, seed: 3 });
    const options = impairments.everything[0];
    const impaired = new ImpairedMedium(hub.ports[0], { clock, seed: 3, in: options, out: options });
    const near = new FrameTap(impaired, clock, () => {});
    const setCarrier = (up: boolean) => impaired.setCarrier(up);
    return { clock, pool, near, far: hub.ports[1], setCarrier, devices: [hub, impaired, near] };
  },
  { impairs: 'it does everything', alwaysCarrier: 'the hub is at the other side' },
);

mediumContract('an impaired end with nothing but a carrier of its own', () => {
  const rig = linkRig(10_000_000, 1_000);
  const near = new ImpairedMedium(rig.near, { clock: rig.clock });
  return { ...rig, near, setCarrier: (up) => near.setCarrier(up), devices: [...rig.devices, near] };
});

describe('impairments of probability 0', () => {
  it('change nothing, not even the times', () => {
    const zero = impairments['probabilities of 0'][0];
    for (const bitsPerSecond of [0, 10_000_000]) {
      const traces = [linkRig(bitsPerSecond, 1_000), impairedRig(zero, bitsPerSecond)].map(
        ({ clock, near, far }) => {
          const a = new TestStation(near, clock);
          const b = new TestStation(far, clock);
          for (let i = 0; i < 50; i++) {
            a.offer(numbered(i, 60 + i));
            b.offer(numbered(i, 1000 - i, 'far'));
          }
          clock.runUntilIdle(1e9);
          return [a.arrivals, b.arrivals, clock.now()];
        },
      );
      expect(traces[1]).toEqual(traces[0]);
    }
  });
});
