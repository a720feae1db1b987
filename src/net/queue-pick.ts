// Which of a device's transmit queues a packet goes to (netdev_pick_tx): the driver's choice, else the one of the sender's CPU
// (XPS), else by flow, so that a flow stays in order (skb_tx_hash). With traffic classes (mqprio) within the queues of the
// packet's class. The kernel's documentation: networking/scaling, "XPS: Transmit Packet Steering".

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
  const { machine } = device.layer;
  const { tcToQueues } = device;
  let offset = 0;
  let count = device.txQueues.length;
  if (tcToQueues.length > 0) {
    const range = tcToQueues[device.prioToTc[m.priority & 15]] ?? tcToQueues[0];
    offset = range.offset;
    count = range.count;
  } else {
    const own = device.xps[machine.cpu.index];
    if (own !== undefined && own >= 0) return own % count;
  }
  if (count === 1) return offset;
  const hash = flowHash(machine.memory.u8, m, SEED) >>> 0;
  return offset + Math.floor((hash / 0x1_0000_0000) * count);
}
