// Drivers that answer requests wrongly.

import { ENETRESET, EOK } from '../../iopkt/errno.ts';
import { ether_ioctl } from '../../iopkt/ether-ioctl.ts';
import {
  DRVCOM_CONFIG,
  type ifdrv_com,
  type nic_config_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../../iopkt/nic.ts';
import { nic_delay } from '../../iopkt/nic-delay.ts';
import { SIOCADDMULTI, SIOCDELMULTI, SIOCGDRVCOM, SIOCSIFMEDIA } from '../../iopkt/sockio.ts';
import { XX } from '../../iopkt/testing-driver.ts';
import { type BrokenDriver, broken } from './broken.ts';

const LONG_MS = 6000;

export const BROKEN_CONTROL: readonly BrokenDriver[] = [
  broken('P16', 'takes a drvcom of any size', {
    ioctl(ifp, cmd, data) {
      if (cmd !== SIOCGDRVCOM) return XX.ioctl(ifp, cmd, data);
      const request = data as ifdrv_com;
      const ifdc_len = request.ifdc_cmd === DRVCOM_CONFIG ? sizeof_nic_config_t : sizeof_nic_stats_t;
      return XX.ioctl(ifp, cmd, { ...request, ifdc_len });
    },
  }),
  broken('P17', 'writes the filter in init alone', {
    ioctl(ifp, cmd, data) {
      if (cmd !== SIOCADDMULTI && cmd !== SIOCDELMULTI) return XX.ioctl(ifp, cmd, data);
      const error = ether_ioctl(ifp, cmd, data);
      return error === ENETRESET ? EOK : error;
    },
  }),
  broken('P18', 'is content with media that it has not got', {
    ioctl(ifp, cmd, data) {
      const error = XX.ioctl(ifp, cmd, data);
      return cmd === SIOCSIFMEDIA ? EOK : error;
    },
  }),
  broken('F08', 'waits for a choice of media to take effect', {
    ioctl(ifp, cmd, data) {
      if (cmd === SIOCSIFMEDIA) nic_delay(LONG_MS);
      return XX.ioctl(ifp, cmd, data);
    },
  }),
  broken('P21', 'tells its rate in bit/s', {
    ioctl(ifp, cmd, data) {
      const error = XX.ioctl(ifp, cmd, data);
      if (cmd !== SIOCGDRVCOM || error !== EOK || (data as ifdrv_com).ifdc_cmd !== DRVCOM_CONFIG)
        return error;
      const config = (data as ifdrv_com).ifdc_data as nic_config_t;
      if (config.media_rate > 0) config.media_rate *= 1000;
      return EOK;
    },
  }),
];
