// A driver's ordinary day: everything that comes at it, without tricks. The interface watches by itself what contexts may
// do, which locks are held and what detach leaves; it only has to be brought there.

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
} from '../../iopkt/sockio.ts';
import type { Rig } from '../rig.ts';
import type { Check, Trial } from '../trial.ts';

const SECOND = 1_000_000_000;
const FRAMES = 8;
const GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03);

export const ORDINARY_CHECKS: readonly Check[] = [
  { rules: ['P04', 'N14', 'L01', 'L02', 'L03', 'L04', 'L05', 'manual', 'crash'], bound: 'io-pkt', run: day },
  { rules: ['N06', 'crash'], bound: 'core', run: coreDay },
];

function day(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  trial.need(rig.up(), 'the link does not come up');
  traffic(rig);
  requests(rig);
  traffic(rig);
  coreRest(rig);
}

function coreDay(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  trial.need(rig.up(), 'the link does not come up');
  traffic(rig);
  coreRest(rig);
}

/** The link goes and comes, the interface goes down and up, the driver goes. */
function coreRest(rig: Rig): void {
  rig.card.setLink(false);
  rig.run(5 * SECOND);
  rig.card.setLink(true);
  rig.run(5 * SECOND);
  traffic(rig);
  rig.down();
  rig.up();
  traffic(rig);
  rig.down();
  rig.unmount();
}

function traffic(rig: Rig): void {
  for (let i = 0; i < FRAMES; i++) {
    rig.deliver(rig.frameIn(60 + 150 * i));
    rig.send(rig.frameOut(60 + 150 * i));
  }
  rig.run(5 * SECOND);
}

function requests(rig: Rig): void {
  const { io, ifp, device, machine } = rig;
  const name = ifp.if_xname;
  const drvcom = { ifdc_name: name, ifdc_cmd: DRVCOM_CONFIG, ifdc_len: 0, ifdc_data: {} };
  io.ioctl(name, SIOCGDRVCOM, { ...drvcom, ifdc_len: sizeof_nic_config_t, ifdc_data: new nic_config_t() });
  const stats = { ifdc_cmd: DRVCOM_STATS, ifdc_len: sizeof_nic_stats_t, ifdc_data: new nic_stats_t() };
  io.ioctl(name, SIOCGDRVCOM, { ...drvcom, ...stats });
  io.ioctl(name, SIOCGIFMEDIA, ifmediareq_init(name, 0));
  io.ioctl(name, SIOCADDMULTI, { ifr_name: name, ifr_addr: GROUP });
  io.ioctl(name, SIOCDELMULTI, { ifr_name: name, ifr_addr: GROUP });
  machine.process(() => device.setPromiscuity(1));
  machine.process(() => device.setPromiscuity(-1));
  machine.process(() => device.setMtu(1000));
  machine.process(() => device.setMtu(1500));
  io.protocolStarts('another protocol');
}
