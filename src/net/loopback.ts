// The loopback device: what is sent comes back, through the backlog, so that a packet to oneself takes the same way in
// as any other and never recurses. It leaves checksums out, since nothing can change on the way.

import type { Mbuf } from '../mbuf/mbuf.ts';
import {
  IFF_BROADCAST,
  IFF_MULTICAST,
  NETDEV_TX_OK,
  NETIF_F_IP_CSUM,
  NETIF_F_SG,
  NetDevice,
} from './device.ts';
import type { DeviceLayer } from './layer.ts';

/** Linux's: a datagram of any size fits. */
const LOOPBACK_MTU = 65_535;

/** Makes and registers `lo`; open it as any device. */
export function createLoopback(layer: DeviceLayer, name = 'lo'): NetDevice {
  const device: NetDevice = new NetDevice(layer, name, {
    open() {
      for (const queue of device.txQueues) queue.start();
      device.setCarrier(true);
    },
    stop() {},
    startXmit(m: Mbuf) {
      device.tx.packets++;
      device.tx.bytes += m.packetLength;
      m.device = device;
      device.receiveBacklog(m);
      return NETDEV_TX_OK;
    },
  });
  // Only has to be an address that no card has: locally administered.
  device.address.set([0x02, 0x4c, 0x4f, 0x4f, 0x50, 0x00]);
  device.flags &= ~(IFF_BROADCAST | IFF_MULTICAST);
  device.features = NETIF_F_SG | NETIF_F_IP_CSUM;
  device.mtu = device.maxMtu = LOOPBACK_MTU;
  layer.register(device);
  for (const queue of device.txQueues) queue.qdisc = null;
  return device;
}
