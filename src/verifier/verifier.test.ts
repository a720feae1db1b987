// The contract of drivers: every driver of the tree keeps every rule. That the rules bite is shown in broken.test.ts, and for
// the drivers on chips of ours here.

import { describe, expect, test } from 'vitest';
import { DCMD_IO_NET_GET_CONFIG, DCMD_IO_NET_PROMISCUOUS, TX_DOWN_OK } from '../ionet/interface.ts';
import { delay } from '../ionet/neutrino.ts';
import { _NPKT_MSG, type npkt_t } from '../ionet/npkt.ts';
import type { nic_config_t } from '../ionet/shared.ts';
import type { ShimDevice } from '../ionet/shim/device.ts';
import { IFF_RUNNING } from '../iopkt/flags.ts';
import type { ifnet } from '../iopkt/ifnet.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import { shimDevice } from './checks/ionet.ts';
import { formatFinding } from './finding.ts';
import type { Rig, RigOptions } from './rig.ts';
import type { Kind } from './rules.ts';
import { verify } from './run.ts';
import { SUBJECTS } from './subjects.ts';
import { coreSubject } from './testing-core.ts';

const SEED = Number(process.env.SOFTNET_SEED ?? 1);

describe('every driver of the tree keeps every rule', () => {
  test.each([...SUBJECTS, coreSubject()].map((subject) => [subject.driver, subject.chip, subject] as const))(
    '%s on %s',
    (...row) => {
      const verdict = verify(row[2], { seed: SEED });
      expect(verdict.findings.map(formatFinding).join('\n')).toBe('');
      const missed = verdict.results.filter(({ outcome }) => outcome !== 'pass');
      expect(missed.map(({ rule, detail }) => `${rule}: ${detail}`)).toEqual([]);
    },
  );
});

describe('what is broken on a chip of ours is seen there too', () => {
  const tampers: [rule: string, (rig: Rig) => void][] = [
    ['I06', ({ source }) => void Object.assign(source.inter, { enable: () => 1 })],
    ['P19', ({ io }) => void Object.assign(io.hooks[0], { func: () => {} })],
    ['N12', ({ ifp }) => void Object.assign(ifp, { if_stop: () => clearRunning(ifp) })],
    ['P05', ({ ifp }) => void Object.assign(ifp, { if_start: startUnlessStopped(ifp) })],
    ['P08', ({ ifp }) => void Object.assign(ifp, { if_input: longer(ifp.if_input) })],
    ['P14', ({ ifp, io }) => void Object.assign(ifp, { if_init: disarming(io, ifp.if_init!) })],
  ];
  test.each(tampers)('%s', (rule, tamper) => expectSeen('io-pkt', rule, tamper));

  const shimmed: [rule: string, (rig: Rig) => void][] = [
    ['S03', (rig) => doneAtOnce(shimDevice(rig))],
    ['S05', (rig) => goingUp(shimDevice(rig), (npkt) => void npkt.ref_cnt--)],
    ['S12', (rig) => void Object.assign(shimDevice(rig).registrant.funcs, { dl_advert: () => 0 })],
    ['S13', (rig) => otherAddress(shimDevice(rig))],
    ['P09', (rig) => goneUp(shimDevice(rig), (npkt) => void npkt.framelen--)],
    ['F08', (rig) => slowly(shimDevice(rig))],
  ];
  test.each(shimmed)('under the shim: %s', (rule, tamper) => expectSeen('io-net', rule, tamper));
});

/** The drivers of a kind on chips of ours, tampered with when they are loaded, break this rule and no other. */
function expectSeen(kind: Kind, rule: string, tamper: (rig: Rig) => void): void {
  for (const subject of SUBJECTS.filter((each) => each.kind === kind && each.chip !== 'made-up')) {
    const open = (options: RigOptions): Rig => {
      const rig = subject.open(options);
      const mount = rig.mount.bind(rig);
      rig.mount = (text) => {
        if (text === undefined) mount();
        else mount(text);
        tamper(rig);
      };
      return rig;
    };
    const { findings } = verify({ ...subject, open }, { seed: SEED, rule });
    const found = findings.map((finding) => finding.rule);
    expect(found, `${subject.driver} on ${subject.chip}`).toEqual([rule]);
  }
}

// ---- io-net drivers

/** tx_done as soon as the driver has taken a packet, and not when its card has. */
function doneAtOnce({ dll, reg_hdl, registrant }: ShimDevice): void {
  const { funcs } = registrant;
  const { rx_down } = funcs;
  const { ion } = dll;
  const { tx_done } = ion;
  const done = new Set<npkt_t>();
  ion.tx_done = (hdl, npkt) => (done.delete(npkt) ? 0 : tx_done(hdl, npkt));
  funcs.rx_down = (npkt, hdl) => {
    const result = rx_down!(npkt, hdl);
    if (result !== TX_DOWN_OK || (npkt.flags & _NPKT_MSG) !== 0) return result;
    ion.tx_done(reg_hdl, npkt);
    done.add(npkt);
    return result;
  };
}

function goingUp({ dll: { ion } }: ShimDevice, spoil: (npkt: npkt_t) => void): void {
  const { tx_up_start } = ion;
  ion.tx_up_start = (hdl, npkt, ...rest) => {
    if ((npkt.flags & _NPKT_MSG) === 0) spoil(npkt);
    return tx_up_start(hdl, npkt, ...rest);
  };
}

function goneUp({ dll: { ion } }: ShimDevice, spoil: (npkt: npkt_t) => void): void {
  const { tx_up_start } = ion;
  ion.tx_up_start = (hdl, npkt, ...rest) => {
    const back = tx_up_start(hdl, npkt, ...rest);
    if ((npkt.flags & _NPKT_MSG) === 0) spoil(npkt);
    return back;
  };
}

function otherAddress({ registrant: { funcs } }: ShimDevice): void {
  const { devctl } = funcs;
  funcs.devctl = (hdl, dcmd, data, size, ret) => {
    const error = devctl!(hdl, dcmd, data, size, ret);
    if (dcmd === DCMD_IO_NET_GET_CONFIG) (data as nic_config_t).current_address[5] ^= 1;
    return error;
  };
}

function slowly({ registrant: { funcs } }: ShimDevice): void {
  const { devctl } = funcs;
  funcs.devctl = (hdl, dcmd, data, size, ret) => {
    if (dcmd === DCMD_IO_NET_PROMISCUOUS) delay(6000);
    return devctl!(hdl, dcmd, data, size, ret);
  };
}

// ---- native drivers

function clearRunning(ifp: ifnet): void {
  ifp.if_flags &= ~IFF_RUNNING;
  ifp.if_flags_tx &= ~IFF_RUNNING;
}

function startUnlessStopped({ if_start }: ifnet): (ifp: ifnet) => void {
  return (ifp) => {
    if ((ifp.if_flags_tx & IFF_RUNNING) !== 0) if_start!(ifp);
  };
}

function longer(input: ifnet['if_input']): ifnet['if_input'] {
  return (ifp, m) => {
    m.length = m.packetLength += 4;
    input(ifp, m);
  };
}

function disarming(io: IoPkt, init: (ifp: ifnet) => number): (ifp: ifnet) => number {
  return (ifp) => {
    const error = init(ifp);
    // The periodic callout runs out, and is not armed again.
    for (const each of io.callouts) each.c_func = () => {};
    return error;
  };
}
