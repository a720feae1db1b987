// The intermediate functional block device, ifb: what actions of tc redirect to it passes through its discipline and then goes back
// to where it came from: into the protocols when it had come in there, out of the device when it was to be sent. So what comes in
// can be shaped. After the iproute2 and kernel documentation of ifb and tc-mirred(8).
//
//   eth0 in ─► ingress filter: redirect ─► ifb0's discipline ─► eth0 in, past the action that sent it here ─► protocols

import type { Mbuf } from '../mbuf/mbuf.ts';
import { NETDEV_TX_OK, NETIF_F_IP_CSUM, NETIF_F_SG, NETIF_F_TSO, NetDevice } from './device.ts';
import { DROP_DEV_READY } from './drop-reason.ts';
import type { DeviceLayer } from './layer.ts';

/** Whatever another device can hold fits. */
const IFB_MTU = 65_535;
/** Linux's TX_Q_LIMIT: packets. */
const QUEUE_LENGTH = 32;

/** Makes and registers it; open it as any device. What nobody redirected to it is dropped, as DEV_READY. Throws when the name is taken. */
export function createIfb(layer: DeviceLayer, name: string): NetDevice {
  const device: NetDevice = new NetDevice(layer, name, {
    open() {
      for (const queue of device.txQueues) queue.start();
      device.setCarrier(true);
    },
    stop() {},
    startXmit(m) {
      giveBack(layer, device, m);
      return NETDEV_TX_OK;
    },
    held: () => 0,
  });
  device.features = NETIF_F_SG | NETIF_F_IP_CSUM | NETIF_F_TSO;
  device.mtu = device.maxMtu = IFB_MTU;
  device.txQueueLength = QUEUE_LENGTH;
  layer.register(device);
  // Only has to be an address that no card has: locally administered.
  device.address.set([0x02, 0x49, 0x46, 0x42, device.index >> 8, device.index & 0xff]);
  return device;
}

/** To the device that it was redirected from, whose actions it has behind it. Takes the packet. */
function giveBack(layer: DeviceLayer, device: NetDevice, m: Mbuf): void {
  const origin = m.redirectedFrom as NetDevice | null;
  if (origin === null || !layer.devices.includes(origin)) {
    device.drop(m, DROP_DEV_READY);
    return;
  }
  device.tx.packets++;
  device.tx.bytes += m.packetLength;
  m.redirectedFrom = null;
  m.skipActions = true;
  layer.softnet.sendLater(m, origin, m.fromIngress);
}
