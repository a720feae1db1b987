// A small driver of the core's own interface for the made-up card: NAPI, a ring each way, nothing else. Its functions may be
// replaced, which is how the core's rules are broken one at a time.

import { CAUSE_LINK, GONE, type TestCard, TX_LAST } from '../iopkt/testing-card.ts';
import type { IrqAction } from '../kernel/irq.ts';
import type { Machine } from '../kernel/machine.ts';
import { type Mbuf, MCLBYTES } from '../mbuf/mbuf.ts';
import { NetDevice } from '../net/device.ts';
import { isValidStation } from '../net/ether.ts';
import type { DeviceLayer } from '../net/layer.ts';
import { Napi } from '../net/napi.ts';
import { madeUpMachine } from './machines.ts';
import { Rig } from './rig.ts';
import type { VerifierSubject } from './subjects.ts';

const LINK_BIT = 4;

export interface CoreFunctions {
  open(nic: CoreNic): void;
  startXmit(nic: CoreNic, m: Mbuf): boolean;
  poll(nic: CoreNic, budget: number): number;
  handUp(nic: CoreNic, m: Mbuf): void;
}

export class CoreNic {
  readonly card: TestCard;
  readonly machine: Machine;
  readonly device: NetDevice;
  readonly napi: Napi;
  readonly fn: CoreFunctions;
  action: IrqAction | null = null;
  readonly rx: (Mbuf | null)[] = [];
  readonly tx: (Mbuf | null)[] = [];
  rxNext = 0;
  txNext = 0;
  txOldest = 0;
  txFree: number;

  constructor(layer: DeviceLayer, card: TestCard, functions: Partial<CoreFunctions> = {}) {
    this.card = card;
    this.machine = layer.machine;
    this.fn = { open, startXmit, poll, handUp, ...functions };
    this.txFree = card.slots;
    for (let i = 0; i < card.slots; i++) {
      this.rx.push(null);
      this.tx.push(null);
    }
    this.device = new NetDevice(layer, 'eth0', {
      open: () => this.fn.open(this),
      stop: () => stop(this),
      startXmit: (m) => this.fn.startXmit(this, m),
      held: () => card.slots - this.txFree,
    });
    this.device.address.set(card.mac);
    this.napi = new Napi(layer.softnet, 'eth0', (budget) => this.fn.poll(this, budget));
  }
}

// ---- open and stop

function open(nic: CoreNic): void {
  const { card, machine, device } = nic;
  for (let i = 0; i < card.slots; i++) {
    const m = device.allocReceive();
    if (m === null) {
      freeRings(nic);
      throw new Error('eth0: no buffers for the receive ring');
    }
    nic.rx[i] = m;
    card.rxAddress[i] = m.data;
  }
  nic.rxNext = nic.txNext = nic.txOldest = 0;
  nic.txFree = card.slots;
  nic.napi.enable();
  nic.action = machine.irq.request(card.irq, 'eth0', () => interrupt(nic));
  card.writeRun(true);
  card.rxLength.fill(0);
  card.writeMask(false);
  device.txQueues[0].start();
  device.setCarrier(linkUp(nic));
}

function stop(nic: CoreNic): void {
  const { card, machine, device } = nic;
  card.writeMask(true);
  nic.napi.disable();
  reap(nic);
  card.writeRun(false);
  device.txQueues[0].stop();
  device.setCarrier(false);
  if (nic.action !== null) machine.irq.free(card.irq, nic.action);
  nic.action = null;
  freeRings(nic);
}

function freeRings(nic: CoreNic): void {
  const { device, machine } = nic;
  for (let i = 0; i < nic.card.slots; i++) {
    const sent = nic.tx[i];
    if (sent !== null) device.transmitDone(sent, false);
    const free = nic.rx[i];
    if (free !== null) machine.mbufs.freem(free);
    nic.tx[i] = null;
    nic.rx[i] = null;
  }
  nic.txFree = nic.card.slots;
}

function linkUp({ card }: CoreNic): boolean {
  return (card.readPhy(1) & LINK_BIT) !== 0;
}

// ---- interrupt and poll

function interrupt(nic: CoreNic): boolean {
  const cause = nic.card.peekCause();
  if (cause === 0 || cause === GONE) return false;
  nic.device.interrupts++;
  if (nic.napi.schedulePrep()) {
    nic.card.writeMask(true);
    nic.napi.schedule();
  }
  return true;
}

export function poll(nic: CoreNic, budget: number): number {
  const { card, napi } = nic;
  reap(nic);
  if (budget === 0) return 0;
  // Acknowledged before the rings are looked at: what comes then asks again.
  const cause = card.readCause();
  if (cause !== GONE && (cause & CAUSE_LINK) !== 0) nic.device.setCarrier(linkUp(nic));
  reap(nic);
  let work = 0;
  while (work < budget && card.rxLength[nic.rxNext] > 0) {
    receiveOne(nic);
    work++;
  }
  if (work < budget && napi.complete()) card.writeMask(false);
  return work;
}

export function receiveOne(nic: CoreNic): void {
  const { card, device, machine } = nic;
  const slot = nic.rxNext;
  const length = card.rxLength[slot];
  const fresh = device.allocReceive();
  nic.rxNext = (slot + 1) % card.slots;
  if (fresh === null || length > MCLBYTES) {
    machine.mbufs.freem(fresh);
    device.rx.errors++;
    card.rxLength[slot] = 0;
    return;
  }
  const m = nic.rx[slot]!;
  nic.rx[slot] = fresh;
  card.rxAddress[slot] = fresh.data;
  card.rxLength[slot] = 0;
  m.length = m.packetLength = length;
  nic.fn.handUp(nic, m);
}

function handUp({ device }: CoreNic, m: Mbuf): void {
  device.receive(m);
}

// ---- transmit

function startXmit(nic: CoreNic, m: Mbuf): boolean {
  if (nic.txFree === 0) return false;
  put(nic, m);
  if (nic.txFree === 0) nic.device.txQueues[0].stop();
  return true;
}

export function put(nic: CoreNic, m: Mbuf): void {
  const { card } = nic;
  const slot = nic.txNext;
  nic.tx[slot] = m;
  nic.txNext = (slot + 1) % card.slots;
  nic.txFree--;
  card.txAddress[slot] = m.data;
  // From here on the packet is the card's.
  card.txLength[slot] = m.length | TX_LAST;
  if (!nic.device.xmitMore) card.kick();
}

function reap(nic: CoreNic): void {
  const { card, device } = nic;
  while (nic.txFree < card.slots && card.txLength[nic.txOldest] === 0) {
    const m = nic.tx[nic.txOldest]!;
    nic.tx[nic.txOldest] = null;
    nic.txOldest = (nic.txOldest + 1) % card.slots;
    nic.txFree++;
    device.transmitDone(m, true);
  }
  if (nic.txFree > 0 && device.up) device.txQueues[0].wake();
}

// ---- to be verified

export function coreSubject(functions: Partial<CoreFunctions> = {}, name = 'core'): VerifierSubject {
  return {
    driver: name,
    chip: 'made-up',
    kind: 'core',
    variants: [null],
    open(options) {
      const { made, ...parts } = madeUpMachine(options);
      const { layer } = parts;
      let nic: CoreNic | null = null;
      const mount = (): void => {
        if (!isValidStation(made.mac)) throw new Error('the card has no address');
        nic = new CoreNic(layer, made, functions);
        layer.register(nic.device);
      };
      const unmount = (): void => parts.machine.process(() => layer.unregister(nic!.device));
      return new Rig({ ...parts, kind: 'core', io: null, mount, unmount }, options);
    },
  };
}
