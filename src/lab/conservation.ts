// Nothing vanishes: every place that takes frames must say where they went, and neighbouring places must agree. The sums,
// place by place:
//
//   wire        frames + copies = delivered + under way + drops
//   card in     from the wire + looped = to the driver + drops
//   card out    taken = sent + errors (+ the one being sent)
//   driver      from the card, whole or in part = to the device layer + bad + without buffer + on the shim's list + still in the ring or backlog
//   device in   packets = delivered to protocols + drops + taken by tc
//   device out  offered + copies = sent + drops + taken by tc + queued + with the driver
//   protocols   received + originated = transmitted + consumed + drops + held
//
// What a place cannot account for is named; a correct lab names nothing.

import { conservation, dropsOf } from '../net/conservation.ts';
import type { CardBooks } from './card-books.ts';
import type { LabHost, LabNic } from './hosts.ts';
import type { Lab } from './lab.ts';
import { reportWire, unaccountedOn } from './wire-report.ts';
import type { Wire } from './wires.ts';

export interface Conservation {
  /** Frames and packets that were followed, each place counted. */
  accounted: number;
  /** What is missing, place by place; empty when nothing vanished. */
  vanished: { where: string; frames: number }[];
}

export function addUp(lab: Lab): Conservation {
  const sums: Conservation = { accounted: 0, vanished: [] };
  const check = (where: string, taken: number, difference: number): void => {
    sums.accounted += taken;
    if (difference !== 0) sums.vanished.push({ where, frames: difference });
  };
  for (const wire of lab.wires.all) {
    let taken = 0;
    for (const direction of Object.values(wire.device.report().directions))
      taken += direction.frames + direction.copies;
    check(wire.name, taken, unaccountedOn(wire));
    checkPlugs(lab, wire, check);
  }
  for (const host of lab.hosts) {
    for (const nic of host.nics) checkNic(host, nic, check);
    for (const device of host.ifbs) {
      const { offered, missingIn, missingOut } = conservation(device);
      check(`${host.spec.name}.${device.name}`, offered, Math.abs(missingIn) + Math.abs(missingOut));
    }
    const balance = host.stack.balance();
    check(`${host.spec.name} protocols`, balance.received + balance.originated, balance.missing);
  }
  for (const { spec, nics } of lab.guests) {
    for (const nic of nics) checkCard(`${spec.name}.${nic.spec.name}`, nic.card, check);
  }
  for (const port of lab.outside) {
    const { taken, missing } = port.account();
    check(port.name, taken, missing);
  }
  return sums;
}

/** What a cable delivers is what the card at its end received. */
function checkPlugs(lab: Lab, wire: Wire, check: Check): void {
  const { kind, directions } = reportWire(wire, 0);
  if (kind !== 'link' && kind !== 'half-duplex' && kind !== 'negotiated') return;
  for (const [name, direction] of Object.entries(directions)) {
    const end = name.slice(name.indexOf('>') + 1);
    const card = lab.findCard(end);
    if (card !== null) check(`${wire.name} to ${end}`, 0, direction.delivered - card.received());
  }
}

type Check = (where: string, taken: number, difference: number) => void;

function checkNic(host: LabHost, nic: LabNic, check: Check): void {
  const where = `${host.spec.name}.${nic.spec.name}`;
  checkCard(where, nic.card, check);
  // First: a driver may take back what was sent when it is asked for its counters.
  checkDriver(where, host, nic, check);
  let offered = 0;
  let out = nic.heldByDriver();
  for (const device of nic.devices) {
    const { rx, tx } = device;
    const { delivered, stolenIn } = device;
    check(
      `${where} device receive`,
      rx.packets,
      rx.packets - delivered - stolenIn - dropsOf(device, 'receive'),
    );
    offered += device.offered + device.copied;
    out += tx.packets + dropsOf(device, 'transmit') + device.stolenOut + device.queued;
  }
  check(`${where} device transmit`, offered, offered - out);
}

function checkCard(where: string, card: CardBooks, check: Check): void {
  for (const { place, taken, missing } of card.sums()) check(`${where} ${place}`, taken, missing);
}

/**
 * What the card delivered is at the device, was bad, or waits in the ring or the backlog. A card that keeps no books is
 * believed.
 */
function checkDriver(where: string, host: LabHost, nic: LabNic, check: Check): void {
  // Asking takes time on a machine with costs, and frames come meanwhile: asked first, read then.
  const stats = nic.driverStats();
  const kept = nic.keptByCard();
  const given = nic.card.delivered();
  if (given === null) return;
  // Frames that the card kept, for want of a descriptor, say, are errors too.
  let taken = (stats.rx_flushed ?? 0) + (stats.rx_listed ?? 0) - kept;
  for (const { rx, injected } of nic.devices) taken += rx.packets - injected + rx.errors;
  const waiting = given - taken;
  const room =
    nic.ringSize + host.layer.softnet.perCpu.reduce((total, data) => total + data.backlogLength, 0);
  check(`${where} driver receive`, given, waiting < 0 ? waiting : Math.max(0, waiting - room));
}
