// The vocabulary of guests itself: a Linux guest without any card of ours, and iPXE.

import { afterEach, describe, expect, it } from 'vitest';
import { type GuestImage, makeEmulator } from '../../src/lab/server/v86.ts';
import { type Guest, hasGuests, ipxeImage, linuxGuest, linuxImage, startGuest } from '../vocabulary/guest.ts';

const live = hasGuests();
const SLOW_MS = 300_000;

let guest: Guest<unknown> | null = null;
afterEach(async () => {
  await guest?.destroy();
  guest = null;
});

describe.skipIf(!live)('a Linux guest', () => {
  it('runs commands and gives their output and exit status', { timeout: SLOW_MS }, async () => {
    guest = await linuxGuest({ image: linuxImage() });
    const { shell } = guest;
    expect(await shell.succeed('uname -m')).toBe('i686');
    expect(await shell.run('echo one; echo two >&2; false')).toEqual({ output: 'one\ntwo', status: 1 });
    expect(await shell.run(`echo "it's"; printf '%s' '[[end 1'`)).toEqual({
      output: "it's\n[[end 1",
      status: 0,
    });
    // What reads its input gets none, rather than our next command.
    expect(await shell.run('cat; cd /tmp; x=1')).toEqual({ output: '', status: 0 });
    expect(await shell.succeed('pwd; echo $x')).toBe('/tmp\n1');
    expect((await shell.run('if')).status).not.toBe(0);
    expect(await shell.succeed('seq 1 400 | tail -1')).toBe('400');
    await expect(shell.run('echo before; sleep 100', 300)).rejects.toThrow(
      /sleep 100: .*within 300 ms; last:\n[\s\S]*before/,
    );
  });

  it('comes back from its state as often as wanted, each time as new', { timeout: SLOW_MS }, async () => {
    for (let i = 0; i < 2; i++) {
      guest = await linuxGuest({ image: linuxImage() });
      expect(await guest.shell.succeed('ls /tmp')).toBe('');
      await guest.shell.succeed('touch /tmp/been-here');
      await guest.destroy();
    }
  });

  it('has the network drivers and the programs that tests want', { timeout: SLOW_MS }, async () => {
    guest = await linuxGuest({ image: linuxImage() });
    for (const name of ['pcnet32', 'e100', 'e1000', 'e1000e', 'ne2k-pci', 'virtio_net', 'pktgen', '8021q']) {
      await guest.shell.succeed(`modprobe ${name}`);
    }
    expect(await guest.shell.succeed('ethtool --version')).toMatch(/^ethtool version/);
    expect(await guest.shell.succeed('iperf3 --version')).toMatch(/^iperf 3/);
  });

  it('runs what the kernel parameter softnet says, and ends by poweroff', { timeout: SLOW_MS }, async () => {
    guest = await startGuest({ image: linuxImage('softnet="echo said by $(hostname); ip -o link | wc -l"') });
    let halted = false;
    guest.emulator.add_listener('cpu-event-halt', () => {
      halted = true;
    });
    await guest.shell.expect(/said by guest\r\n1\r\n/, SLOW_MS);
    await guest.shell.expect('guest# ', SLOW_MS);
    guest.console.write('poweroff\n');
    await guest.shell.expect('System halted', SLOW_MS);
    await expect.poll(() => halted, { timeout: SLOW_MS }).toBe(true);
  });

  it('drives the card of the emulator itself, at the address it is given', { timeout: SLOW_MS }, async () => {
    for (const [netDevice, modules] of [
      ['ne2k', 'ne2k-pci'],
      ['virtio', 'virtio_pci virtio_net'],
    ] as const) {
      guest = await linuxGuest({ image: linuxImage(), netDevice, mac: [2, 0, 0, 0, 0, 0x86] });
      await guest.shell.succeed(`for m in ${modules}; do modprobe $m; done`);
      expect(await guest.shell.succeed('cat /sys/class/net/eth0/address')).toBe('02:00:00:00:00:86');
      await guest.destroy();
    }
  });
});

describe.skipIf(!live)('iPXE', () => {
  it('speaks on the VGA screen and listens to the keyboard', { timeout: SLOW_MS }, async () => {
    guest = await startGuest({ image: ipxeImage() });
    await guest.expectScreen(/Ctrl-B/, SLOW_MS);
    await guest.console.type('\x02');
    await guest.expectScreen(/iPXE>/, SLOW_MS);
    await guest.console.type('echo it hears\n');
    await guest.expectScreen(/^it hears$/m, SLOW_MS);
  });
});

describe('an image that cannot work', () => {
  const vgaBios = new Uint8Array(1024);
  vgaBios.set([0x55, 0xaa]);
  const kernel = new Uint8Array(1024);
  kernel.set([0x48, 0x64, 0x72, 0x53], 0x202);
  const good: GuestImage = { bios: new Uint8Array(65536), vgaBios, memoryBytes: 16 * 1024 * 1024 };

  it.each<[string, Partial<GuestImage>, RegExp]>([
    ['memory that is no power of two', { memoryBytes: 100e6 }, /a power of two from 16 MiB/],
    ['a BIOS of no usual size', { bios: new Uint8Array(100) }, /bios\.bin has 131072/],
    ['a VGA BIOS without its mark', { vgaBios: new Uint8Array(1024) }, /begin with 55 AA/],
    ['half a CD', { cdrom: new Uint8Array(1000) }, /multiple of 2048/],
    ['a kernel of another format', { kernel: new Uint8Array(1024) }, /bzImage/],
    ['an initrd without a kernel', { initrd: new Uint8Array(10) }, /need a kernel/],
    ['an initrd beyond memory', { kernel, initrd: new Uint8Array(10) }, /does not fit/],
    ['an endless command line', { kernel, commandLine: 'x'.repeat(3000) }, /at most 2047/],
  ])('%s is refused', async (_, wrong, message) => {
    await expect(makeEmulator({ ...good, ...wrong })).rejects.toThrow(message);
  });

  it('a MAC address without a card is refused', async () => {
    await expect(makeEmulator(good, { mac: [2, 0, 0, 0, 0, 1] })).rejects.toThrow(/belongs to a netDevice/);
    await expect(makeEmulator(good, { netDevice: 'ne2k', mac: [2, 0] })).rejects.toThrow(/six octets/);
  });
});
