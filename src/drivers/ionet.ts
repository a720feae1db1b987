// The io-net drivers of the tree, and the shim that carries them, by the file names that io-pkt loads them under.

import { shimModule } from '../ionet/shim/shim.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import { SHIM_FILE } from '../iopkt/entry.ts';
import { pcnetModule } from './devn-pcnet/pcnet.ts';
import { speedoIonetModule } from './devn-speedo/speedo.ts';

export const IONET_DRIVERS: Readonly<Record<string, DriverModule>> = {
  [SHIM_FILE]: shimModule,
  'devn-pcnet.so': pcnetModule,
  'devn-speedo.so': speedoIonetModule,
};
