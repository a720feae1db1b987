// What io-net took and the shim does not: each rule S01 to S13 has a broken driver that trips it, and no other; the driver as
// it is trips none.

import { expect, test } from 'vitest';
import { M_DONTWAIT, MT_DATA, m_freem, m_getcl } from '../iopkt/mbuf.ts';
import { DRVCOM_CONFIG, nic_config_t, sizeof_nic_config_t } from '../iopkt/nic.ts';
import { IoPktError } from '../iopkt/self.ts';
import { SIOCGDRVCOM } from '../iopkt/sockio.ts';
import { LOW_POWER, X86_DESKTOP } from '../kernel/profile.ts';
import { M_PKTHDR } from '../mbuf/mbuf.ts';
import { DCMD_IO_NET_GET_CONFIG, type io_net_self_t, TX_DOWN_OK } from './interface.ts';
import { pthread_mutex_lock, pthread_mutex_unlock } from './neutrino.ts';
import {
  _NPKT_MSG,
  _NPKT_ORG_MASK,
  _NPKT_SCRATCH_MASK,
  _NPKT_UP,
  net_buf_t,
  type npkt_t,
  TAILQ_INIT,
  TAILQ_INSERT_TAIL,
} from './npkt.ts';
import { ErrnoError } from './shared.ts';
import { ShimHost, type ShimHostOptions } from './testing.ts';
import { XX } from './testing-driver.ts';
import { xx_take } from './testing-driver-receive.ts';
import type { TestFunctions, xx_dev } from './testing-driver-state.ts';

const SECOND = 1_000_000_000;

/** A whole life: mount, frames while down, traffic, a full ring, no link, groups, nicinfo, destroy. */
function life(it: ShimHost, options: string | null): void {
  it.io.mount('xx', options);
  it.run(1000);
  it.card.arrive(it.frame(1));
  it.run(1_000_000);
  const device = it.open('en0');
  const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 1);
  it.machine.process(() => device.addMulticast(group));
  for (let mark = 2; mark < 20; mark++) {
    it.card.arrive(it.frame(mark, 60 + mark * 40));
    it.send(it.frame(mark, 60 + mark * 40), [14, 20]);
    if (mark % 4 === 0) it.run(20_000);
  }
  it.run(1_000_000);
  for (let mark = 20; mark < 60; mark++) it.send(it.frame(mark));
  it.run(1_000_000);
  const ifdc_data = new nic_config_t();
  const request = { ifdc_name: 'en0', ifdc_cmd: DRVCOM_CONFIG, ifdc_len: sizeof_nic_config_t, ifdc_data };
  it.io.ioctl('en0', SIOCGDRVCOM, request);
  it.card.setLink(false);
  it.run(3 * SECOND);
  it.send(it.frame(60));
  it.card.setLink(true);
  it.run(3 * SECOND);
  it.io.destroy('en0');
}

/** Rules that a driver with these functions breaks in its life. */
function broken(fn: Partial<TestFunctions>, options = 'transmit=4', more: ShimHostOptions = {}): string[] {
  const it = new ShimHost({ cards: [{ frameNs: 1000 }], ...more, fn });
  const thrown: string[] = [];
  try {
    life(it, options);
  } catch (error) {
    if (error instanceof IoPktError) thrown.push(error.rule);
    else if (!(error instanceof ErrnoError)) throw error;
  }
  return [...new Set([...it.rules, ...thrown])];
}

test.each(['transmit=4', 'track,transmit=4', 'receive=8'])(
  'the driver as it is (%s) breaks none',
  (options) => {
    expect(broken({}, options)).toEqual([]);
  },
);

test.each([
  ['low-power', LOW_POWER, 1],
  ['x86-desktop', X86_DESKTOP, 1],
  ['x86-desktop', X86_DESKTOP, 2],
] as const)(
  'nor on a CPU with costs, where interrupts come in the middle of it: %s',
  (_name, profile, cpus) => {
    for (const frameNs of [0, 700, 1000, 5000, 33_000])
      expect(broken({}, 'transmit=4', { machine: { profile, cpus }, cards: [{ frameNs }] })).toEqual([]);
  },
);

test('scratch bits are noise on arrival, the originator keeps its own bits', () => {
  const seen = new Set<number>();
  const rules = broken({
    rx_down(npkt, xx) {
      seen.add(npkt.flags & _NPKT_SCRATCH_MASK);
      // The scratch bits are the holder's.
      npkt.flags ^= _NPKT_SCRATCH_MASK;
      return XX.rx_down(npkt, xx);
    },
  });
  expect(rules).toEqual([]);
  expect(seen.size).toBeGreaterThan(5);
});

