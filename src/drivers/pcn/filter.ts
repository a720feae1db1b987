// Which frames the chip receives. Data sheets AMD 19436 and 21510, CSR5 (SPND), CSR8 to CSR15, "Suspend".

import { CSR, CSR0, CSR5, CSR15, logicalAddressHash } from '../../chips/pcnet/sheet.ts';
import { EOK } from '../../iopkt/errno.ts';
import { ETHER_FIRST_MULTI, ETHER_NEXT_MULTI, type ether_multistep, sameAddress } from '../../iopkt/ether.ts';
import { IFF_ALLMULTI, IFF_PROMISC } from '../../iopkt/flags.ts';
import { nic_delay } from '../../iopkt/nic-delay.ts';
import type { pcn_softc } from './softc.ts';

/** Milliseconds that the frame being sent is waited for: with fifteen full back-offs at 10 Mb/s it takes half a second. */
const SUSPEND_MS = 20;

/** sc_mode and the filter as flags and group addresses want them. */
export function pcn_wanted_filter(sc: pcn_softc): void {
  const ifp = sc.sc_ethercom.ec_if;
  ifp.if_flags &= ~IFF_ALLMULTI;
  const promiscuous = sc.sc_promiscuous || (ifp.if_flags & IFF_PROMISC) !== 0;
  let low = 0;
  let high = 0;
  const step: ether_multistep = { list: [], next: 0 };
  let enm = ETHER_FIRST_MULTI(step, sc.sc_ethercom);
  for (; enm !== null; enm = ETHER_NEXT_MULTI(step)) {
    // A range of addresses: all of them, which the hash cannot say otherwise.
    if (!sameAddress(enm.enm_addrlo, enm.enm_addrhi)) ifp.if_flags |= IFF_ALLMULTI;
    const bit = logicalAddressHash(enm.enm_addrlo);
    if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit - 32);
  }
  const all = promiscuous || (ifp.if_flags & IFF_ALLMULTI) !== 0;
  sc.sc_mode = promiscuous ? CSR15.PROM : 0;
  sc.sc_filterlow = all ? 0xffffffff : low >>> 0;
  sc.sc_filterhigh = all ? 0xffffffff : high >>> 0;
  sc.sc_if_flags = ifp.if_flags;
}

/**
 * Brings the chip's filter to what is wanted, while it runs: suspended, so that no frame is lost. A chip that is too busy
 * for that is started afresh. An errno. Stack context.
 */
export function pcn_set_filter(sc: pcn_softc): number {
  const { sc_regs: regs } = sc;
  const ifp = sc.sc_ethercom.ec_if;
  if (!suspend(sc)) return ifp.if_init!(ifp);
  pcn_wanted_filter(sc);
  regs.writeCsr(CSR.LADRF, sc.sc_filterlow & 0xffff);
  regs.writeCsr(CSR.LADRF + 1, sc.sc_filterlow >>> 16);
  regs.writeCsr(CSR.LADRF + 2, sc.sc_filterhigh & 0xffff);
  regs.writeCsr(CSR.LADRF + 3, sc.sc_filterhigh >>> 16);
  regs.writeCsr(CSR.MODE, sc.sc_mode);
  regs.writeCsr(5, 0);
  // What was put into the ring meanwhile rang in vain.
  regs.writeCsr0(CSR0.TDMD | CSR0.IENA);
  return EOK;
}

/** The chip finishes the frames that are under way; false: not in time. */
function suspend(sc: pcn_softc): boolean {
  const { sc_regs: regs } = sc;
  regs.writeCsr(5, CSR5.SPND);
  for (let ms = 0; ms < SUSPEND_MS; ms++) {
    if ((regs.readCsr(5) & CSR5.SPND) !== 0) return true;
    nic_delay(1);
  }
  return false;
}
