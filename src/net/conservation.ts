// Nothing vanishes: the two sums that hold for a device whenever nobody is inside its code, and what they say when they
// do not.
//
//   in    received         = delivered + dropped on the receive side + taken by tc     (the backlog is not counted yet)
//   out   offered + copied = sent + dropped on the transmit side + taken by tc + queued + held by the driver

import type { NetDevice } from './device.ts';
import { DROP_REASONS } from './drop-reason.ts';

export interface Conservation {
  received: number;
  delivered: number;
  receiveDrops: number;
  /** Packets in that are neither delivered nor dropped: 0. */
  missingIn: number;
  offered: number;
  sent: number;
  transmitDrops: number;
  queued: number;
  /** As the driver says; null when it does not: then what is missing on the way out may be in its ring. */
  held: number | null;
  /** Packets out that are nowhere: 0. */
  missingOut: number;
  balanced: boolean;
  /** What is missing or too many, as a sentence; empty when both sums hold. */
  text: string;
}

/** Adds up the packets of a device. */
export function conservation(device: NetDevice): Conservation {
  const receiveDrops = dropsOf(device, 'receive');
  const transmitDrops = dropsOf(device, 'transmit');
  const { queued, delivered, offered } = device;
  const held = device.ops.held?.() ?? null;
  const missingIn = device.rx.packets - delivered - receiveDrops - device.stolenIn;
  const missingOut =
    offered + device.copied - device.tx.packets - transmitDrops - device.stolenOut - queued - (held ?? 0);
  const text = [
    sentence(device.name, missingIn, 'received', 'delivered nor dropped'),
    held === null && missingOut > 0
      ? ''
      : sentence(
          device.name,
          missingOut,
          'offered for sending',
          'sent, dropped, queued nor held by the driver',
        ),
  ]
    .filter((part) => part !== '')
    .join(' ');
  return {
    received: device.rx.packets,
    delivered,
    receiveDrops,
    missingIn,
    offered,
    sent: device.tx.packets,
    transmitDrops,
    queued,
    held,
    missingOut,
    balanced: text === '',
    text,
  };
}

/** Packets the device dropped on one side, for any reason. */
export function dropsOf(device: NetDevice, side: 'receive' | 'transmit'): number {
  return DROP_REASONS.reduce(
    (sum, reason, number) => sum + (reason.side === side ? device.drops[number] : 0),
    0,
  );
}

function sentence(name: string, missing: number, came: string, went: string): string {
  if (missing === 0) return '';
  const packets = Math.abs(missing) === 1 ? 'packet' : 'packets';
  if (missing < 0) return `${name}: ${-missing} ${packets} more accounted for than ${came}.`;
  return `${name}: ${missing} ${packets} ${came}, neither ${went}.`;
}
