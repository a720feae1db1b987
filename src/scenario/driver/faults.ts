// What comes from outside: a card that another driver left in disorder, a card that does not answer for a while.

import { COMMAND_INTX_DISABLE, PCI_COMMAND } from '../../bus/pci-config.ts';
import { BCR, BCR4, CSR, CSR0, CSR4, CSR5, CSR15, CSR124, DWIO } from '../../chips/pcnet/sheet.ts';
import { formatMac } from '../../net/ether.ts';
import type { Bench } from '../bench.ts';
import { BROADCAST } from '../frames.ts';
import { LOSS_MS } from '../limits.ts';
import type { Scenario } from '../scenario.ts';
import { echoSome, hears } from '../traffic.ts';

/** What another driver, or none, may leave behind: what S_RESET does not undo, and what it does. */
function disorder(bench: Bench): void {
  const { pci, machine } = bench.subject;
  const window = pci.registers(1);
  const csr = (register: number, value: number): void => {
    window.write32(DWIO.RAP, register);
    window.write32(DWIO.RDP, value);
  };
  const bcr = (register: number, value: number): void => {
    window.write32(DWIO.RAP, register);
    window.write32(DWIO.BDP, value);
  };
  machine.process(() => {
    pci.enable();
    window.write32(DWIO.RDP, 0);
    csr(0, CSR0.STOP);
    bcr(BCR.SWS, 2);
    bcr(BCR.LNKST, BCR4.RCVE | BCR4.LEDDIS);
    csr(3, 0x5f00);
    csr(4, CSR4.EN124 | CSR4.TXDPOLL | CSR4.ASTRP_RCV);
    csr(5, CSR5.LTINTEN | CSR5.TOKINTD);
    for (let i = 0; i < 4; i++) csr(CSR.LADRF + i, 0xffff);
    for (let i = 0; i < 3; i++) csr(CSR.PADR + i, 0x4444);
    csr(CSR.TEST, CSR124.RPA);
    csr(CSR.TXPOLLINT, 0xff00);
    csr(
      CSR.MODE,
      CSR15.PROM | CSR15.DRCVBC | CSR15.DXMTFCS | CSR15.LOOP | CSR15.INTL | CSR15.DRX | CSR15.DTX,
    );
    // RAP stays somewhere that a careless write harms.
    window.write32(DWIO.RAP, CSR.MODE);
    pci.disable();
  });
}

export const foundInDisorder: Scenario = {
  name: 'found in disorder',
  needs: 'PCnet',
  description:
    'a card that was left with other modes, masks, filters and address works as one fresh from reset',
  run: async (bench) => {
    const { check, subject } = bench;
    disorder(bench);
    await bench.up();
    const { device } = bench;
    check.equal('the address is that of the PROM', formatMac(device.address), formatMac(subject.mac));
    const stranger = bench.frame(60, Uint8Array.of(0x02, 0, 0, 0, 0, 0x77));
    const group = bench.frame(60, Uint8Array.of(0x01, 0x00, 0x5e, 0, 0, 1));
    const broadcast = bench.frame(60, BROADCAST);
    await hears(bench, 'the filter is as fresh', [stranger, group, broadcast], [broadcast]);
    await echoSome(bench);
    subject.setLink(false);
    await bench.until('the loss of the link is noticed', () => !device.carrier, LOSS_MS);
    subject.setLink(true);
    await bench.carrier();
    await echoSome(bench);
    bench.conserved();
  },
};

export const lostAndFound: Scenario = {
  name: 'lost and found',
  needs: 'native',
  description:
    'a card that does not answer any more is given up and told of; when it answers again it works again',
  run: async (bench) => {
    await bench.up();
    const { device, subject, check, host } = bench;
    const { pci } = subject;
    await echoSome(bench);
    for (let round = 0; round < 2; round++) {
      const told = subject.log.length;
      const command = pci.readConfig(PCI_COMMAND, 2);
      // As when it was pulled out: reads give ones, no memory is reached, no interrupt comes.
      pci.writeConfig(PCI_COMMAND, 2, COMMAND_INTX_DISABLE);
      for (let i = 0; i < 10; i++) host.send(device, bench.frameOut(100));
      await bench.until('the loss of the card is noticed', () => !device.carrier, LOSS_MS);
      check.that(
        'people are told',
        subject.log.slice(told).some((line) => line.includes('does not answer')),
        () => `log: ${bench.logText}`,
      );
      check.equal('no packet stays with the card', device.ops.held!(), 0);
      bench.conserved();
      await subject.rest(1000);
      pci.writeConfig(PCI_COMMAND, 2, command);
      await bench.carrier();
      await bench.quiet();
      await echoSome(bench);
    }
    bench.conserved();
  },
};
