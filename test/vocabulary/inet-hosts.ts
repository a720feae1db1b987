// Hosts with a protocol stack, joined by pair devices, for tests of the protocols.

import { expect } from 'vitest';
import { InetStack } from '../../src/inet/stack.ts';
import { VirtualClock } from '../../src/kernel/clock.ts';
import { Machine } from '../../src/kernel/machine.ts';
import { type CpuProfile, IDEAL } from '../../src/kernel/profile.ts';
import { DeviceLayer } from '../../src/net/layer.ts';
import { PfifoFast } from '../../src/qdisc/pfifo-fast.ts';
import { PairDevice, type PairOptions } from './pair-device.ts';

export class Host {
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly stack: InetStack;
  readonly ends: PairDevice[] = [];

  constructor(name: string, clock: VirtualClock, profile: CpuProfile = IDEAL, debugMbufs = false) {
    this.machine = new Machine({ name, clock, profile, mbufs: 1024, clusters: 512, debugMbufs });
    this.layer = new DeviceLayer(this.machine);
    this.layer.defaultQdisc = (length) => new PfifoFast(length);
    this.stack = new InetStack(this.layer);
  }

  get device() {
    return this.ends[0].device;
  }

  /** Another end, registered and not yet up. */
  plug(options: PairOptions = {}): PairDevice {
    const end = new PairDevice(this.layer, { irq: 10 + this.ends.length, ...options });
    this.layer.register(end.device);
    this.ends.push(end);
    return end;
  }

  up(index: number, address: string): void {
    const { device } = this.ends[index];
    this.machine.process(() => {
      device.open();
      this.stack.addAddress(device, address);
    });
  }

  /** Every packet is accounted for, and every buffer that is not waiting somewhere is back in the pool. */
  expectBalanced(): void {
    const balance = this.stack.balance();
    expect(balance.missing).toBe(0);
    let waiting = balance.held;
    for (const { device } of this.ends) waiting += device.queued;
    expect(this.machine.mbufs.inUse).toBe(waiting);
  }
}

export function connect(left: PairDevice, right: PairDevice): void {
  left.peer = right;
  right.peer = left;
}

export interface TwoHosts {
  clock: VirtualClock;
  a: Host;
  b: Host;
}

export interface TwoHostsOptions extends PairOptions {
  /** Red zones, poison and histories for packet buffers: about a millisecond a packet. */
  debugMbufs?: boolean;
}

/** a (10.0.0.1) and b (10.0.0.2) on one link, up. */
export function twoHosts(options: TwoHostsOptions = {}, profile: CpuProfile = IDEAL): TwoHosts {
  const clock = new VirtualClock();
  const a = new Host('a', clock, profile, options.debugMbufs);
  const b = new Host('b', clock, profile, options.debugMbufs);
  connect(a.plug(options), b.plug(options));
  a.up(0, '10.0.0.1/24');
  b.up(0, '10.0.0.2/24');
  return { clock, a, b };
}
