// What the tools show of an interface, as plain data.

import { formatMac } from '../../net/ether.ts';
import { EOK } from '../errno.ts';
import { type if_data, interfaceData } from '../if-data.ts';
import type { ifnet } from '../ifnet.ts';
import type { IoPkt } from '../manager.ts';
import { askMedia } from '../media.ts';
import { request } from '../net-device.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  type ifdrv_com,
  nic_config_t,
  nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../nic.ts';
import { SIOCGDRVCOM } from '../sockio.ts';
import type { AddressBook } from './inet.ts';

export interface MediaView {
  /** Media words: chosen, in use, supported. */
  current: number;
  active: number;
  /** IFM_AVALID, IFM_ACTIVE. */
  status: number;
  supported: number[];
}

export interface InterfaceView {
  name: string;
  /** if_flags. */
  flags: number;
  mtu: number;
  /** `02:00:00:00:00:01`. */
  station: string;
  /** `10.0.0.1/24`, in order. */
  addresses: string[];
  capabilities: { tx: number; rx: number; enabledTx: number; enabledRx: number };
  /** null: the driver does not do media. */
  media: MediaView | null;
  data: if_data;
}

/** One interface. Throws when io-pkt is dead. */
export function interfaceView(io: IoPkt, ifp: ifnet, book: AddressBook | null): InterfaceView {
  return io.request('ifconfig', () => ({
    name: ifp.if_xname,
    flags: ifp.if_flags,
    mtu: ifp.if_mtu,
    station: formatMac(ifp.if_sadl),
    addresses: book?.addressesOf(ifp.if_netdev!) ?? [],
    capabilities: {
      tx: ifp.if_capabilities_tx,
      rx: ifp.if_capabilities_rx,
      enabledTx: ifp.if_capenable_tx,
      enabledRx: ifp.if_capenable_rx,
    },
    media: mediaView(io, ifp),
    data: interfaceData(ifp),
  }));
}

/** Stack context. */
function mediaView(io: IoPkt, ifp: ifnet): MediaView | null {
  const imr = askMedia(io, ifp);
  if (imr === null) return null;
  const { ifm_current, ifm_active, ifm_status, ifm_ulist } = imr;
  return { current: ifm_current, active: ifm_active, status: ifm_status, supported: ifm_ulist ?? [] };
}

export interface NicView {
  name: string;
  /** null: the driver answers with an error, which is `error`. */
  config: nic_config_t | null;
  stats: nic_stats_t | null;
  error: number;
}

/** What the driver tells of itself through SIOCGDRVCOM. Throws when io-pkt is dead. */
export function nicView(io: IoPkt, ifp: ifnet): NicView {
  const config = new nic_config_t();
  const stats = new nic_stats_t();
  const ask = (cmd: number, length: number, data: nic_config_t | nic_stats_t): number => {
    const argument: ifdrv_com = { ifdc_name: ifp.if_xname, ifdc_cmd: cmd, ifdc_len: length, ifdc_data: data };
    return io.request('nicinfo', () => request(io, ifp, SIOCGDRVCOM, argument));
  };
  const configError = ask(DRVCOM_CONFIG, sizeof_nic_config_t, config);
  const statsError = ask(DRVCOM_STATS, sizeof_nic_stats_t, stats);
  return {
    name: ifp.if_xname,
    config: configError === EOK ? config : null,
    stats: statsError === EOK ? stats : null,
    error: configError === EOK ? statsError : configError,
  };
}
