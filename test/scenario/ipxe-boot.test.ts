// iPXE boots from our card: an address by DHCP, a script and then a file over TFTP, all served by a host of ours. What lies
// in the guest's memory afterwards is compared byte for byte.

import { afterEach, expect, it } from 'vitest';
import { attachNic } from '../../src/attach/v86/attach.ts';
import { internals } from '../../src/attach/v86/emulator.ts';
import { Pcnet } from '../../src/chips/pcnet/model.ts';
import { DhcpServer } from '../../src/inet/dhcp-server.ts';
import { TftpServer } from '../../src/inet/tftp-server.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { Random } from '../../src/kernel/random.ts';
import { FramePool } from '../../src/wire/frame.ts';
import { Link } from '../../src/wire/link.ts';
import { type Guest, hasGuests, ipxeImage, startGuest } from '../vocabulary/guest.ts';
import { HOST_ADDRESS, peerHost } from '../vocabulary/guest-lab.ts';

const SLOW_MS = 300_000;
const FILE_BYTES = 1_500_001;
const SCRIPT = '#!ipxe\nimgfetch data.bin && echo have-it-all || echo have-it-not\nsleep 1000\n';

let guest: Guest<unknown> | null = null;
afterEach(() => guest?.destroy());

it.skipIf(!hasGuests())('iPXE gets a served file byte for byte', { timeout: SLOW_MS }, async () => {
  const clock = new SystemClock(() => performance.now());
  const link = new Link({ name: 'cable', clock, pool: new FramePool() });
  const { stack, device, machine } = peerHost(clock, link.a);
  const random = new Random(7, 'file');
  const data = Uint8Array.from({ length: FILE_BYTES }, () => random.below(256));
  const files = new Map([
    ['boot.ipxe', new TextEncoder().encode(SCRIPT)],
    ['data.bin', data],
  ]);
  const [dhcp, tftp] = machine.process(() => [
    new DhcpServer(stack, { device, first: 0x0a000064, last: 0x0a000065, bootFile: 'boot.ipxe' }),
    new TftpServer(stack, { files }),
  ]);
  guest = await startGuest({
    image: ipxeImage(),
    clock,
    attach: (emulator) =>
      attachNic(
        emulator,
        (host) => new Pcnet(host, link.b, { variant: 'Am79C970A', mac: [2, 0, 0, 0, 0, 2] }),
        { clock },
      ),
  });
  const screen = await guest.expectScreen(/have-it-\w+/, SLOW_MS - 10_000);
  expect(screen).toContain('have-it-all');
  expect(screen).toContain(`tftp://${HOST_ADDRESS}/boot.ipxe... ok`);
  expect(dhcp.leases).toMatchObject([{ mac: '02:00:00:00:00:02', state: 'bound' }]);
  // iPXE goes on when it has the last block; its acknowledgement may still be on the wire.
  await expect
    .poll(() => tftp.transfers.map(({ file, state }) => `${file} ${state}`), { timeout: 10_000 })
    .toEqual(['data.bin done', 'boot.ipxe done']);
  const memory = Buffer.from(internals(guest.emulator).mem8);
  expect(memory.indexOf(data)).toBeGreaterThan(0);
  expect(stack.balance().missing).toBe(0);
});