let copy: io_net_self_t;

/** The driver with one thing wrong, by rule. */
const BROKEN: [rule: string, what: string, fn: Partial<TestFunctions>, options?: string][] = [
  ['S01', 'alloc before reg', { early: (ion) => void ion.alloc(64, 0) }],
  ['S01', 'mphys before reg', { early: (ion) => void ion.mphys(64) }],
  [
    'S01',
    'a copy of the table',
    {
      early: (ion) => {
        copy = { ...ion };
      },
      reap: (xx) => {
        copy.mphys(4096);
        XX.reap(xx);
      },
    },
  ],
  [
    'S02',
    'tx_done twice, the second time at once',
    {
      rx_down(npkt, xx) {
        if ((npkt.flags & _NPKT_MSG) !== 0) return XX.rx_down(npkt, xx);
        const result = XX.rx_down(npkt, xx);
        if (result !== TX_DOWN_OK) xx.ion.tx_done(xx.reg_hdl.value, npkt);
        return result;
      },
    },
  ],
  [
    'S02',
    'tx_done twice, the second time from the thread',
    {
      reap(xx) {
        const npkt = xx.tx.find((held) => held !== null) ?? null;
        XX.reap(xx);
        if (npkt !== null && !xx.tx.includes(npkt)) xx.ion.tx_done(xx.reg_hdl.value, npkt);
      },
    },
  ],
  [
    'S02',
    'no tx_done for what was sent',
    {
      reap(xx) {
        const { ion } = xx;
        (xx as { ion: io_net_self_t }).ion = { ...ion, tx_done: () => 0 };
        XX.reap(xx);
        (xx as { ion: io_net_self_t }).ion = ion;
      },
    },
  ],
  [
    'S02',
    'no tx_done for a message',
    { rx_down: (npkt, xx) => ((npkt.flags & _NPKT_MSG) !== 0 ? TX_DOWN_OK : XX.rx_down(npkt, xx)) },
    'track',
  ],
  [
    'S02',
    'TX_DOWN_FAILED without tx_done',
    { rx_down: (npkt, xx) => (xx.queueLength === xx.queueLimit ? 1 : XX.rx_down(npkt, xx)) },
  ],
  [
    'S03',
    'tx_done before the card has read the packet',
    {
      rx_down(npkt, xx) {
        const result = XX.rx_down(npkt, xx);
        const slot = xx.tx.indexOf(npkt);
        if (slot < 0) return result;
        xx.tx[slot] = null;
        xx.ion.tx_done(xx.reg_hdl.value, npkt);
        return result;
      },
    },
  ],
  ['S04', 'TX_DOWN_OK for what was not sent', { rx_down: (npkt, xx) => XX.rx_down(npkt, xx) && TX_DOWN_OK }],
  [
    'S04',
    'TX_DOWN_FAILED without _NPKT_NOT_TXED',
    {
      rx_down(npkt, xx) {
        if (xx.queueLength < xx.queueLimit) return XX.rx_down(npkt, xx);
        xx.ion.tx_done(xx.reg_hdl.value, npkt);
        return 1;
      },
    },
  ],
  [
    'S04',
    'TX_DOWN_AGAIN',
    {
      rx_down: (npkt, xx) => (xx.queueLength < xx.queueLimit ? XX.rx_down(npkt, xx) : 2),
    },
  ],
  ...shapes(),
  [
    'S06',
    'what tx_up_start returns is forgotten',
    {
      receive(xx) {
        const { recycle } = xx.fn;
        xx.fn.recycle = (npkt) => {
          xx.pool.splice(
            xx.pool.findIndex((packet) => packet.npkt === npkt),
            1,
          );
          return 0;
        };
        XX.receive(xx);
        xx.fn.recycle = recycle;
      },
    },
  ],
  [
    'S07',
    'tx_up_start with the mutex held',
    {
      receive(xx) {
        pthread_mutex_lock(xx.mutex);
        XX.receive(xx);
        pthread_mutex_unlock(xx.mutex);
      },
    },
  ],
  [
    'S07',
    'tx_done with the mutex held',
    {
      rx_down(npkt, xx) {
        if (xx.queueLength < xx.queueLimit) return XX.rx_down(npkt, xx);
        pthread_mutex_lock(xx.mutex);
        npkt.flags |= 0x8;
        xx.ion.tx_done(xx.reg_hdl.value, npkt);
        pthread_mutex_unlock(xx.mutex);
        return 1;
      },
    },
  ],
  [
    'S08',
    "the originator's bits are changed",
    {
      rx_down(npkt, xx) {
        npkt.flags |= _NPKT_ORG_MASK;
        return XX.rx_down(npkt, xx);
      },
    },
  ],
  [
    'S08',
    'org_data is changed',
    {
      rx_down(npkt, xx) {
        npkt.org_data = xx;
        return XX.rx_down(npkt, xx);
      },
    },
  ],
  [
    'S09',
    'an mbuf on the thread of the driver',
    {
      receive(xx) {
        m_freem(m_getcl(M_DONTWAIT, MT_DATA, M_PKTHDR));
        XX.receive(xx);
      },
    },
  ],
  [
    'S10',
    'frames are passed up from rx_down: no thread of its own',
    {
      receive: () => {},
      rx_down(npkt, xx) {
        XX.receive(xx);
        return XX.rx_down(npkt, xx);
      },
    },
  ],
  [
    'S11',
    'the pool is not freed',
    {
      shutdown2(xx) {
        xx.pool.length = 0;
        return XX.shutdown2(xx);
      },
    },
  ],
  ['S12', 'the advert is sent once', { advert: (xx) => (xx.pulse.value++ === 0 ? XX.advert(xx) : 0) }],
  ['S12', 'no advert at all', { advert: () => 0 }],
  [
    'S13',
    'GET_CONFIG has another address than the advert',
    {
      devctl(xx, dcmd, data, size, ret) {
        const error = XX.devctl(xx, dcmd, data, size, ret);
        if (dcmd === DCMD_IO_NET_GET_CONFIG) (data as nic_config_t).current_address[5] ^= 1;
        return error;
      },
    },
  ],
];

