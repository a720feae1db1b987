// Driver options, and what drivers tell of themselves.

import { expect, test } from 'vitest';
import { EINVAL, EOK, EOPNOTSUPP } from './errno.ts';
import { ether_ioctl } from './ether-ioctl.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  NIC_CONNECTOR_FIBER,
  NIC_FLAG_MULTICAST,
  NIC_FLAG_PROMISCUOUS,
  nic_config_t,
  nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from './nic.ts';
import {
  nic_check_options,
  nic_parse_options,
  optionValue,
  parseNumber,
  parseOptions,
} from './nic-options.ts';
import { SIOCGDRVCOM } from './sockio.ts';
import { host } from './testing.ts';
import { XX } from './testing-driver.ts';

test('options are read one by one', () => {
  expect(parseOptions('irq=5, verbose,mac=,name=a=b,')).toEqual([
    { key: 'irq', value: '5' },
    { key: 'verbose', value: null },
    { key: 'mac', value: '' },
    { key: 'name', value: 'a=b' },
  ]);
  expect([parseOptions(null), optionValue('a=1,a=2', 'a'), optionValue('a', 'a')]).toEqual([[], '2', null]);
  expect(['0x1f', '017', '12', '-1', 'x', '', null].map(parseNumber)).toEqual([
    31,
    15,
    12,
    -1,
    null,
    null,
    null,
  ]);
});

test('nic_parse_options takes what every driver takes', () => {
  const cfg = new nic_config_t();
  cfg.flags = NIC_FLAG_MULTICAST;
  const options = [
    'vid=0x8086',
    'did=0x1229',
    'pci=1',
    'lan=3',
    'mtu=1500',
    'mru=1500',
    'speed=100',
    'duplex=1',
    'irq=5',
    'irq=9',
    'dma=2',
    'ioport=0x300',
    'smem=0xd0000',
    'smemsz=0x4000',
    'memrange=0xe0000000:4096',
    'iorange=0x1080:0x80',
    'mac=000c29dd3528',
    'nomulticast',
    'promiscuous',
    'verbose',
    'verbose=3',
    'connector=fiber',
    'phy=1',
    'priority=30',
    'uptype=en',
    'iftype=6',
    'media=0',
    'deviceindex=1',
    'name=fec',
  ];
  for (const option of options) expect([option, nic_parse_options(cfg, option)]).toEqual([option, EOK]);
  expect(nic_check_options(cfg)).toBe(EOK);
  expect(cfg).toMatchObject({
    vendor_id: 0x8086,
    device_id: 0x1229,
    device_index: 1,
    lan: 3,
    media_rate: 100_000,
    duplex: 1,
    num_irqs: 2,
    num_io_windows: 2,
    num_mem_windows: 2,
    flags: NIC_FLAG_PROMISCUOUS,
    verbose: 3,
    connector: NIC_CONNECTOR_FIBER,
    phy_addr: 1,
    priority: 30,
  });
  expect([...cfg.current_address.subarray(0, 6)]).toEqual([0, 0x0c, 0x29, 0xdd, 0x35, 0x28]);
  expect([cfg.io_window_base[1], cfg.io_window_size[1], cfg.mem_window_size[0]]).toEqual([
    0x1080, 0x80, 0x4000,
  ]);
});

test('nic_parse_options refuses unknown keys, missing and impossible values', () => {
  const cfg = new nic_config_t();
  const wrong = [
    'bogus',
    'irq',
    'irq=x',
    'speed=0',
    'speed',
    'duplex=2',
    'mac=01020304050',
    'mac=010c29dd3528',
    'mac=000000000000',
    'phy=32',
    'mtu=10',
    'memrange=1',
    'memrange=1:2:3',
    'nomulticast=1',
    'connector=rope',
    'uptype=',
    'verbose=x',
    'name',
    '',
  ];
  for (const option of wrong) expect([option, nic_parse_options(cfg, option)]).toEqual([option, EINVAL]);
  for (let i = 0; i < 8; i++) expect(nic_parse_options(cfg, `irq=${i}`)).toBe(EOK);
  expect(nic_parse_options(cfg, 'irq=9')).toBe(EINVAL);
  nic_parse_options(cfg, 'speed=100');
  expect(nic_check_options(cfg)).toBe(EINVAL);
});

for (const [whose, bare] of [
  ['the driver', false],
  ['io-pkt, for a driver that does not', true],
] as const) {
  test(`SIOCGDRVCOM is answered by ${whose}`, () => {
    const it = host({
      fn: {
        ioctl: (ifp, cmd, data) => (bare && cmd === SIOCGDRVCOM ? ether_ioctl : XX.ioctl)(ifp, cmd, data),
      },
    });
    it.io.mount('xx', 'lan=0');
    it.up();
    it.run(3_000_000_000);
    it.send(1);
    it.card.arrive(it.packet(2));
    it.run(1000);
    it.run(3_000_000_000);
    const config = new nic_config_t();
    const stats = new nic_stats_t();
    const ask = (ifdc_cmd: number, ifdc_len: number, ifdc_data: nic_config_t | nic_stats_t) =>
      it.io.ioctl('xx0', SIOCGDRVCOM, { ifdc_name: 'xx0', ifdc_cmd, ifdc_len, ifdc_data });
    expect(ask(DRVCOM_CONFIG, sizeof_nic_config_t, config)).toBe(EOK);
    expect(ask(DRVCOM_STATS, sizeof_nic_stats_t, stats)).toBe(EOK);
    expect(config).toMatchObject({ lan: 0, mtu: 1514, media_rate: 100_000, duplex: 1 });
    expect([...config.current_address]).toEqual([2, 0, 0, 0, 0, 1, 0, 0]);
    expect(stats).toMatchObject({ txed_ok: 1, rxed_ok: 1, octets_txed_ok: 60, octets_rxed_ok: 60 });
    expect(ask(DRVCOM_CONFIG, sizeof_nic_stats_t, config)).toBe(EINVAL);
    expect(ask(DRVCOM_STATS, 0, stats)).toBe(EINVAL);
    if (bare) expect(ask(0x999, 0, stats)).toBe(EOPNOTSUPP);
    // A copy: writing into it changes nothing.
    config.current_address.fill(9);
    expect(it.softcs[0].cfg.current_address[5]).toBe(1);
  });
}
