// Intel 8255x (82557 to 82551, 82559ER, 82801BA) for io-net: devn-speedo.so. It knows nothing of io-pkt, which runs it through
// the shim. Written from the Software Developer Manual of the family and the Network DDK; the native driver is ../speedo.
// This file: io-net's entry. Where the rest is:
//   detect.ts    cards, reg, advert      transmit.ts   rx_down, ring, tx_done   shutdown.ts    flush, shutdown1, shutdown2
//   init.ts      start and stop          receive.ts    ring, tx_up_start        devctl.ts      nicinfo, promiscuous mode
//   setup.ts     what the chip is told   interrupt.ts  the thread               multicast.ts   groups, as messages and devctl
//   hardware.ts  SCB and PORT            mii.ts        the link                 statistics.ts  the chip's counters
//   state.ts     what it keeps           options.ts    options

import type { io_net_dll_entry_t } from '../../ionet/interface.ts';
import { speedo_init } from './detect.ts';

/** Registered as `devn-speedo.so`. */
export const speedoIonetModule: { io_net_dll_entry: io_net_dll_entry_t } = {
  io_net_dll_entry: { nfuncs: 2, init: speedo_init, shutdown: null },
};
