// Gives a device its root discipline: one for all of its queues, or mq or mqprio with one for each.

import type { NetDevice } from '../net/device.ts';
import type { Qdisc } from '../net/qdisc.ts';
import { Mq } from './mq.ts';

/**
 * Process context. Null: none at all (noqueue). What the old ones held is dropped (DROP_QDISC_RESET). Throws RangeError when
 * mq or mqprio is not for as many queues as the device has.
 */
export function attachQdisc(device: NetDevice, qdisc: Qdisc | null): void {
  if (qdisc instanceof Mq) {
    device.setQueueQdiscs(qdisc, qdisc.qdiscs);
    qdisc.onGraft = (queue, leaf) => device.txQueues[queue].feeder.replace(leaf);
  } else device.setRootQdisc(qdisc);
  const options = qdisc instanceof Mq ? qdisc.options : null;
  device.tcToQueues = options === null ? [] : options.queues;
  device.prioToTc.fill(0);
  if (options !== null) device.prioToTc.set(options.map);
}
