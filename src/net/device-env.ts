// What a discipline is given of the machine whose device it serves.

import type { NetDevice } from './device.ts';
import type { QdiscEnv } from './qdisc.ts';

/** `name`: of the discipline, for a stream of random numbers of its own. */
export function deviceEnv(device: NetDevice, name: string): QdiscEnv {
  const { machine } = device.layer;
  return {
    stamp: (to, index) => machine.cpu.stamp(to, index),
    random: machine.random(`${device.name}/${name}`),
    u8: machine.memory.u8,
    copied: () => {
      device.copied++;
    },
  };
}
