// io-net drivers under the shim. Most of what they may do wrong the shim sees by itself: a driver has to be brought there,
// and what the shim has logged is asked for after each check.

import { DCMD_IO_NET_GET_CONFIG, DCMD_IO_NET_GET_STATS } from '../../ionet/interface.ts';
import { askAdvert } from '../../ionet/shim/advert.ts';
import { driverDevctl } from '../../ionet/shim/control.ts';
import type { ShimDevice } from '../../ionet/shim/device.ts';
import { EBUSY, EOK, ErrnoError } from '../../iopkt/errno.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  nic_config_t,
  nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../../iopkt/nic.ts';
import { SIOCADDMULTI, SIOCDELMULTI, SIOCGDRVCOM } from '../../iopkt/sockio.ts';
import { numberOf } from '../../scenario/frames.ts';
import { changes, type Rig } from '../rig.ts';
import type { Check, Trial } from '../trial.ts';

const SECOND = 1_000_000_000;
const MS = 1_000_000;
const GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03);
/** More than any ring here, and than a short queue behind it. */
const FLOOD = 80;

export const IONET_CHECKS: readonly Check[] = [
  {
    rules: ['S01', 'S02', 'S04', 'S05', 'S06', 'S07', 'S08', 'S09', 'L03', 'L04', 'N14', 'manual', 'crash'],
    bound: 'io-net',
    unloads: true,
    run: day,
  },
  { rules: ['S03'], bound: 'io-net', run: sentThenDone },
  { rules: ['P09'], bound: 'io-net', run: handedUp },
  { rules: ['S10'], bound: 'io-net', run: order },
  { rules: ['S11'], bound: 'io-net', run: destroyed },
  { rules: ['S12'], bound: 'io-net', run: adverts },
  { rules: ['S13'], bound: 'io-net', run: told },
];

/** The shim's side of the interface, without which nothing here is to be seen. */
export function shimDevice(rig: Rig): ShimDevice {
  return rig.ifp.if_softc as ShimDevice;
}

/** Everything that comes at a driver, at the wrong moments too. */
function day(trial: Trial): void {
  const rig = trial.rigUp();
  rig.mount();
  // The card hears, and nobody wants it.
  for (let i = 0; i < 6; i++) rig.deliver(rig.frameIn());
  rig.run(SECOND);
  trial.need(rig.up(), 'the link does not come up');
  traffic(rig);
  requests(rig);
  flood(rig);
  noMemory(rig);
  rig.card.setLink(false);
  rig.run(5 * SECOND);
  flood(rig);
  rig.card.setLink(true);
  rig.run(5 * SECOND);
  traffic(rig);
  rig.down();
  for (let i = 0; i < 6; i++) rig.deliver(rig.frameIn());
  rig.run(SECOND);
  rig.up();
  traffic(rig);
  for (let i = 0; i < FLOOD; i++) rig.send(rig.frameOut(1000));
  for (let i = 0; i < 6; i++) rig.deliver(rig.frameIn());
  rig.unmount();
  rig.run(SECOND);
}

function traffic(rig: Rig): void {
  for (let i = 0; i < 10; i++) {
    rig.deliver(rig.frameIn(60 + 140 * i));
    rig.send(rig.frameOut(60 + 140 * i), [14, 0, 20]);
    if (i % 3 === 0) rig.run(MS);
  }
  rig.run(SECOND);
}

function flood(rig: Rig): void {
  for (let i = 0; i < FLOOD; i++) rig.send(rig.frameOut(1000));
  rig.run(SECOND);
}

/** Packets in so many pieces that a driver copies them, and nothing to copy them to. */
function noMemory(rig: Rig): void {
  const restore = rig.failMemory();
  const cuts = Array.from({ length: 40 }, () => 14);
  for (let i = 0; i < 4; i++) rig.send(rig.frameOut(600), cuts);
  restore();
  rig.run(SECOND);
}

