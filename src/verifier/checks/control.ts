// Requests, timers, link, media, filter: what a driver is asked and what it tells.

import { EINVAL, ENOTTY, EOK } from '../../iopkt/errno.ts';
import { LINK_STATE_DOWN, LINK_STATE_UP } from '../../iopkt/flags.ts';
import { IFM_1000_T, IFM_AUTO, IFM_ETHER, IFM_NONE } from '../../iopkt/ifmedia-words.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  nic_config_t,
  nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../../iopkt/nic.ts';
import {
  type ifmediareq,
  ifmediareq_init,
  SIOCADDMULTI,
  SIOCDELMULTI,
  SIOCGDRVCOM,
  SIOCGIFMEDIA,
  SIOCGIFMTU,
  SIOCSIFMEDIA,
} from '../../iopkt/sockio.ts';
import { NUMBERS } from '../numbers.ts';
import type { Rig } from '../rig.ts';
import type { Check, Trial } from '../trial.ts';

const SECOND = 1_000_000_000;
const GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03);
/** A request of nobody's. */
const UNKNOWN = 0x20006977;
/** kbit/s that a card may have; -1: it does not know. */
const RATES = [-1, 10_000, 100_000, 1_000_000];
/** Seconds of if_timer, and bytes of a frame without FCS, beyond which a unit was mistaken. */
const LONGEST_WATCHDOG = 60;
const FRAME_BYTES = [1514, 1518, 9014, 9018];

export const CONTROL_CHECKS: readonly Check[] = [
  { rules: ['P14'], bound: 'io-pkt', run: periodic },
  { rules: ['P15'], bound: 'io-pkt', run: link },
  { rules: ['P16'], bound: 'io-pkt', run: requests },
  { rules: ['P17'], bound: 'io-pkt', run: filter },
  { rules: ['P18'], bound: 'io-pkt', run: media },
  { rules: ['P21'], bound: 'io-pkt', run: units },
];

function periodic(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  rig.open();
  const { io } = rig;
  const armed = io.callouts.size;
  for (let second = 1; second <= NUMBERS.censuses; second++) {
    rig.run(NUMBERS.censusNs);
    trial.expect(
      io.callouts.size === armed,
      'stack',
      `${armed} callouts were armed after init, and ${io.callouts.size} are ${second} s later`,
    );
  }
  rig.down();
  trial.expect(io.callouts.size === 0, 'if_stop', `${io.callouts.size} callouts are armed after stop`);
}

function link(trial: Trial): void {
  const rig = trial.working();
  const { io, ifp, card } = rig;
  rig.run(5 * SECOND);
  for (let round = 0; round < 2; round++) {
    for (const up of [false, true]) {
      const told = io.linkMessages;
      card.setLink(up);
      rig.run(2 * NUMBERS.linkNs);
      const messages = io.linkMessages - told;
      const word = up ? 'up' : 'down';
      trial.expect(
        ifp.if_link_state === (up ? LINK_STATE_UP : LINK_STATE_DOWN),
        'link',
        `10 s after the link went ${word} the driver has not said so`,
      );
      trial.expect(messages === 1, 'link', `that the link went ${word} was reported ${messages} times`);
    }
    const problem = rig.exchange();
    trial.expect(problem === '', 'link', `after the link came back ${problem}`);
  }
}

function requests(trial: Trial): void {
  const rig = trial.working();
  const { io, ifp } = rig;
  const name = ifp.if_xname;
  const ask = (ifdc_cmd: number, ifdc_len: number, ifdc_data: object): number =>
    io.ioctl(name, SIOCGDRVCOM, { ifdc_name: name, ifdc_cmd, ifdc_len, ifdc_data });
  const kinds = [
    { what: 'DRVCOM_CONFIG', cmd: DRVCOM_CONFIG, size: sizeof_nic_config_t, make: () => new nic_config_t() },
    { what: 'DRVCOM_STATS', cmd: DRVCOM_STATS, size: sizeof_nic_stats_t, make: () => new nic_stats_t() },
  ];
  for (const { what, cmd, size, make } of kinds) {
    trial.expect(ask(cmd, size, make()) === EOK, 'if_ioctl', `${what} of the right size is refused`);
    for (const wrong of [0, 1, size - 1, size + 1, size * 2])
      trial.expect(ask(cmd, wrong, make()) === EINVAL, 'if_ioctl', `${what} of ${wrong} bytes is not EINVAL`);
  }
  const unknown = io.ioctl(name, UNKNOWN, {});
  trial.expect(unknown === ENOTTY, 'if_ioctl', `a request nobody knows answers ${unknown}, not ENOTTY`);
  const mtu = { ifr_name: name, ifr_mtu: 0 };
  const error = io.ioctl(name, SIOCGIFMTU, mtu);
  trial.expect(
    error === EOK && mtu.ifr_mtu === ifp.if_mtu,
    'if_ioctl',
    'SIOCGIFMTU is not passed on to ether_ioctl',
  );
}

