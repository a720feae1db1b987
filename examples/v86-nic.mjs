// For programs that use the emulator v86 already: its guest, here iPXE, gets a PCnet of ours, whose frames go over v86's own
// network bus, to whatever adapter the emulator has. Here nobody is there; the frames are printed.
//
//   npm run guests                 once: fetches iPXE
//   node examples/v86-nic.mjs

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attachNic, busMedium, FramePool, Pcnet, SystemClock, startPolling } from '../dist/index.js';

const guests = fileURLToPath(new URL('../labs/guests/', import.meta.url));
if (!existsSync(join(guests, 'ipxe.iso'))) {
  console.log('there is no guest: npm run guests would fetch one');
  process.exit();
}
const image = (name) => ({ buffer: Uint8Array.from(readFileSync(join(guests, name))).buffer });
const { V86 } = await import('v86');
const emulator = new V86({
  wasm_path: join(dirname(fileURLToPath(import.meta.resolve('v86'))), 'v86.wasm'),
  bios: image('bios.bin'),
  vga_bios: image('vgabios.bin'),
  cdrom: image('ipxe.iso'),
  memory_size: 32 * 1024 * 1024,
  net_device: { type: 'none' },
  disable_speaker: true,
  autostart: false,
});
await new Promise((resolve) => emulator.add_listener('emulator-ready', resolve));

const clock = new SystemClock(() => performance.now());
const stopPolling = startPolling(clock, setTimeout);
const medium = busMedium(emulator, new FramePool());
const mac = [0x02, 0, 0, 0, 0, 0x01];
const nic = attachNic(emulator, (host) => new Pcnet(host, medium, { variant: 'Am79C973', mac }), { clock });
console.log(`PCnet in slot ${nic.slot}, I/O ports from 0x${nic.ioBase.toString(16)}`);

let frames = 0;
const done = new Promise((resolve) => {
  emulator.add_listener('net0-send', (frame) => {
    const type = (frame[12] * 256 + frame[13]).toString(16).padStart(4, '0');
    console.log(
      `${frame.length} bytes to ${Buffer.from(frame.subarray(0, 6)).toString('hex')}, type 0x${type}`,
    );
    if (++frames === 3) resolve();
  });
});
await emulator.run();
await done;
stopPolling();
await emulator.destroy();