function requests(rig: Rig): void {
  const { io, ifp, device, machine } = rig;
  const name = ifp.if_xname;
  nicinfo(rig);
  io.ioctl(name, SIOCADDMULTI, { ifr_name: name, ifr_addr: GROUP });
  io.ioctl(name, SIOCDELMULTI, { ifr_name: name, ifr_addr: GROUP });
  machine.process(() => device.setPromiscuity(1));
  machine.process(() => device.setPromiscuity(-1));
  machine.process(() => device.setMtu(1000));
  machine.process(() => device.setMtu(1500));
  io.protocolStarts('another protocol');
}

/** What nicinfo asks. */
function nicinfo({ io, ifp }: Rig): { config: nic_config_t; stats: nic_stats_t; errors: number[] } {
  const ifdc_name = ifp.if_xname;
  const config = new nic_config_t();
  const stats = new nic_stats_t();
  const ask = (ifdc_cmd: number, ifdc_len: number, ifdc_data: object): number =>
    io.ioctl(ifdc_name, SIOCGDRVCOM, { ifdc_name, ifdc_cmd, ifdc_len, ifdc_data });
  const errors = [
    ask(DRVCOM_CONFIG, sizeof_nic_config_t, config),
    ask(DRVCOM_STATS, sizeof_nic_stats_t, stats),
  ];
  return { config, stats, errors };
}

/** A ring that is full, so that packets wait long for the card; sent-watch.ts looks at what it reads. */
function sentThenDone(trial: Trial): void {
  const rig = trial.working();
  for (let round = 0; round < 4; round++) {
    const frames: Uint8Array[] = [];
    for (let i = 0; i < 24; i++) {
      const frame = rig.frameOut(200 + 50 * i);
      frames.push(frame);
      rig.send(frame, i % 2 === 0 ? [] : [14, 60]);
    }
    rig.run(200 * MS);
    const lost = frames.filter((frame) => !rig.left(frame)).length;
    trial.need(lost === 0, `${lost} of ${frames.length} packets did not leave`);
    rig.forget();
  }
}

/** Between tx_up_start and tx_done the packet is another's: what it says, and what it holds. */
function handedUp(trial: Trial): void {
  const rig = trial.working();
  const dev = shimDevice(rig);
  const { u8 } = rig.machine.memory;
  const { listed } = dev;
  const { push, shift } = listed;
  const seen = new Map<object, string>();
  const look = (frame: NonNullable<ReturnType<typeof shift>>): string => {
    const { flags, framelen, tot_iov, ref_cnt, buffers } = frame;
    const [iov] = buffers.first?.net_iov ?? [];
    const bytes = iov === undefined ? '' : u8.subarray(iov.iov_base, iov.iov_base + framelen).join();
    return [flags, framelen, tot_iov, ref_cnt, iov?.iov_base, iov?.iov_len, bytes].join(' ');
  };
  listed.push = (frame) => {
    seen.set(frame, look(frame));
    push.call(listed, frame);
  };
  listed.shift = () => {
    const frame = shift.call(listed);
    if (frame !== null)
      trial.expect(
        look(frame) === seen.get(frame),
        'untracked thread',
        'a packet was changed after tx_up_start and before tx_done',
      );
    return frame;
  };
  for (let i = 0; i < 10; i++) {
    for (let k = 0; k <= i; k++) rig.deliver(rig.frameIn(60 + 140 * k));
    rig.run(MS);
  }
  trial.need(seen.size > 0, 'nothing is received');
}

/** An interface's frames in their order; a change of threads for each burst, which is what the shim costs. */
function order(trial: Trial): void {
  const rig = trial.working();
  const dev = shimDevice(rig);
  const { cpu } = rig.machine;
  for (let burst = 1; burst <= 16; burst++) {
    rig.forget();
    const { switches } = dev;
    const { contextSwitches } = cpu;
    for (let i = 0; i < burst; i++) rig.deliver(rig.frameIn());
    rig.run(10 * MS);
    const numbers = rig.host.received.map(numberOf);
    trial.need(numbers.length > 0, 'nothing is received');
    trial.expect(
      numbers.every((number, i) => i === 0 || number > numbers[i - 1]),
      'if_input',
      () => `frames came up in the order ${numbers.join(', ')}`,
    );
    trial.expect(
      dev.switches > switches && cpu.contextSwitches > contextSwitches,
      'if_input',
      `a burst of ${burst} frames came up without a change of threads`,
    );
  }
}

