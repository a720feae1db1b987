// A device of the core's stack as ifconfig and netstat show an interface: what there is of it.

import { IFF_MULTICAST, IFF_SIMPLEX, IFT_ETHER, LINK_STATE_DOWN, LINK_STATE_UP } from '../iopkt/flags.ts';
import type { AddressBook } from '../iopkt/tools/inet.ts';
import type { InterfaceView } from '../iopkt/tools/view.ts';
import { IFF_MULTICAST as CORE_MULTICAST, type NetDevice } from '../net/device.ts';
import { DROP_CPU_BACKLOG, DROP_UNHANDLED_PROTO } from '../net/drop-reason.ts';
import { ETH_ALEN, ETH_HLEN, formatMac } from '../net/ether.ts';

export function coreView(device: NetDevice, book: AddressBook): InterfaceView {
  const { rx, tx, drops, mtu, link } = device;
  // One flag has another number there, and no Ethernet hears itself.
  const multicast = (device.flags & CORE_MULTICAST) !== 0 ? IFF_MULTICAST : 0;
  return {
    name: device.name,
    flags: (device.flags & ~CORE_MULTICAST) | multicast | IFF_SIMPLEX,
    mtu,
    station: formatMac(device.address),
    addresses: book.addressesOf(device),
    capabilities: { tx: 0, rx: 0, enabledTx: 0, enabledRx: 0 },
    media: null,
    data: {
      ifi_ipackets: rx.packets,
      ifi_ierrors: rx.errors,
      ifi_opackets: tx.packets,
      ifi_oerrors: tx.errors,
      ifi_collisions: 0,
      ifi_ibytes: rx.bytes,
      ifi_obytes: tx.bytes,
      ifi_imcasts: rx.multicast,
      ifi_omcasts: tx.multicast,
      ifi_iqdrops: drops[DROP_CPU_BACKLOG],
      ifi_noproto: drops[DROP_UNHANDLED_PROTO],
      ifi_type: IFT_ETHER,
      ifi_addrlen: ETH_ALEN,
      ifi_hdrlen: ETH_HLEN,
      ifi_link_state: device.carrier ? LINK_STATE_UP : LINK_STATE_DOWN,
      ifi_mtu: mtu,
      ifi_metric: 0,
      ifi_baudrate: link.bitsPerSecond,
      ifi_lastchange: 0,
    },
  };
}
