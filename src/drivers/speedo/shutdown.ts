// The shutdown hook. It may run because memory is corrupt, so it does nothing but what hardware needs: two registers. No
// buffers, no mutexes, no waiting; and what it stops stays stopped.

import { CSR, PORT, SCB_CONTROL } from '../../chips/i8255x/sheet.ts';
import type { speedo_dev } from './softc.ts';

/** DMA ends and the interrupt is masked. A selective reset stops both units and leaves the mask alone (6.3.3.3). */
export function speedo_shutdown(sc: speedo_dev): void {
  const { regs } = sc;
  sc.running = false;
  regs.write8(CSR.SCB_CONTROL, SCB_CONTROL.M);
  regs.write32(CSR.PORT, PORT.SELECTIVE_RESET);
  // Pushes both out; if a chip forgets its mask in a reset after all, it gets it again.
  regs.read8(CSR.SCB_STATUS);
  regs.write8(CSR.SCB_CONTROL, SCB_CONTROL.M);
}
