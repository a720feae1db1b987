// The offline test: can registers hold bits, and does a frame that is sent inside the chip come back? Data sheets 19436
// and 21510, "Loopback Operation". Runs on a stopped chip with rings that nobody uses.

import { TMD1 } from '../../chips/pcnet/ring.ts';
import { CSR, CSR0, CSR15 } from '../../chips/pcnet/sheet.ts';
import { ETH_ALEN, ETH_FCS_LEN, ETH_HLEN } from '../../net/ether.ts';
import { type Adapter, RX_BUFFER_BYTES } from './adapter.ts';
import { CSR3_POLLING, clearTransmitRing, initialise } from './chip.ts';

const PATTERNS = [0xaaaa, 0x5555, 0xffff, 0x0000] as const;
/** Local experimental type 1 (IEEE 802). */
const ETH_P_EXPERIMENTAL = 0x88b5;
const TEST_BYTES = 600;
/** Reads of CSR0 that the frame is waited for: half a millisecond at 10 Mb/s, and a read takes about a microsecond. */
const LOOP_READS = 5000;

/** What failed; empty when all is well. The chip is stopped before and after. Process context. */
export function selfTest(a: Adapter): string[] {
  const { lock, machine, pci, regs } = a;
  const failures: string[] = [];
  const { cpu } = machine;
  const sent = pci.dma.allocCoherent(2 * 2048, 64);
  lock.lockIrq(cpu);
  if (!regs.reset()) failures.push('reset: the chip does not stop');
  else {
    testRegisters(a, failures);
    testLoopback(a, sent, sent + 2048, failures);
  }
  // Stopped for good before its memory goes.
  regs.reset();
  lock.unlockIrq(cpu);
  for (let i = 0; i < a.rxRing.count; i++) a.rxRing.clear(i);
  clearTransmitRing(a);
  pci.dma.freeCoherent(sent);
  return failures;
}

/** The filter registers hold any bits while the chip is stopped. */
function testRegisters(a: Adapter, failures: string[]): void {
  const { regs } = a;
  for (let register = CSR.LADRF as number; register < CSR.LADRF + 4; register++) {
    for (const pattern of PATTERNS) {
      regs.writeCsr(register, pattern);
      const got = regs.readCsr(register);
      if (got === pattern) continue;
      failures.push(`registers: CSR${register} wrote 0x${pattern.toString(16)}, read 0x${got.toString(16)}`);
      break;
    }
  }
}

/** Sends a frame to this station in internal loopback and compares. No interrupt: IENA stays off. */
function testLoopback(a: Adapter, sent: number, received: number, failures: string[]): void {
  const { machine, regs, rxRing, txRing, pci } = a;
  const { u8 } = machine.memory;
  writeTestFrame(a, sent);
  pci.dma.syncForDevice(sent, TEST_BYTES);
  clearTransmitRing(a);
  for (let i = 0; i < rxRing.count; i++) rxRing.clear(i);
  rxRing.prepare(0, received, RX_BUFFER_BYTES);
  rxRing.give(0);
  txRing.prepare(0, sent, TEST_BYTES, TMD1.STP | TMD1.ENP);
  txRing.give(0);
  a.csr3 = CSR3_POLLING;
  try {
    initialise(a, CSR15.LOOP | CSR15.INTL);
  } catch (error) {
    failures.push(`loopback: ${(error as Error).message}`);
    return;
  }
  regs.writeCsr(0, CSR0.STRT | CSR0.TDMD | CSR0.IDON);
  const both = CSR0.RINT | CSR0.TINT;
  for (let i = 0; i < LOOP_READS; i++) if ((regs.readCsr(0) & both) === both) break;
  regs.writeCsr(0, CSR0.STOP);
  pci.dma.syncForCpu(rxRing.address, 16);
  if (txRing.owned(0)) failures.push('loopback: the frame was not sent');
  else if (rxRing.owned(0)) failures.push('loopback: the frame did not come back');
  else if (rxRing.messageBytes(0) !== TEST_BYTES + ETH_FCS_LEN) {
    failures.push(
      `loopback: ${TEST_BYTES + ETH_FCS_LEN} bytes went out, ${rxRing.messageBytes(0)} came back`,
    );
  } else {
    for (let i = 0; i < TEST_BYTES; i++) {
      if (u8[sent + i] === u8[received + i]) continue;
      failures.push(`loopback: byte ${i} went out as ${u8[sent + i]} and came back as ${u8[received + i]}`);
      return;
    }
  }
}

function writeTestFrame(a: Adapter, at: number): void {
  const { u8 } = a.machine.memory;
  u8.set(a.device.address, at);
  u8.set(a.device.address, at + ETH_ALEN);
  u8[at + 12] = ETH_P_EXPERIMENTAL >> 8;
  u8[at + 13] = ETH_P_EXPERIMENTAL & 0xff;
  for (let i = ETH_HLEN; i < TEST_BYTES; i++) u8[at + i] = i * 7;
}