function filter(trial: Trial): void {
  const rig = trial.working();
  const { io, ifp, card } = rig;
  const change = (cmd: number): void => {
    const error = io.ioctl(ifp.if_xname, cmd, { ifr_name: ifp.if_xname, ifr_addr: GROUP });
    trial.expect(error === EOK, 'if_ioctl', `a change of the group addresses answers ${error}`);
    rig.run(SECOND);
  };
  const heard = (): boolean => {
    const frame = rig.frameIn(100, GROUP);
    const { count } = rig.host;
    rig.deliver(frame);
    rig.run(NUMBERS.wakeUpNs);
    return rig.host.count > count;
  };
  trial.need(!heard(), 'the card hears groups that nobody has joined');
  change(SIOCADDMULTI);
  trial.expect(heard(), 'if_ioctl', 'a group that was joined while it runs is not heard');
  change(SIOCDELMULTI);
  trial.expect(!heard(), 'if_ioctl', 'a group that was left while it runs is still heard');
  rig.down();
  const { accesses } = card;
  change(SIOCADDMULTI);
  trial.expect(
    card.accesses === accesses,
    'if_ioctl',
    `joining a group while it does not run made ${card.accesses - accesses} register accesses`,
  );
  trial.need(rig.up(), 'the link does not come up again');
  trial.expect(heard(), 'if_init', 'a group that was joined while it was down is not heard after init');
}

function media(trial: Trial): void {
  const rig = trial.working();
  const offered = ask(rig, 0).ifm_count;
  const list = ask(rig, offered).ifm_ulist ?? [];
  trial.need(list.length > 0, 'it offers no media');
  const chosen = ask(rig, 0).ifm_current;
  const unsupported = IFM_ETHER | IFM_1000_T;
  if (!list.includes(unsupported)) {
    const error = set(rig, unsupported);
    trial.expect(error === EINVAL, 'if_ioctl', `a medium that it has not got answers ${error}, not EINVAL`);
    const { ifm_current } = ask(rig, 0);
    trial.expect(
      ifm_current === chosen,
      'if_ioctl',
      'a medium that was refused took the place of the old one',
    );
  }
  const auto = IFM_ETHER | IFM_AUTO;
  for (const word of [...list, ...(list.includes(auto) ? [auto] : [chosen])]) {
    const error = set(rig, word);
    const hex = `0x${(word >>> 0).toString(16)}`;
    trial.expect(error === EOK, 'if_ioctl', `medium ${hex}, which it offers, answers ${error}`);
    rig.run(NUMBERS.linkNs);
    if ((word & 0x1f) === IFM_NONE || rig.ifp.if_link_state !== LINK_STATE_UP) continue;
    const problem = rig.exchange();
    trial.expect(problem === '', 'if_ioctl', `with medium ${hex} the link is up, but ${problem}`);
  }
  trial.expect(
    rig.until(() => rig.ifp.if_link_state === LINK_STATE_UP, NUMBERS.bringUpNs) && rig.exchange() === '',
    'if_ioctl',
    'back at the first medium nothing passes: it wants a restart',
  );
}

function ask(rig: Rig, room: number): ifmediareq {
  const { ifp, io } = rig;
  const request = ifmediareq_init(ifp.if_xname, room);
  io.ioctl(ifp.if_xname, SIOCGIFMEDIA, request);
  return request;
}

function set(rig: Rig, word: number): number {
  const { ifp, io } = rig;
  return io.ioctl(ifp.if_xname, SIOCSIFMEDIA, { ifr_name: ifp.if_xname, ifr_media: word });
}

function units(trial: Trial): void {
  const rig = trial.working();
  const { io, ifp } = rig;
  // By now it knows its rate.
  rig.run(NUMBERS.linkNs);
  const ifdc_data = new nic_config_t();
  const request = {
    ifdc_name: ifp.if_xname,
    ifdc_cmd: DRVCOM_CONFIG,
    ifdc_len: sizeof_nic_config_t,
    ifdc_data,
  };
  trial.need(io.ioctl(ifp.if_xname, SIOCGDRVCOM, request) === EOK, 'it does not tell its configuration');
  const { media_rate, mtu, mru } = ifdc_data;
  trial.expect(RATES.includes(media_rate), 'if_ioctl', `media_rate ${media_rate} is no rate in kbit/s`);
  for (const [name, bytes] of [
    ['mtu', mtu],
    ['mru', mru],
  ] as const)
    trial.expect(FRAME_BYTES.includes(bytes), 'if_ioctl', `${name} ${bytes} is no frame with its header`);
  trial.expect(ifp.if_mtu === 1500, 'attach', `if_mtu ${ifp.if_mtu} is not 1500: it is without the header`);
  for (let i = 0; i < 3; i++) rig.send(rig.frameOut());
  trial.expect(
    ifp.if_timer >= 0 && ifp.if_timer <= LONGEST_WATCHDOG,
    'start()',
    `if_timer ${ifp.if_timer}: it counts seconds`,
  );
}
