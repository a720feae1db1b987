// The entry point softnet/io-pkt: all that a native io-pkt driver is written against, under the manuals' names and in the order
// of README.md, then io-pkt itself and the tools. Files whose every export is a name of a manual are passed on whole.

// What a driver finds of its machine: PCI devices with registers and DMA memory, addresses.
export type { PciDevice } from '../bus/pci.ts';
export type { Registers } from '../bus/registers.ts';
export { BLOCK, RESCHEDULE, type ThreadBody } from '../kernel/thread.ts';
export {
  M_BCAST,
  M_CSUM_IPv4,
  M_CSUM_IPv4_BAD,
  M_CSUM_TCP_UDP_BAD,
  M_CSUM_TCPv4,
  M_CSUM_TCPv6,
  M_CSUM_UDPv4,
  M_CSUM_UDPv6,
  M_EOR,
  M_EXT,
  M_HASFCS,
  M_LOOP,
  M_MCAST,
  M_PKTHDR,
  M_PROMISC,
  type Mbuf,
} from '../mbuf/mbuf.ts';
export { formatMac, isValidStation } from '../net/ether.ts';
// Execution: interrupts, callouts, hooks, locks, threads.
export {
  callout,
  callout_ack,
  callout_active,
  callout_deactivate,
  callout_expired,
  callout_init,
  callout_invoking,
  callout_msec,
  callout_pending,
  callout_reset,
  callout_schedule,
  callout_setfunc,
  callout_stop,
  hz,
} from './callout.ts';
// Entry, options, devices.
export { CFATTACH_DECL, type cfattach, DETACH_FORCE, DETACH_QUIET, dev_attach, device } from './device.ts';
export {
  type _iopkt_drvr_entry,
  type DriverModule,
  type dll_handle,
  IOPKT_DRVR_ENTRY_SYM_INIT,
} from './entry.ts';
export * from './errno.ts';

// Interfaces.
export {
  ETHER_ADDR_LEN,
  ETHER_CRC_LEN,
  ETHER_FIRST_MULTI,
  ETHER_HDR_LEN,
  ETHER_NEXT_MULTI,
  ETHER_VLAN_ENCAP_LEN,
  ETHERMIN,
  ETHERMTU,
  ETHERMTU_JUMBO,
  ether_addmulti,
  ether_delmulti,
  ether_ifattach,
  ether_ifdetach,
  ether_input,
  type ether_multi,
  type ether_multistep,
  ether_output,
  ethercom,
} from './ether.ts';
export { ether_ioctl } from './ether-ioctl.ts';
// io-pkt itself, for whoever runs a machine: start, mount, destroy, stop; faults and wrong use; and what shows it.
export { type FaultReport, formatFault } from './fault.ts';
export * from './flags.ts';
export type { HookResult } from './hooks.ts';
export { type shutdownhook, shutdownhook_disestablish, shutdownhook_establish } from './hooks.ts';
export type { if_data } from './if-data.ts';
// Media and PHYs.
export {
  IFM_INST_ANY,
  ifmedia,
  ifmedia_add,
  ifmedia_delete_instance,
  type ifmedia_entry,
  ifmedia_init,
  ifmedia_ioctl,
  ifmedia_list_add,
  ifmedia_match,
  ifmedia_set,
} from './ifmedia.ts';
export * from './ifmedia-words.ts';
export { if_attach, if_detach, if_link_state_change, ifnet } from './ifnet.ts';
export {
  IFQ_DEQUEUE,
  IFQ_ENQUEUE,
  IFQ_INC_DROPS,
  IFQ_IS_EMPTY,
  IFQ_LEN,
  IFQ_MAXLEN,
  IFQ_POLL,
  IFQ_PURGE,
  IFQ_SET_MAXLEN,
  IFQ_SET_READY,
  ifqueue,
} from './ifq.ts';
export {
  _iopkt_inter,
  InterruptAttach,
  InterruptDetach,
  InterruptMask,
  InterruptUnmask,
  IRUPT_PRIO_DEFAULT,
  interrupt_entry_init,
  interrupt_entry_remove,
  interrupt_queue,
  type sigevent,
} from './interrupt.ts';
export {
  NW_EX_LK,
  NW_EX_UNLK,
  NW_SIGLOCK,
  NW_SIGLOCK_P,
  NW_SIGUNLOCK,
  NW_SIGUNLOCK_P,
  nic_mutex,
  nic_mutex_init,
  nic_mutex_lock,
  nic_mutex_trylock,
  nic_mutex_unlock,
  nw_mutex,
  nw_mutex_init,
} from './locks.ts';
export { IoPkt, type IoPktOptions } from './manager.ts';
// Buffers.
export * from './mbuf.ts';
export * from './mbuf-ops.ts';
export * from './mdi.ts';
export {
  MDI_10bT,
  MDI_10bTFD,
  MDI_100bT,
  MDI_100bT4,
  MDI_100bTFD,
  MDI_1000bT,
  MDI_1000bTFD,
  MDI_FLOW,
  MDI_FLOW_ASYM,
  mediaDuplex,
  mediaRate,
} from './mdi-media.ts';
// nicinfo and driver options.
export * from './nic.ts';
export { nic_delay } from './nic-delay.ts';
export {
  nic_check_options,
  nic_parse_options,
  optionValue,
  parseNumber,
  parseOptions,
} from './nic-options.ts';
export { pci_attach_device, pci_detach_device } from './pci.ts';
export { FaultError, IoPktError, iopkt_selfp } from './self.ts';
export * from './sockio.ts';
export { runInStackContext } from './stack.ts';
export {
  nw_pthread_create,
  nw_pthread_reap,
  nw_work_thread,
  pthread_create,
  quiesce_all,
  quiesce_block,
  unquiesce_all,
  WTP,
} from './threads.ts';
export { ifconfig } from './tools/ifconfig.ts';
export type { AddressBook } from './tools/inet.ts';
export { netstatInterfaces, netstatMbufs } from './tools/netstat.ts';
export { nicinfo } from './tools/nicinfo.ts';
