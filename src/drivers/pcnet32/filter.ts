// Which frames the chip receives: promiscuous, multicast filter, station address. Data sheets 19436 and 21510, CSR5
// (SPND), CSR8 to CSR15, "Suspend".
//
// The registers are open only while the chip is stopped or suspended. STOP would lose the frame being sent, so the chip
// is suspended: it finishes that frame first, which we do not wait for in a loop but look after from a callout.

import { CSR, CSR0, CSR5, CSR15, logicalAddressHash } from '../../chips/pcnet/sheet.ts';
import { IFF_ALLMULTI, IFF_PROMISC, type NetDevice } from '../../net/device.ts';
import type { Adapter } from './adapter.ts';

const { SPND } = CSR5;
/** Between two looks at SPND: about one short frame at 10 Mb/s. */
const SUSPEND_POLL_NS = 100_000;
/** Looks until the chip is restarted: 0.5 s, what a frame with fifteen full back-offs can take. */
const SUSPEND_TRIES = 5000;

export interface Filter {
  /** CSR15. */
  mode: number;
  low: number;
  high: number;
}

/** What the device's flags and multicast list ask for. */
export function wantedFilter(device: NetDevice): Filter {
  const mode = (device.flags & IFF_PROMISC) !== 0 ? CSR15.PROM : 0;
  if ((device.flags & (IFF_ALLMULTI | IFF_PROMISC)) !== 0) return { mode, low: 0xffffffff, high: 0xffffffff };
  let low = 0;
  let high = 0;
  for (const { address } of device.multicast.values()) {
    const bit = logicalAddressHash(address);
    if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit - 32);
  }
  return { mode, low: low >>> 0, high: high >>> 0 };
}

/** NetDeviceOps.setRxMode and setMacAddress: brings the chip's filter and address to what the device wants. */
export function updateFilter(a: Adapter): void {
  const { machine, lock } = a;
  const { cpu } = machine;
  lock.lockIrq(cpu);
  if (a.running && !isCurrent(a)) {
    a.suspendTries = 0;
    a.regs.writeCsr(5, SPND);
    finishUpdate(a);
  }
  lock.unlockIrq(cpu);
}

/** The callout: is it suspended by now? */
export function retryUpdate(a: Adapter): void {
  const { machine, lock } = a;
  const { cpu } = machine;
  lock.lockIrq(cpu);
  if (a.running) finishUpdate(a);
  lock.unlockIrq(cpu);
}

function isCurrent(a: Adapter): boolean {
  const { device } = a;
  const wanted = wantedFilter(device);
  const same = device.address.every((octet, i) => octet === a.station[i]);
  return same && wanted.mode === a.mode && wanted.low === a.filterLow && wanted.high === a.filterHigh;
}

/** Writes the registers if the chip is suspended, else looks again later. Lock held. */
function finishUpdate(a: Adapter): void {
  const { regs, device, station } = a;
  if ((regs.readCsr(5) & SPND) === 0) {
    if (++a.suspendTries < SUSPEND_TRIES) a.filterRetry.reset(SUSPEND_POLL_NS);
    // A restart reads mode, filter and address from the initialization block.
    else a.recovery.reset(0);
    return;
  }
  const wanted = wantedFilter(device);
  a.mode = wanted.mode;
  a.filterLow = wanted.low;
  a.filterHigh = wanted.high;
  station.set(device.address);
  regs.writeCsr(CSR.LADRF, wanted.low & 0xffff);
  regs.writeCsr(CSR.LADRF + 1, wanted.low >>> 16);
  regs.writeCsr(CSR.LADRF + 2, wanted.high & 0xffff);
  regs.writeCsr(CSR.LADRF + 3, wanted.high >>> 16);
  for (let i = 0; i < 3; i++) regs.writeCsr(CSR.PADR + i, station[2 * i] | (station[2 * i + 1] << 8));
  regs.writeCsr(CSR.MODE, wanted.mode);
  regs.writeCsr(5, 0);
  // What was put into the ring meanwhile rang in vain.
  regs.writeCsr(0, CSR0.TDMD | CSR0.IENA);
}
