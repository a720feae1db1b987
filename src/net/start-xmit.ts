// A packet to the driver (dev_hard_start_xmit): as segments, in one piece and checksummed where the device wants that, shown to the
// taps, under the queue's lock.

import { TP_NET_DEV_START_XMIT, TP_NET_DEV_XMIT } from '../kernel/trace.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { DROP_NO_CARRIER, DROP_QUEUE_STOPPED } from './drop-reason.ts';
import type { QdiscStats } from './qdisc.ts';
import type { TxQueue } from './tx-queue.ts';

/**
 * Hands a packet to the driver, as segments if it must be: what the driver was too busy for is still the caller's, a list
 * linked by nextPacket; null: nothing. `stats` counts what it took.
 */
export function hardStartXmit(
  device: NetDevice,
  m: Mbuf,
  queue: TxQueue,
  stats: QdiscStats | null,
): Mbuf | null {
  const { layer } = device;
  const { cpu } = layer.machine;
  // Null, out of buffers: counted and gone, so not busy.
  let ready = layer.makeSendable(m, device);
  const more = device.xmitMore;
  while (ready !== null) {
    const rest: Mbuf | null = ready.nextPacket;
    ready.nextPacket = null;
    const bytes = ready.packetLength;
    device.xmitMore = rest === null ? more : queue.hasRoomAfter(ready);
    queue.acquire(cpu);
    const taken = startOne(device, ready, bytes, queue);
    queue.release(cpu);
    if (!taken) {
      queue.busies++;
      device.xmitMore = false;
      ready.nextPacket = rest;
      return ready;
    }
    if (stats !== null) {
      stats.packets++;
      stats.bytes += bytes;
    }
    if (rest !== null && queue.stopped) {
      device.xmitMore = false;
      return rest;
    }
    ready = rest;
  }
  return null;
}

function startOne(device: NetDevice, m: Mbuf, length: number, queue: TxQueue): boolean {
  const { layer } = device;
  const { cpu } = layer.machine;
  if (layer.packetTypes.taps.length > 0) layer.showTaps(m, device, true);
  if (cpu.trace.on)
    cpu.trace.emit(TP_NET_DEV_START_XMIT, cpu.now(), cpu.traceSource, device.traceName, length);
  const taken = device.ops.startXmit!(m, queue.index);
  if (cpu.trace.on)
    cpu.trace.emit(TP_NET_DEV_XMIT, cpu.now(), cpu.traceSource, device.traceName, length, taken ? 0 : 16);
  if (taken) queue.touch();
  return taken;
}

/** A device without a discipline: to the driver or dropped, nothing waits. Takes the packet. */
export function xmitStraight(device: NetDevice, m: Mbuf, queue: TxQueue): void {
  const { cpu, cpus } = device.layer.machine;
  if (cpus.length > 1) cpu.charge(cpu.profile.layer);
  if (!device.canTransmit) device.drop(m, DROP_NO_CARRIER);
  else if (queue.stopped || device.ops.start !== undefined) device.drop(m, DROP_QUEUE_STOPPED);
  else {
    let rest = hardStartXmit(device, m, queue, null);
    while (rest !== null) {
      const next: Mbuf | null = rest.nextPacket;
      rest.nextPacket = null;
      device.drop(rest, DROP_QUEUE_STOPPED);
      rest = next;
    }
  }
}
