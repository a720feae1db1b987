// The end, in two stages: flush and shutdown1 while packets still come and go, shutdown2 when none does.

import {
  ChannelDestroy,
  ConnectDetach,
  InterruptDetach,
  MsgSendPulse,
  pci_detach_device,
  pthread_join,
} from '../../ionet/neutrino.ts';
import { EOK, MDI_DeRegister } from '../../ionet/shared.ts';
import { speedo_give_memory, speedo_stop } from './init.ts';
import { speedo_rx_done, speedo_rx_free } from './receive.ts';
import { PULSE_FLUSH, PULSE_QUIT, type speedo_t } from './state.ts';
import { speedo_drop_queue, speedo_tx_free } from './transmit.ts';

/** What waits is not sent; the thread takes back what the chip has. */
export function speedo_flush(_reg_hdl: number, speedo: speedo_t): number {
  speedo_drop_queue(speedo);
  if (speedo.tx_free < speedo.tx_count) MsgSendPulse(speedo.coid, speedo.priority, PULSE_FLUSH, 0);
  return EOK;
}

/** Nothing to be sent at the last moment, and no reason to refuse. */
export function speedo_shutdown1(): number {
  return EOK;
}

export function speedo_shutdown2(_reg_hdl: number, speedo: speedo_t): number {
  speedo_take_down(speedo);
  pci_detach_device(speedo.pci);
  return EOK;
}

/** Everything but the card itself: as far as it was taken. */
export function speedo_take_down(speedo: speedo_t): void {
  speedo.dying = true;
  if (speedo.tx_blocks !== 0) speedo_stop(speedo);
  if (speedo.tid.value !== -1) {
    MsgSendPulse(speedo.coid, speedo.priority, PULSE_QUIT, 0);
    pthread_join(speedo.tid.value);
  }
  if (speedo.iid !== -1) InterruptDetach(speedo.iid);
  MDI_DeRegister(speedo.mdi);
  if (speedo.chid !== -1) {
    ConnectDetach(speedo.coid);
    ChannelDestroy(speedo.chid);
  }
  // Nobody takes what is in the ring any more.
  if (speedo.tx_blocks !== 0) speedo.events.rx_dropped += speedo_rx_done(speedo);
  speedo_rx_free(speedo);
  speedo_tx_free(speedo);
  speedo_give_memory(speedo);
}
