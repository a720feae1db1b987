// Coming up: probe, open, the link, and what card and driver say of themselves.

import { CHIP_ID, CHIP_ID_MASK, CSR, CSR0 } from '../../chips/pcnet/sheet.ts';
import { IFF_RUNNING, IFF_UP } from '../../net/device.ts';
import { formatMac } from '../../net/ether.ts';
import type { Bench } from '../bench.ts';
import type { Scenario } from '../scenario.ts';
import { echoSome } from '../traffic.ts';

export const bringUp: Scenario = {
  name: 'bring-up',
  needs: 'native',
  description: 'probe finds the chip and its address, open starts it, the link is there at its rate',
  run: async (bench) => {
    const { check, subject } = bench;
    const before = bench.census();
    bench.bind();
    const { device } = bench;
    check.equal('the address is that of the PROM', formatMac(device.address), formatMac(subject.mac));
    check.that(
      'the driver names the chip',
      subject.log.some((line) => line.includes(subject.chip)),
      () => `${subject.chip} is not in the log: ${bench.logText}`,
    );
    check.equal('the device is down at first', device.up, false);
    bench.open();
    check.equal('the device is up', (device.flags & IFF_UP) !== 0, true);
    await bench.carrier();
    check.equal('the device runs', (device.flags & IFF_RUNNING) !== 0, true);
    check.equal('the rate is that of the port', device.link.bitsPerSecond, subject.bitsPerSecond);
    if (device.ops.registerDump !== undefined) {
      const csr0 = readDump(bench).get('CSR0') ?? 0;
      check.that(
        'receiver and transmitter are on',
        (csr0 & (CSR0.RXON | CSR0.TXON | CSR0.STOP)) === (CSR0.RXON | CSR0.TXON),
        () => `CSR0 is 0x${csr0.toString(16)}`,
      );
    }
    check.equal('the driver counts no errors', JSON.stringify(device.dropReport()), '{}');
    bench.closeDevice();
    check.equal('the device is down again', device.up || device.carrier, false);
    bench.unbind();
    bench.sameCensus('nothing is left behind', before);
  },
};

export const registerDump: Scenario = {
  name: 'register dump',
  needs: 'ethtool',
  description: 'ethtool -d shows what was set up, and disturbs nothing',
  run: async (bench) => {
    const { check, subject } = bench;
    await bench.up({ rxRing: 32, txRing: 16 });
    await echoSome(bench);
    const dump = readDump(bench);
    const csr = (number: number): number => dump.get(`CSR${number}`) ?? -1;
    const id = csr(CSR.CHIPID_LOW) + csr(CSR.CHIPID_HIGH) * 0x10000;
    check.equal(
      'the chip id is that of the chip',
      id & CHIP_ID_MASK,
      CHIP_ID[subject.chip as keyof typeof CHIP_ID],
    );
    const { device } = bench;
    for (let i = 0; i < 3; i++) {
      const octets = device.address[2 * i] | (device.address[2 * i + 1] << 8);
      check.equal('CSR12 to 14 hold the address', csr(CSR.PADR + i), octets);
    }
    check.equal('CSR58 shows software style 3', csr(CSR.SWS) & 0xff, 3);
    check.equal("CSR76 shows the receive ring as two's complement", csr(CSR.RCVRL), -32 & 0xffff);
    check.equal("CSR78 shows the transmit ring as two's complement", csr(CSR.XMTRL), -16 & 0xffff);
    const { rxRing, txRing } = bench.adapter;
    check.equal(
      'CSR24 and 25 point to the receive ring',
      csr(CSR.BADR) + csr(CSR.BADR + 1) * 0x10000,
      rxRing.address,
    );
    check.equal(
      'CSR30 and 31 point to the transmit ring',
      csr(CSR.BADX) + csr(CSR.BADX + 1) * 0x10000,
      txRing.address,
    );
    check.equal('no frame was missed', csr(CSR.MFC), 0);
    await echoSome(bench);
  },
};

export function readDump(bench: Bench): Map<string, number> {
  const { device, subject } = bench;
  const { registers } = subject.machine.process(() => device.ops.registerDump!());
  return new Map(registers.map(({ name, value }) => [name, value]));
}
