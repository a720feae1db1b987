// Our PCnet judged by strangers: Debian's Linux with its own pcnet32 module, in v86. What is right is what Linux says is.

import { describe, expect, it } from 'vitest';
import type { PcnetVariant } from '../../src/chips/pcnet/model.ts';
import { linuxCardContract, linuxTcpContract } from '../contract/linux-card.ts';
import { hasGuests } from '../vocabulary/guest.ts';
import {
  awaitCarrier,
  bringUp,
  expectNothingVanished,
  GUEST_MAC,
  HOST_ADDRESS,
  pcnetCard,
  peerHost,
  SLOW_MS,
  useGuestLab,
} from '../vocabulary/guest-lab.ts';

const live = hasGuests();
const VARIANTS: PcnetVariant[] = ['Am79C973', 'Am79C970A'];
const NAMES = { Am79C973: 'PCnet/FAST III 79C973', Am79C970A: 'PCnet/PCI II 79C970A' } as const;
/** When it closes the card, Linux writes a reserved software style. */
const RESERVED_STYLE = /software style 4/;

const start = useGuestLab();

describe.skipIf(!live).each(VARIANTS)("Linux's pcnet32 on the %s", (variant) => {
  const fast = variant === 'Am79C973';
  const card = pcnetCard(variant);

  it('names the chip and finds nothing wrong with it', { timeout: SLOW_MS }, async () => {
    const { guest, link, clock, warnings } = await start(card);
    const { shell } = guest;
    peerHost(clock, link.a);
    await shell.succeed('modprobe pcnet32');
    const said = await shell.succeed('dmesg | grep pcnet32');
    const { ioBase, irq } = guest.attached;
    expect(said).toContain(`${NAMES[variant]} at 0x${ioBase.toString(16)}, ${GUEST_MAC} assigned IRQ ${irq}`);
    await shell.succeed('ip link set eth0 up');
    await awaitCarrier(guest, 1);
    expect(await shell.succeed('ethtool -i eth0')).toMatch(
      /^driver: pcnet32\n[\s\S]*bus-info: 0000:00:03\.0$/m,
    );
    const settings = await shell.succeed('ethtool eth0');
    expect(settings).toContain('Link detected: yes');
    if (fast) expect(settings).toMatch(/Speed: 100Mb\/s\s+Duplex: Full\s+Auto-negotiation: on/);
    expect(await shell.succeed('ethtool -g eth0')).toMatch(/TX:\s+16$/m);
    // ethtool knows the chip's registers, and its name by CSR88 and CSR89.
    const dump = await shell.succeed('ethtool -d eth0');
    expect(dump).toMatch(/^APROM: +0002 {2}0000 {2}0200 /m);
    expect(dump).toMatch(/^CSR0: .*\n +INT RXON TXON STRT INIT *$/m);
    expect(dump).toMatch(new RegExp(`^CSR88: .*\\n +${NAMES[variant]}$`, 'm'));
    expect(
      (await shell.run('dmesg | grep -iE "pcnet32.*(error|fail|timed out|bad)|nobody cared"')).output,
    ).toBe('');
    expect(warnings).toEqual([]);
  });

  it("passes the driver's own test", { timeout: SLOW_MS }, async () => {
    const lab = await start(card);
    const { guest, link, clock, warnings } = lab;
    peerHost(clock, link.a);
    await bringUp(lab);
    for (const mode of ['offline', 'online']) {
      const { output, status } = await guest.shell.run(`ethtool -t eth0 ${mode}`, 60_000);
      expect(output).toMatch(/The test result is PASS/);
      expect(output).toMatch(/Loopback test +\(offline\)\s+0$/m);
      expect(status).toBe(0);
    }
    // It works again afterwards.
    await awaitCarrier(guest, 1);
    expect(await guest.shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
    expect(warnings).toEqual([]);
    await expectNothingVanished(lab);
  });

  linuxCardContract(start, card, { expectedWarning: RESERVED_STYLE });

  it.runIf(fast)('loses its link and finds it again', { timeout: SLOW_MS }, async () => {
    const lab = await start(card);
    const { guest, link, clock } = lab;
    const { shell } = guest;
    peerHost(clock, link.a);
    await bringUp(lab);
    link.setCarrier(false);
    await awaitCarrier(guest, 0);
    expect(await shell.succeed('ethtool eth0')).toContain('Link detected: no');
    link.setCarrier(true);
    await awaitCarrier(guest, 1);
    expect(await shell.succeed('dmesg | grep "eth0: link"')).toMatch(
      /link up[\s\S]*link down\n[\s\S]*link up, 100Mbps, full-duplex/,
    );
    expect(await shell.succeed(`ping -c 3 ${HOST_ADDRESS}`)).toContain(' 0% packet loss');
  });
});

linuxTcpContract(start, pcnetCard('Am79C973'));
