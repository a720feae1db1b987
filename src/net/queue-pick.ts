// Which of a device's transmit queues a packet goes to (netdev_pick_tx): the driver's choice, else one of those of the sender's CPU
// (XPS), else by the receive queue it came from or its flow, so that a flow stays in order (skb_tx_hash). With traffic classes
// (mqprio) within the queues of the packet's class. The kernel's documentation: networking/scaling, "XPS: Transmit Packet Steering".

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { flowHash } from './flow-hash.ts';
import type { TxQueue } from './tx-queue.ts';

/** Any number will do, so long as it stays. */
const SEED = 0x5eed;

/** Sets `m.queue`. */
export function pickQueue(device: NetDevice, m: Mbuf): TxQueue {
  const { txQueues, ops } = device;
  let queue = ops.selectQueue?.(m) ?? -1;
  if (queue < 0 || queue >= txQueues.length) queue = byCpuOrFlow(device, m);
  m.queue = queue;
  return txQueues[queue];
}

function byCpuOrFlow(device: NetDevice, m: Mbuf): number {
  const { tcToQueues, txQueues } = device;
  if (tcToQueues.length > 0) {
    const { offset, count } = tcToQueues[device.prioToTc[m.priority & 15]] ?? tcToQueues[0];
    return offset + spread(device, m, offset, count);
  }
  const own = device.xps[device.layer.machine.cpu.index];
  if (own !== undefined && own.length > 0) {
    const queue = own[own.length === 1 ? 0 : spread(device, m, 0, own.length)];
    if (queue >= 0 && queue < txQueues.length) return queue;
  }
  return spread(device, m, 0, txQueues.length);
}

/** 0 to `count` - 1. */
function spread(device: NetDevice, m: Mbuf, offset: number, count: number): number {
  if (count === 1) return 0;
  if (m.rxQueue > 0) return (m.rxQueue > offset ? m.rxQueue - 1 - offset : m.rxQueue - 1) % count;
  const hash = flowHash(device.layer.machine.memory.u8, m, SEED);
  return ((hash >>> 16) * count) >>> 16;
}
