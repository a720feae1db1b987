// The driver of testing-driver.ts with one thing wrong, for each rule S01 to S13: what io-net took and the shim does not. Used
// by strictness.test.ts here and by the driver verifier, which both say that it trips its rule and no other.

import { M_DONTWAIT, MT_DATA, m_freem, m_getcl } from '../iopkt/mbuf.ts';
import { M_PKTHDR } from '../mbuf/mbuf.ts';
import { DCMD_IO_NET_GET_CONFIG, type io_net_self_t, TX_DOWN_OK } from './interface.ts';
import { pthread_mutex_lock, pthread_mutex_unlock } from './neutrino.ts';
import {
  _NPKT_MSG,
  _NPKT_ORG_MASK,
  _NPKT_UP,
  net_buf_t,
  type npkt_t,
  TAILQ_INIT,
  TAILQ_INSERT_TAIL,
} from './npkt.ts';
import type { nic_config_t } from './shared.ts';
import { XX } from './testing-driver.ts';
import { xx_take } from './testing-driver-receive.ts';
import type { TestFunctions, xx_dev } from './testing-driver-state.ts';

export interface BrokenFunctions {
  readonly rule: string;
  readonly what: string;
  readonly fn: Partial<TestFunctions>;
  /** Of the driver, with which it gets to the point: a short queue. */
  readonly options: string;
}

let copy: io_net_self_t;

const table: [rule: string, what: string, fn: Partial<TestFunctions>, options?: string][] = [
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

export const BROKEN_IONET: readonly BrokenFunctions[] = table.map(([rule, what, fn, options]) => ({
  rule,
  what,
  fn,
  options: options ?? 'transmit=4',
}));

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

/** receive, with each packet spoilt before it goes up. */
export function receiveSpoilt(xx: xx_dev, spoil: (npkt: npkt_t) => unknown): void {
  receiveOneByOne(xx, spoil, () => {});
}

/** receive without lists; each packet meets `before` and `after` going up. */
export function receiveOneByOne(
  xx: xx_dev,
  before: (npkt: npkt_t) => unknown,
  after: (npkt: npkt_t) => unknown,
): void {
  while (xx.card.rxLength[xx.rxNext] > 0) {
    const npkt = xx_take(xx);
    if (npkt === null) continue;
    before(npkt);
    const back = xx.ion.tx_up_start(xx.reg_hdl.value, npkt, 0, 0, xx.cell.value, xx.endpoint.value, 0, xx);
    if (back === null) after(npkt);
    else xx.fn.recycle(back, xx, xx);
  }
}
