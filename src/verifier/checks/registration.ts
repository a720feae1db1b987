// What a driver meets that it may not have thought of: to be used while it is being registered, requests that take long, and
// frames that do not end.

import { ErrnoError } from '../../iopkt/errno.ts';
import {
  _iopkt_inter,
  IRUPT_PRIO_DEFAULT,
  interrupt_entry_init,
  interrupt_queue,
} from '../../iopkt/interrupt.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  nic_config_t,
  nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../../iopkt/nic.ts';
import {
  ifmediareq_init,
  SIOCADDMULTI,
  SIOCDELMULTI,
  SIOCGDRVCOM,
  SIOCGIFMEDIA,
  SIOCSIFMEDIA,
} from '../../iopkt/sockio.ts';
import { NUMBERS } from '../numbers.ts';
import type { Rig } from '../rig.ts';
import { type Check, judge, type Trial } from '../trial.ts';

const GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03);

export const REGISTRATION_CHECKS: readonly Check[] = [
  { rules: ['N13'], bound: 'any', run: usedAtOnce },
  { rules: ['N17'], bound: 'io-pkt', run: endless },
  { rules: ['F08'], bound: 'loaded', run: inTime },
];

/** Opened, sent to and asked from inside of its registration: nothing says that this waits for the end of attach. */
function usedAtOnce(trial: Trial): void {
  const rig = trial.rigUp();
  const { layer, machine } = rig;
  const { register } = layer;
  let used = false;
  layer.register = (device) => {
    register.call(layer, device);
    if (used) return;
    used = true;
    try {
      machine.process(() => device.open());
      rig.send(rig.frameOut());
      if (rig.ioOrNull !== null) rig.io.ioctl(device.name, SIOCGIFMEDIA, ifmediareq_init(device.name, 0));
    } catch (error) {
      // What has a rule of its own is that.
      if (judge(error).rule !== 'crash') throw error;
      trial.fail(
        'registration',
        `used from inside of its registration it fails: ${(error as Error).message}`,
      );
    }
  };
  try {
    rig.mount();
  } finally {
    layer.register = register;
  }
  trial.need(used, 'it registers no device');
  const problem = rig.until(() => rig.linked, NUMBERS.bringUpNs) ? rig.exchange() : 'there is no link';
  trial.expect(problem === '', 'registration', `opened from inside of its registration, and now ${problem}`);
}

/** For each packet that it passes up another one arrives: a second source must have its turn all the same. */
function endless(trial: Trial): void {
  const rig = trial.working();
  const { io, ifp } = rig;
  const neighbour = new _iopkt_inter<null>();
  let served = false;
  neighbour.func = () => {
    served = true;
    return 1;
  };
  neighbour.enable = () => 1;
  rig.asDriver('a neighbour', () => interrupt_entry_init(neighbour, 0, null, IRUPT_PRIO_DEFAULT));
  const { if_input } = ifp;
  let count = 0;
  ifp.if_input = (to, m) => {
    if (count === 0) interrupt_queue(io, neighbour);
    if (!served && count++ < NUMBERS.starved) rig.deliver(rig.frameIn());
    if_input(to, m);
  };
  rig.deliver(rig.frameIn());
  rig.run(NUMBERS.wakeUpNs);
  ifp.if_input = if_input;
  trial.need(count > 0, 'nothing is received');
  trial.expect(
    served && count < NUMBERS.starved,
    'process_interrupt',
    `${count} packets were passed up, and the source next to it did not have its turn`,
  );
}

/** Here a request that has returned is completed; how long it took is to be seen. */
function inTime(trial: Trial): void {
  const rig = trial.working();
  const { io, ifp } = rig;
  const { cpu } = rig.machine;
  const name = ifp.if_xname;
  const drvcom = { ifdc_name: name, ifdc_cmd: DRVCOM_CONFIG, ifdc_len: 0, ifdc_data: {} };
  const config = { ...drvcom, ifdc_len: sizeof_nic_config_t, ifdc_data: new nic_config_t() };
  const stats = { ifdc_cmd: DRVCOM_STATS, ifdc_len: sizeof_nic_stats_t, ifdc_data: new nic_stats_t() };
  const media = ifmediareq_init(name, 0);
  const requests: [what: string, make: () => unknown][] = [
    ['DRVCOM_CONFIG', () => io.ioctl(name, SIOCGDRVCOM, config)],
    ['DRVCOM_STATS', () => io.ioctl(name, SIOCGDRVCOM, { ...drvcom, ...stats })],
    ['SIOCGIFMEDIA', () => io.ioctl(name, SIOCGIFMEDIA, media)],
    ['SIOCSIFMEDIA', () => io.ioctl(name, SIOCSIFMEDIA, { ifr_name: name, ifr_media: media.ifm_current })],
    ['SIOCADDMULTI', () => io.ioctl(name, SIOCADDMULTI, { ifr_name: name, ifr_addr: GROUP })],
    ['SIOCDELMULTI', () => io.ioctl(name, SIOCDELMULTI, { ifr_name: name, ifr_addr: GROUP })],
    ['promiscuous mode', () => promiscuous(rig)],
    ['another if_init', () => io.protocolStarts('another protocol')],
  ];
  for (const [what, make] of requests) {
    const from = cpu.now();
    const error = make();
    const took = cpu.now() - from;
    trial.expect(took <= NUMBERS.requestNs, 'if_ioctl', `${what} took ${took} ns`);
    if (error instanceof ErrnoError) throw error;
    rig.run(NUMBERS.wakeUpNs);
  }
}

function promiscuous({ machine, device }: Rig): void {
  machine.process(() => device.setPromiscuity(1));
  machine.process(() => device.setPromiscuity(-1));
}
