// Rule S03, seen from the card: from tx_done on, a packet that a driver was given to send is nobody's, and its card must not
// read it any more, unless the same memory has been handed down again meanwhile.
//
//   rx_down: lent       tx_done: given back       the card reads what is given back, and lent to nobody: S03

import type { npkt_t } from '../ionet/npkt.ts';
import { ShimDevice } from '../ionet/shim/device.ts';
import { watchDma } from '../ionet/shim/transmit.ts';
import type { ifnet } from '../iopkt/ifnet.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import { ruleError } from '../iopkt/self.ts';
import type { Card } from './card.ts';

interface Range {
  readonly address: number;
  readonly length: number;
}

/** Watches a machine; what it returns is to be called with each new interface. */
export function watchSent(io: IoPkt, card: Card): (ifp: ifnet) => void {
  const lent: Range[] = [];
  const back: Range[] = [];
  watchDma(io, (address, length) => {
    const at = lent.findIndex((range) => range.address === address && range.length === length);
    if (at >= 0) lent.splice(at, 1);
    back.push({ address, length });
    // Whether it is still read shows when it is.
    return false;
  });
  card.onDma = (address, length) => {
    if (!back.some((range) => meet(range, address, length))) return;
    if (lent.some((range) => meet(range, address, length))) return;
    throw ruleError(io, 'S03', `DMA of ${length} bytes from a packet that tx_done has given back`);
  };
  const handDown = (npkt: npkt_t): void => {
    for (let buf = npkt.buffers.first; buf !== null; buf = buf.ptrs)
      for (let i = 0; i < buf.niov; i++) {
        const { iov_base: address, iov_len: length } = buf.net_iov[i];
        lent.push({ address, length });
        for (let k = back.length - 1; k >= 0; k--) if (meet(back[k], address, length)) back.splice(k, 1);
      }
  };
  return (ifp) => {
    const dev = ifp.if_softc;
    if (!(dev instanceof ShimDevice)) return;
    const { registrant } = dev;
    const { rx_down } = registrant.funcs;
    const funcs = { ...registrant.funcs };
    funcs.rx_down = (npkt, hdl) => {
      handDown(npkt);
      return rx_down!(npkt, hdl);
    };
    Object.assign(dev, { registrant: { ...registrant, funcs } });
  };
}

function meet(range: Range, address: number, length: number): boolean {
  return range.address < address + length && address < range.address + range.length;
}
