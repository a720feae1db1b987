// A host of iopkt-host.ts whose card has an io-net driver under the shim.

import { IONET_DRIVERS } from '../../src/drivers/ionet.ts';
import { shimFindings } from '../../src/ionet/shim/findings.ts';
import { type ShimView, shimView } from '../../src/ionet/shim/shim.ts';
import type { NetDevice } from '../../src/net/device.ts';
import { isPcnet } from '../../src/scenario/chip-kinds.ts';
import { type AnyChip, IopktHost, type IopktHostOptions } from './iopkt-host.ts';

export interface ShimmedHostOptions extends Omit<IopktHostOptions, 'driver'> {
  chip: AnyChip;
}

export class ShimmedHost extends IopktHost {
  private readonly driverOptions: string | null;
  private readonly file: string;

  constructor(options: ShimmedHostOptions) {
    super({ ...options, driver: 'pcn', mount: false });
    Object.assign(this, { prefix: 'en' });
    this.driverOptions = options.options ?? null;
    this.file = `devn-${isPcnet(options.chip) ? 'pcnet' : 'speedo'}.so`;
    for (const [file, module] of Object.entries(IONET_DRIVERS)) this.io.register(file, module);
    if (options.mount === false) return;
    this.mount();
    if (options.up !== false) this.up();
  }

  override mount(options: string | null = this.driverOptions): string[] {
    return this.io.mount(this.file, options);
  }

  /** Opens an interface, and waits until its driver has found the link: nobody else is told of it. */
  override up(name = 'en0'): NetDevice {
    const device = this.device(name);
    this.machine.process(() => device.open());
    this.runUntil(() => this.config(name).media_rate > 0);
    return device;
  }

  view(name = 'en0'): ShimView {
    return shimView(this.ifp(name))!;
  }

  /** Rules that the driver has broken. */
  get rules(): string[] {
    return shimFindings(this.io).map(({ rule, message }) => `${rule} ${message}`);
  }
}
