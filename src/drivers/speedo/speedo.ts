// Intel 8255x (82557, 82558, 82559, 82559ER, 82550, 82551) for io-pkt, laid out as the technote "Porting an io-net driver to
// io-pkt" walks through it. Written from Intel's "8255x 10/100 Mbps Ethernet Controller Family Open Source Software
// Developer Manual", revision 1.3, whose sections are cited. Interfaces are fxp0, fxp1, ...
//
//   speedo.ts     entry, interrupt                     mii.ts         PHY, monitor
//   detect.ts     detect, attach, init, stop, detach   bsd_media.ts   ifmedia
//   transmit.ts   start, completion                    devctl.ts      ioctl
//   receive.ts    receive                              shutdown.ts    shutdown hook
//   setup.ts      configuration, addresses, filter     statistics.ts  the chip's counters
//   hardware.ts   SCB and PORT                         eeprom.ts, options.ts, softc.ts
// Left out: flexible receive mode, microcode, wake-up, flow control, checksums of the 82559 and 82550, VLAN tags in RFDs.

import { CSR, STAT_ACK } from '../../chips/i8255x/sheet.ts';
import { type DriverModule, type dll_handle, IOPKT_DRVR_ENTRY_SYM_INIT } from '../../iopkt/entry.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { InterruptMask, InterruptUnmask, interrupt_queue, type sigevent } from '../../iopkt/interrupt.ts';
import { NW_SIGLOCK_P } from '../../iopkt/locks.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import type { nw_work_thread } from '../../iopkt/threads.ts';
import { speedo_detect } from './detect.ts';
import { GONE, speedo_mask, speedo_unmask } from './hardware.ts';
import { speedo_receive, speedo_receive_done, speedo_receive_resume } from './receive.ts';
import type { speedo_dev } from './softc.ts';
import { speedo_start, speedo_transmit_complete } from './transmit.ts';

const { CX, CNA, RNR } = STAT_ACK;
/** Rounds of one turn: then the others that wait for the interrupt thread are served. */
const ROUNDS = 4;

/** Registered as `devnp-speedo.so`. */
export const speedoModule: DriverModule = {
  iopkt_drvr_entry: IOPKT_DRVR_ENTRY_SYM_INIT('speedo', speedo_entry),
};

/** io-pkt calls this when the DLL has been loaded. */
function speedo_entry(dll_hdl: dll_handle, iopkt: IoPkt, options: string | null): number {
  return speedo_detect(dll_hdl, iopkt, options);
}

// ---- interrupt

/**
 * The real ISR: looks whether it is this card, and masks it there. While the entry is listed it masks without looking: on
 * a shared line it may be called between the end of processing and speedo_enable.
 */
export function speedo_isr(sc: speedo_dev, _iid: number): sigevent | null {
  if (sc.inter.on_list === 0) {
    const causes = sc.regs.read8(CSR.SCB_STAT_ACK);
    if (causes === 0 || causes === GONE) return null;
  }
  speedo_mask(sc);
  return interrupt_queue(sc.iopkt, sc.inter);
}

/** The simple one: the line is masked for all who share it. It may come before InterruptAttach has returned. */
export function speedo_isr_kermask(sc: speedo_dev, iid: number): sigevent | null {
  sc.iid = iid;
  InterruptMask(sc.cfg.irq[0], iid);
  return interrupt_queue(sc.iopkt, sc.inter);
}

/** Undoes what the ISR did; a card that was stopped meanwhile stays masked. */
export function speedo_enable_interrupt(sc: speedo_dev): number {
  if (sc.kermask) {
    // Masks went with the interrupt, when it was detached meanwhile.
    if (sc.iid !== -1) InterruptUnmask(sc.cfg.irq[0], sc.iid);
  } else if (sc.running) speedo_unmask(sc);
  return 1;
}

/**
 * Acknowledges causes first and works on the lists then, so that what comes in between asks again; as long as there are
 * causes. What has arrived is counted before a register is read: then it is there as a whole. 1: done; 0: to be called again
 * behind the others.
 */
export function speedo_process_interrupt(sc: speedo_dev, wtp: nw_work_thread): number {
  const { regs } = sc;
  const ifp = sc.ecom.ec_if;
  for (let round = 0; round < ROUNDS; round++) {
    if (!sc.running) {
      // Not ours; or a card that was away, was never halted therefore, and is back: it would ask for ever.
      speedo_mask(sc);
      return 1;
    }
    const done = speedo_receive_done(sc);
    const causes = regs.read8(CSR.SCB_STAT_ACK);
    if (causes === GONE || (causes === 0 && done === 0)) return 1;
    if (causes !== 0) regs.write8(CSR.SCB_STAT_ACK, causes);
    // Out of buffers the receive unit writes no more: all of them are whole, and it begins anew behind the last.
    speedo_receive(sc, wtp, (causes & RNR) !== 0 ? speedo_receive_done(sc) : done);
    // A protocol may have stopped us from within if_input.
    if ((causes & RNR) !== 0 && sc.running) speedo_receive_resume(sc, wtp);
    if ((causes & (CX | CNA)) !== 0) complete(sc, ifp, wtp);
  }
  return 0;
}

function complete(sc: speedo_dev, ifp: ifnet, wtp: nw_work_thread): void {
  NW_SIGLOCK_P(ifp.if_snd_ex!, sc.iopkt, wtp);
  speedo_transmit_complete(sc);
  // It gives the mutex back.
  speedo_start(ifp);
}