function destroyed(trial: Trial): void {
  const options = [trial.options?.replace('shimrxcopy=0', '') ?? '', 'shimrxcopy=0'];
  staysWithLoans(trial, options.filter((option) => option !== '').join(','));
  const rig = trial.rigUp({ options: options[0] === '' ? null : options[0] });
  const before = rig.census();
  for (let round = 0; round < 3; round++) {
    rig.mount();
    trial.need(rig.up(), 'the link does not come up');
    for (let i = 0; i < 6 * round; i++) {
      rig.deliver(rig.frameIn());
      rig.send(rig.frameOut(1000));
    }
    rig.run(round * 100_000);
    rig.unmount();
    const left = changes({ ...before, buffers: 0 }, { ...rig.census(), buffers: 0 }, 'more');
    trial.expect(left === '', 'destroy', `destroy left ${left}`);
  }
}

/** The stack may have the driver's buffers: no destroy, and the interface goes on. */
function staysWithLoans(trial: Trial, options: string): void {
  const rig = trial.working({ options });
  let error = EOK;
  try {
    rig.unmount();
  } catch (thrown) {
    if (!(thrown instanceof ErrnoError)) throw thrown;
    error = thrown.errno;
  }
  trial.expect(error === EBUSY, 'destroy', `with shimrxcopy=0 destroy answers ${error} and not EBUSY`);
  const problem = rig.exchange();
  trial.expect(problem === '', 'destroy', `after a destroy that was refused ${problem}`);
}

/** Asked again and again, also while traffic flows. */
function adverts(trial: Trial): void {
  const rig = trial.working();
  const dev = shimDevice(rig);
  for (let i = 0; i < 4; i++) {
    const { adverts: before } = dev;
    rig.deliver(rig.frameIn());
    rig.send(rig.frameOut());
    rig.asDriver('dl_advert', () => askAdvert(dev));
    rig.run(MS);
    trial.expect(dev.adverts > before, 'dl_advert', 'dl_advert was called, and no advert was taken');
  }
  const name = dev.advert?.dl.sdl_name;
  const { if_xname } = rig.ifp;
  trial.expect(name === if_xname, 'dl_advert', `the advert of ${if_xname} says that it is ${name}`);
  trial.needs(rig.exchange());
}

function told(trial: Trial): void {
  const rig = trial.working();
  for (let i = 0; i < 5; i++) {
    rig.deliver(rig.frameIn(60 + 200 * i));
    rig.send(rig.frameOut(60 + 200 * i));
  }
  rig.until(() => rig.held === 0, SECOND);
  rig.run(SECOND);
  const { config, stats, errors } = nicinfo(rig);
  const dev = shimDevice(rig);
  const own = { config: new nic_config_t(), stats: new nic_stats_t() };
  const asked = rig.asDriver('devctl', () => [
    driverDevctl(dev, DCMD_IO_NET_GET_CONFIG, own.config, sizeof_nic_config_t),
    driverDevctl(dev, DCMD_IO_NET_GET_STATS, own.stats, sizeof_nic_stats_t),
  ]);
  trial.need(asked[0] === EOK && asked[1] === EOK, 'it has no GET_CONFIG or GET_STATS');
  trial.expect(
    errors.join() === asked.join(),
    'devctl',
    `nicinfo gets ${errors}, and the driver answers ${asked}`,
  );
  for (const [what, shown, real] of [
    ['GET_CONFIG', config, own.config],
    ['GET_STATS', stats, own.stats],
  ] as const)
    trial.expect(
      JSON.stringify(shown) === JSON.stringify(real),
      'devctl',
      `nicinfo does not show what ${what} has`,
    );
  const address = [...rig.device.address].join();
  trial.expect(
    [...config.current_address.subarray(0, 6)].join() === address,
    'devctl',
    `GET_CONFIG has another address than the interface, ${address}`,
  );
}
