// What drivers of both interfaces use under the same names: error numbers, nic_config_t and nic_stats_t, common options, the
// MDI library. The one door of the io-net interface to src/iopkt; all of it is free of io-pkt's own objects for its users.

export * from '../iopkt/errno.ts';
export {
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_RUNNING,
  IFF_SIMPLEX,
} from '../iopkt/flags.ts';
export * from '../iopkt/mdi.ts';
export * from '../iopkt/mdi-media.ts';
export * from '../iopkt/nic.ts';
export * from '../iopkt/nic-options.ts';
