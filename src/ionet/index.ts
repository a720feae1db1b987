// What a driver for io-net is written against: the package's entry `softnet/io-net`. Names are the manuals'.

export * from './interface.ts';
export * from './message.ts';
export {
  _PULSE_CODE_MINAVAIL,
  type _pulse,
  CACHE_FLUSH,
  CACHE_INVAL,
  ChannelCreate,
  ChannelDestroy,
  ConnectAttach,
  ConnectDetach,
  delay,
  InterruptAttachEvent,
  InterruptDetach,
  InterruptMask,
  InterruptUnmask,
  MsgReceivePulse,
  MsgSendPulse,
  pci_attach_device,
  pci_detach_device,
  pthread_cancel,
  pthread_create,
  pthread_join,
  pthread_mutex_lock,
  pthread_mutex_t,
  pthread_mutex_unlock,
  SIGEV_PULSE_INIT,
  sigevent,
} from './neutrino.ts';
export * from './npkt.ts';
export { errno } from './process.ts';
export * from './shared.ts';
// What carries such a driver under io-pkt, and what it has found wrong.
export { type ShimFinding, shimFindings } from './shim/findings.ts';
export { type ShimView, shimModule, shimView } from './shim/shim.ts';
export { type DmaWatch, watchDma } from './shim/transmit.ts';
