// Messages from the driver. The first advert makes the interface: name, station address, MTU. Later ones are the same again,
// and are taken. A message with _NPKT_MSG_DYING says that the driver takes its interface out of service.

import { ETHERMTU, ether_ifattach } from '../../iopkt/ether.ts';
import {
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_OACTIVE,
  IFF_RUNNING,
  IFF_SHIM,
  IFF_SIMPLEX,
} from '../../iopkt/flags.ts';
import { if_attach } from '../../iopkt/ifnet.ts';
import { IFQ_SET_READY } from '../../iopkt/ifq.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import { CTX_STACK } from '../../iopkt/self.ts';
import { ETH_HLEN, isValidStation } from '../../net/ether.ts';
import { DCMD_IO_NET_GET_CONFIG } from '../interface.ts';
import { _IO_NET_MSG_DL_ADVERT, type io_net_msg_dl_advert_t, npkt_msg_t } from '../message.ts';
import { _NPKT_MSG_DYING, type npkt_t } from '../npkt.ts';
import { EOK, nic_config_t, sizeof_nic_config_t } from '../shared.ts';
import { driverDevctl, shim_init, shim_ioctl, shim_stop } from './control.ts';
import type { ShimDevice } from './device.ts';
import { mistake } from './findings.ts';
import { giveBack } from './receive.ts';
import { shim_start } from './transmit.ts';

/** Takes a message that came up. It is back with the driver when it has been acted upon. */
export function takeMessage(dev: ShimDevice, npkt: npkt_t): void {
  const { io } = dev;
  if (io.contexts.context === CTX_STACK) act(dev, npkt);
  else io.stack.defer(dev, 'message of an io-net driver', () => act(dev, npkt));
}

function act(dev: ShimDevice, npkt: npkt_t): void {
  const { io, dll } = dev;
  if ((npkt.flags & _NPKT_MSG_DYING) !== 0) outOfService(dev);
  else {
    const msg = npkt instanceof npkt_msg_t ? npkt.msg : null;
    if (msg?.type !== _IO_NET_MSG_DL_ADVERT)
      mistake(io, 'manual', `${dll.file}: a message up is an advert, or has _NPKT_MSG_DYING`);
    dev.advert = msg;
    dev.adverts++;
    if (dev.sc_ec.ec_if.if_netdev === null) io.call(dev, 'advert', () => attach(dev, msg));
  }
  giveBack(dev, npkt);
}

/** Asks for the advert; the driver sends it before it returns (S12). Stack context. */
export function askAdvert(dev: ShimDevice): void {
  const { dll, registrant, adverts, io } = dev;
  const { dl_advert } = registrant.funcs;
  if (dl_advert !== null) dll.call(dev, 'dl_advert', () => dl_advert(dev.reg_hdl, registrant.func_hdl));
  if (dev.adverts === adverts) mistake(io, 'S12', `${dll.file}: dl_advert was called, and sent no advert`);
}

function attach(dev: ShimDevice, msg: io_net_msg_dl_advert_t): void {
  const { dll, io } = dev;
  const ifp = dev.sc_ec.ec_if;
  const { sdl_addr } = msg.dl;
  if (!isValidStation(sdl_addr))
    mistake(
      io,
      'N16',
      `${dll.file}: its advert has ${[...sdl_addr].join(',')}, which is no station's address`,
    );
  if (!(msg.mtu_max >= ETH_HLEN + 46))
    mistake(io, 'manual', `${dll.file}: its advert has mtu_max ${msg.mtu_max}: bytes of the longest frame`);
  ifp.if_xname = dev.dv_xname;
  ifp.if_softc = dev;
  ifp.if_flags = IFF_SHIM | (msg.iflags & (IFF_BROADCAST | IFF_SIMPLEX | IFF_MULTICAST));
  ifp.if_init = shim_init;
  ifp.if_stop = shim_stop;
  ifp.if_start = shim_start;
  ifp.if_ioctl = shim_ioctl;
  const config = new nic_config_t();
  const rate =
    driverDevctl(dev, DCMD_IO_NET_GET_CONFIG, config, sizeof_nic_config_t) === EOK ? config.media_rate : -1;
  if (rate > 0) ifp.if_baudrate = rate * 1000;
  IFQ_SET_READY(ifp.if_snd);
  if_attach(ifp);
  ether_ifattach(ifp, sdl_addr);
  const mtu = Math.min(ETHERMTU, msg.mtu_max - ETH_HLEN);
  ifp.if_netdev!.maxMtu = mtu;
  ifp.if_mtu = ifp.if_netdev!.mtu = Math.min(mtu, msg.mtu_preferred - ETH_HLEN);
}

function outOfService(dev: ShimDevice): void {
  const ifp = dev.sc_ec.ec_if;
  dev.dying = true;
  if (ifp.if_netdev === null) return;
  NW_SIGLOCK(ifp.if_snd_ex!, dev.io);
  ifp.if_flags_tx &= ~(IFF_RUNNING | IFF_OACTIVE);
  NW_SIGUNLOCK(ifp.if_snd_ex!, dev.io);
  ifp.if_flags &= ~(IFF_RUNNING | IFF_OACTIVE);
  ifp.settle();
  dev.io.machine.log(`${dev.dv_xname}: its driver has taken it out of service`);
}
