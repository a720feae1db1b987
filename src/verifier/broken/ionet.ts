// Drivers for io-net that break rules: those of the io-net tests, one thing wrong each that the shim refuses, and some that
// break what binds other drivers too.

import { DCMD_IO_NET_PROMISCUOUS } from '../../ionet/interface.ts';
import { delay, pthread_create } from '../../ionet/neutrino.ts';
import { BROKEN_IONET, receiveOneByOne } from '../../ionet/testing-broken.ts';
import { XX } from '../../ionet/testing-driver.ts';
import type { TestFunctions } from '../../ionet/testing-driver-state.ts';
import { BLOCK, type ThreadBody } from '../../kernel/thread.ts';
import { xxIonetSubject } from '../ionet-subjects.ts';
import type { BrokenDriver } from './broken.ts';

function brokenIonet(
  rule: string,
  what: string,
  fn: Partial<TestFunctions>,
  options: string | null = null,
): BrokenDriver {
  return { rule, what, subject: xxIonetSubject(fn, `broken-${rule}`, [options]) };
}

function* sleeper(): ThreadBody {
  yield BLOCK;
}

export const BROKEN_SHIMMED: readonly BrokenDriver[] = [
  ...BROKEN_IONET.map(({ rule, what, fn, options }) => brokenIonet(rule, what, fn, options)),
  brokenIonet('N09', 'takes back what was sent when it has more to send', {
    reap() {},
    rx_down(npkt, xx) {
      XX.reap(xx);
      return XX.rx_down(npkt, xx);
    },
    flush(xx) {
      const result = XX.flush(xx);
      delay(100);
      XX.reap(xx);
      return result;
    },
  }),
  brokenIonet('N12', 'the card is halted by shutdown2, and runs on', {
    shutdown2(xx) {
      const result = XX.shutdown2(xx);
      xx.card.running = true;
      xx.card.rxLength.fill(0);
      return result;
    },
  }),
  brokenIonet('F02', 'shutdown2 leaves a thread', {
    shutdown2(xx) {
      pthread_create(null, { name: 'statistics' }, sleeper, null);
      return XX.shutdown2(xx);
    },
  }),
  brokenIonet('F08', 'waits for promiscuous mode', {
    devctl(xx, dcmd, data, size, ret) {
      if (dcmd === DCMD_IO_NET_PROMISCUOUS) delay(6000);
      return XX.devctl(xx, dcmd, data, size, ret);
    },
  }),
  brokenIonet('P09', 'takes the FCS off a packet that it has passed up', {
    receive: (xx) =>
      receiveOneByOne(
        xx,
        () => {},
        (npkt) => {
          npkt.framelen -= 4;
        },
      ),
  }),
];
