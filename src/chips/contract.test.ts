// Every chip model keeps the contract of a chip.

import { type ChipRig, chipContract } from '../../test/contract/chip.ts';
import type { PciChip } from '../bus/host.ts';
import { Pcnet, type PcnetVariant } from './pcnet/model.ts';
import { FakeHost, FakeMedium } from './testing.ts';

const MEMORY_BYTES = 1 << 16;
const PCNET_VARIANTS: readonly PcnetVariant[] = ['Am79C970A', 'Am79C973'];

function pcnet(variant: PcnetVariant): ChipRig & { chip: PciChip } {
  const host = new FakeHost(MEMORY_BYTES);
  const medium = new FakeMedium();
  const mac = [2, 0, 0, 0, 0, 1];
  return { host, medium, chip: new Pcnet(host, medium, { variant, mac, negotiationNs: 1_000_000 }) };
}

/** Registers, commands and rings in low memory, in word mode. */
function stirPcnet({ chip, host }: ChipRig, a: number, b: number): void {
  const csr = (register: number, value: number): void => {
    chip.writeBar(0, 0x12, 2, register);
    chip.writeBar(0, 0x10, 2, value);
  };
  switch (a % 8) {
    case 0:
      csr(b % 128, a ^ b);
      return;
    case 1:
      chip.writeBar(0, 0x12, 2, b % 64);
      chip.writeBar(0, 0x16, 2, a ^ b);
      return;
    case 2:
      // Rings by registers alone, then start.
      for (const [register, value] of [
        [0, 0x0004],
        [58, [2, 3, 0][b % 3]],
        [24, 0x1000],
        [25, 0],
        [30, 0x2000],
        [31, 0],
        [76, 0xfff8],
        [78, 0xfff8],
        [15, [0, 0x8000, 0x0044][b % 3]],
        [0, 0x0042],
      ])
        csr(register, value);
      return;
    case 3:
      host.memory.u32.fill(0x83000000 | (a << 12), 0x400, 0x420);
      return;
    case 4:
      host.memory.u32.fill(0x8300ff80, 0x800, 0x820);
      csr(0, 0x0048);
      return;
    case 5:
      csr(5, b & 1);
      return;
    case 6:
      csr(0, [0x0004, 0x0042, 0x7f40, 0x0001][b % 4]);
      return;
    default:
      csr(4, (b & 0x1ff0) | 0x0100);
  }
}

PCNET_VARIANTS.forEach((variant, i) => {
  chipContract(variant, () => pcnet(variant), {
    stir: stirPcnet,
    stranger: () => pcnet(PCNET_VARIANTS[1 - i]).chip,
    keptByReset: {
      counters: 'the books of the model, not of the chip',
      csr: 'H_RESET leaves addresses, filter and ring registers as they are ("Register Programming Summary")',
      rx: 'positions in the rings are registers that H_RESET leaves as they are',
      tx: 'the same',
    },
  });
});
