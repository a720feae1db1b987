// if_init, if_stop and if_ioctl of the shim: io-pkt's requests as devctls and messages of io-net. The driver has been alive
// since its init, so init and stop say only whether the interface runs. Speed and duplex are options of the driver: there
// are no media here.

import { EINVAL, ENETRESET, ENXIO, EOK, errnoName } from '../../iopkt/errno.ts';
import { ether_delmulti, type ethercom } from '../../iopkt/ether.ts';
import { ether_ioctl } from '../../iopkt/ether-ioctl.ts';
import { IFF_OACTIVE, IFF_PROMISC, IFF_RUNNING } from '../../iopkt/flags.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import { type ifreq, SIOCADDMULTI, SIOCDELMULTI, SIOCGDRVCOM, SIOCSIFMTU } from '../../iopkt/sockio.ts';
import {
  _REG_TRACK_MCAST,
  DCMD_IO_NET_CHANGE_MCAST,
  DCMD_IO_NET_GET_CONFIG,
  DCMD_IO_NET_GET_STATS,
  DCMD_IO_NET_PROMISCUOUS,
  TX_DOWN_OK,
} from '../interface.ts';
import {
  _IO_NET_JOIN_MCAST,
  _IO_NET_MCAST_ALL,
  _IO_NET_REMOVE_MCAST,
  type io_net_msg_mcast_t,
} from '../message.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  ENOTSUP,
  type ifdrv_com,
  type nic_config_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../shared.ts';
import type { ShimDevice } from './device.ts';
import { mistake } from './findings.ts';
import { sendMessage } from './transmit.ts';

/** Asks the driver. EOK, ENOTSUP, or its errno. Stack context. */
export function driverDevctl(dev: ShimDevice, dcmd: number, data: unknown, size: number): number {
  const { registrant, dll } = dev;
  const { devctl } = registrant.funcs;
  if (devctl === null) return ENOTSUP;
  return dll.call(dev, 'devctl', () => devctl(registrant.func_hdl, dcmd, data, size, { value: 0 }));
}

export function shim_init(ifp: ifnet): number {
  const dev = ifp.if_softc as ShimDevice;
  if (dev.dying) return dev.dv_leaving ? EOK : ENXIO;
  setRunning(dev, true);
  dev.sc_ec.ec_ifflags_cb = shim_ifflags;
  // Without promiscuous mode it is an interface all the same.
  const error = shim_ifflags(dev.sc_ec);
  if (error !== EOK) dev.io.machine.log(`${dev.dv_xname}: promiscuous mode: ${errnoName(error)}`);
  return EOK;
}

export function shim_stop(ifp: ifnet, _disable: number): void {
  setRunning(ifp.if_softc as ShimDevice, false);
}

function setRunning(dev: ShimDevice, on: boolean): void {
  const ifp = dev.sc_ec.ec_if;
  NW_SIGLOCK(ifp.if_snd_ex!, dev.io);
  ifp.if_flags_tx &= ~(IFF_RUNNING | IFF_OACTIVE);
  if (on) ifp.if_flags_tx |= IFF_RUNNING;
  NW_SIGUNLOCK(ifp.if_snd_ex!, dev.io);
  ifp.if_flags &= ~(IFF_RUNNING | IFF_OACTIVE);
  if (on) ifp.if_flags |= IFF_RUNNING;
}

/** Flags have changed while it runs. */
function shim_ifflags(ec: ethercom): number {
  const dev = ec.ec_if.if_softc as ShimDevice;
  const wanted = (ec.ec_if.if_flags & IFF_PROMISC) !== 0;
  if (wanted === dev.promiscuous) return EOK;
  const error = driverDevctl(dev, DCMD_IO_NET_PROMISCUOUS, { value: wanted ? 1 : 0 }, 4);
  if (error === EOK) dev.promiscuous = wanted;
  return error;
}

export function shim_ioctl(ifp: ifnet, cmd: number, data: unknown): number {
  const dev = ifp.if_softc as ShimDevice;
  switch (cmd) {
    case SIOCGDRVCOM:
      return drvcom(dev, cmd, data as ifdrv_com);
    case SIOCADDMULTI:
    case SIOCDELMULTI:
      return changeGroups(dev, cmd, data as ifreq);
    case SIOCSIFMTU:
      return ((data as ifreq).ifr_mtu ?? 0) > ifp.if_netdev!.maxMtu ? EINVAL : ether_ioctl(ifp, cmd, data);
    default:
      return ether_ioctl(ifp, cmd, data);
  }
}

function drvcom(dev: ShimDevice, cmd: number, request: ifdrv_com): number {
  const { ifdc_cmd, ifdc_len, ifdc_data } = request;
  const config = ifdc_cmd === DRVCOM_CONFIG;
  // Another command, or a driver that has not got this one: the bare answer of ether_ioctl.
  if (!config && ifdc_cmd !== DRVCOM_STATS) return ether_ioctl(dev.sc_ec.ec_if, cmd, request);
  const size = config ? sizeof_nic_config_t : sizeof_nic_stats_t;
  if (ifdc_len !== size) return EINVAL;
  const error = driverDevctl(dev, config ? DCMD_IO_NET_GET_CONFIG : DCMD_IO_NET_GET_STATS, ifdc_data, size);
  if (error === ENOTSUP) return ether_ioctl(dev.sc_ec.ec_if, cmd, request);
  if (error === EOK && config) checkConfig(dev, ifdc_data as nic_config_t);
  return error;
}

/** S13: what nicinfo shows is what the driver has advertised. */
function checkConfig(dev: ShimDevice, { current_address }: nic_config_t): void {
  const { sdl_addr } = dev.advert!.dl;
  if (sdl_addr.every((byte, i) => byte === current_address[i])) return;
  mistake(
    dev.io,
    'S13',
    `${dev.dll.file}: GET_CONFIG has address ${[...current_address.subarray(0, 6)]}, and its advert ${[...sdl_addr]}`,
  );
}

function changeGroups(dev: ShimDevice, cmd: number, request: ifreq): number {
  const { ec_if } = dev.sc_ec;
  const error = ether_ioctl(ec_if, cmd, request);
  if (error !== ENETRESET) return error;
  const told = tellGroups(dev, cmd, request);
  // Refused, it is no member either.
  if (told !== EOK && cmd === SIOCADDMULTI) ether_delmulti(request, dev.sc_ec);
  return told;
}

function tellGroups(dev: ShimDevice, cmd: number, { ifr_addr, ifr_addrhi }: ifreq): number {
  const mc_min = ifr_addr!.slice();
  const mc_max = (ifr_addrhi ?? ifr_addr!).slice();
  const one = mc_min.every((byte, i) => byte === mc_max[i]);
  const msg: io_net_msg_mcast_t = {
    type: cmd === SIOCADDMULTI ? _IO_NET_JOIN_MCAST : _IO_NET_REMOVE_MCAST,
    flags: one ? 0 : _IO_NET_MCAST_ALL,
    mc_min,
    mc_max,
    next: null,
  };
  if ((dev.registrant.flags & _REG_TRACK_MCAST) === 0)
    return driverDevctl(dev, DCMD_IO_NET_CHANGE_MCAST, msg, 4 * 4 + 2 * 6);
  return sendMessage(dev, msg) === TX_DOWN_OK ? EOK : EINVAL;
}
