// The host's side of a scenario, in place of protocols: takes test frames from the device layer, keeps them or sends them
// back, and sends packets in as many pieces as a scenario wants.

import type { Machine } from '../kernel/machine.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { ETH_ALEN, ETH_HLEN } from '../net/ether.ts';
import type { DeviceLayer } from '../net/layer.ts';
import { TEST_TYPE } from './frames.ts';

const KEPT_FRAMES = 8192;
/** Left free in front of each piece of a packet. */
const HEADROOM = 64;

export class HostEnd {
  /** Test frames that reached the protocols, oldest first, headers included. At most KEPT_FRAMES. */
  readonly received: Uint8Array[] = [];
  unkept = 0;
  /** Test frames at all. */
  count = 0;
  /** Every test frame goes back to where it came from, and is not kept. */
  echo = false;
  private readonly machine: Machine;

  constructor(machine: Machine, layer: DeviceLayer) {
    this.machine = machine;
    layer.packetTypes.add({
      name: 'scenario',
      type: TEST_TYPE,
      device: null,
      receive: (m, device) => this.take(m, device),
    });
  }

  /** Offers a packet with these bytes to the device, in pieces: `cuts` are the lengths of all but the last. */
  send(device: NetDevice, bytes: Uint8Array, cuts: readonly number[] = []): void {
    this.machine.process(() => device.transmit(this.packet(bytes, cuts)));
  }

  clear(): void {
    this.received.length = 0;
  }

  private packet(bytes: Uint8Array, cuts: readonly number[]): Mbuf {
    const { mbufs } = this.machine;
    let at = 0;
    let packet: Mbuf | null = null;
    for (const length of [...cuts, bytes.length]) {
      const piece = mbufs.fromBytes(bytes.subarray(at, at + length), HEADROOM);
      if (piece === null) {
        mbufs.freem(packet);
        throw new Error(`the machine is out of buffers: ${mbufs.inUse} of ${mbufs.mbufs.length} in use`);
      }
      at = Math.min(at + length, bytes.length);
      if (packet === null) packet = piece;
      else mbufs.cat(packet, piece);
    }
    return packet as Mbuf;
  }

  private take(m: Mbuf, device: NetDevice): void {
    this.count++;
    const { u8 } = this.machine.memory;
    if (!this.echo) {
      if (this.received.length < KEPT_FRAMES)
        this.received.push(u8.slice(m.data - ETH_HLEN, m.data + m.length));
      else this.unkept++;
      this.machine.mbufs.freem(m);
      return;
    }
    m.data -= ETH_HLEN;
    m.length += ETH_HLEN;
    m.packetLength += ETH_HLEN;
    for (let i = 0; i < ETH_ALEN; i++) {
      u8[m.data + i] = u8[m.data + ETH_ALEN + i];
      u8[m.data + ETH_ALEN + i] = device.address[i];
    }
    device.transmit(m);
  }
}
