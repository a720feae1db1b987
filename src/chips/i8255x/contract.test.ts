// The 8255x keeps the contract of a chip.

import { type ChipRig, chipContract } from '../../../test/contract/chip.ts';
import { FakeHost, FakeMedium } from '../testing.ts';
import { CB, CMD, COMMAND, RFD } from './blocks.ts';
import { I8255x, type I8255xModel } from './model.ts';
import { CSR, CUC, CUC_SHIFT, RUC } from './sheet.ts';

const MEMORY_BYTES = 1 << 16;

function rig(model: I8255xModel): ChipRig {
  const host = new FakeHost(MEMORY_BYTES);
  const medium = new FakeMedium();
  const mac = [2, 0, 0, 0, 0, 1];
  return { host, medium, chip: new I8255x(host, medium, { model, mac, negotiationNs: 1_000_000 }) };
}

/** Lists, descriptors and commands in low memory. */
function stir({ chip, host }: ChipRig, a: number, b: number): void {
  const { dma, memory } = host;
  const scb = (command: number, pointer: number): void => {
    chip.writeBar(0, CSR.SCB_POINTER, 4, pointer);
    chip.writeBar(0, CSR.SCB_COMMAND, 1, command);
  };
  const block = 0x1000 + 0x40 * (b % 8);
  switch (a % 8) {
    case 0:
    case 1:
      memory.u16[(block + CB.COMMAND) >> 1] = (b & 0xe008) | CMD.TRANSMIT;
      memory.u32[(block + CB.LINK) >> 2] = 0x1000 + 0x40 * (a % 5);
      memory.u32[(block + CB.TBD_ARRAY) >> 2] = 0x2000;
      memory.u32[(block + CB.BYTE_COUNT) >> 2] = 0x01018000 | (b % 48);
      memory.u32[0x2000 >> 2] = 0x3000;
      memory.u32[0x2004 >> 2] = a % 2000;
      return;
    case 2:
      memory.u16[(block + CB.COMMAND) >> 1] = (b & 0xe000) | ((a >> 3) % 8);
      return;
    case 3:
      scb(CUC.START << CUC_SHIFT, block);
      return;
    case 4:
      for (let i = 0; i < 4; i++) {
        const at = 0x8000 + 0x800 * i;
        dma.write16(at + RFD.STATUS, 0);
        dma.write16(at + RFD.COMMAND, i === 3 ? [COMMAND.EL, COMMAND.S, 0][b % 3] : 0);
        dma.write32(at + RFD.LINK, 0x8000 + 0x800 * ((i + 1) % 4));
        dma.write16(at + RFD.SIZE, b % 2000);
      }
      scb(RUC.START, 0x8000);
      return;
    case 5:
      scb([CUC.RESUME, CUC.STATIC_RESUME, CUC.LOAD_DUMP_ADDRESS, CUC.DUMP_STATISTICS][b % 4] << CUC_SHIFT, b);
      return;
    case 6:
      chip.writeBar(1, CSR.PORT, 4, b & 0xfffffff3);
      return;
    default:
      // Promiscuous, now and then in loopback.
      memory.u8.set(
        [22, 8, 0, 0, 0, 0, 0x32, 2, 1, 0, b % 4 === 0 ? 0x6e : 0x2e, 0, 0x60, 0, 0xf2, 0xc9],
        block + 8,
      );
      memory.u16[(block + CB.COMMAND) >> 1] = COMMAND.EL | CMD.CONFIGURE;
      scb(CUC.START << CUC_SHIFT, block);
  }
}

chipContract('i82559er', () => rig('i82559er'), {
  stir,
  stranger: () => rig('i82557b').chip,
  keptByReset: {
    counters: 'the books of the model, not of the chip',
    begun: 'the same',
    eeprom: 'it does not forget, and its pins are not behind RST#',
  },
});