/** Ways in which a received packet is not what it should be. */
function shapes(): [string, string, Partial<TestFunctions>][] {
  const iov = (npkt: npkt_t) => npkt.buffers.first!.net_iov[0];
  const wrong: [string, (npkt: npkt_t) => unknown][] = [
    ['ref_cnt 0', (npkt) => Object.assign(npkt, { ref_cnt: 0 })],
    ['tot_iov 2', (npkt) => Object.assign(npkt, { tot_iov: 2 })],
    ['without _NPKT_UP', (npkt) => Object.assign(npkt, { flags: npkt.flags & ~_NPKT_UP })],
    ['framelen is not iov_len', (npkt) => Object.assign(npkt, { framelen: npkt.framelen + 4 })],
    ['two buffers', (npkt) => TAILQ_INSERT_TAIL(npkt.buffers, new net_buf_t())],
    ['two iovs', (npkt) => Object.assign(npkt.buffers.first!, { niov: 2 })],
    ['no buffer', (npkt) => TAILQ_INIT(npkt.buffers)],
    ['iov_phys is something else', (npkt) => Object.assign(iov(npkt), { iov_phys: 64 })],
  ];
  return wrong.map(([what, spoil]) => ['S05', what, { receive: (xx) => receiveSpoilt(xx, spoil) }]);
}

function receiveSpoilt(xx: xx_dev, spoil: (npkt: npkt_t) => unknown): void {
  while (xx.card.rxLength[xx.rxNext] > 0) {
    const npkt = xx_take(xx);
    if (npkt === null) continue;
    spoil(npkt);
    const back = xx.ion.tx_up_start(xx.reg_hdl.value, npkt, 0, 0, xx.cell.value, xx.endpoint.value, 0, xx);
    if (back !== null) xx.fn.recycle(back, xx, xx);
  }
}

test.each(BROKEN)('%s: %s', (rule, _what, fn, options) => {
  expect(broken(fn, options)).toEqual([rule]);
});

test('every rule S01 to S13 has its broken driver', () => {
  const rules = Array.from({ length: 13 }, (_, i) => `S${String(i + 1).padStart(2, '0')}`);
  expect([...new Set(BROKEN.map(([rule]) => rule))].sort()).toEqual(rules);
});

test('a message names the driver, the mistake, the rule and the time', () => {
  const it = new ShimHost({
    fn: {
      receive: (xx) => receiveSpoilt(xx, (npkt) => Object.assign(npkt, { ref_cnt: 3 })),
    },
  });
  it.up();
  it.card.arrive(it.frame(1));
  expect(() => it.run(1_000_000)).toThrow(
    /devn-xx\.so: tx_up_start of a packet with ref_cnt 3: 1 is wanted \(rule S05; \d+ ns, untracked thread context\)/,
  );
});
