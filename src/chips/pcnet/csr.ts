// The control and status registers: what reading and writing each of them does. Data sheets 19436 and 21510, "Control
// and Status Registers". Most set-up registers take a write only while the chip is stopped or suspended.

import type { Core, RingPosition } from './core.ts';
import { initialize } from './init.ts';
import { CHIP_ID, CSR, CSR0, CSR0_CAUSES, CSR4, CSR5, CSR15, CSR58, CSR124 } from './sheet.ts';
import type { Transmitter } from './transmit.ts';

const { IENA, INIT, STOP, STRT, TDMD } = CSR0;

const CSR3_WRITABLE = 0x5f7c;
const CSR4_WRITABLE = CSR4.EN124 | CSR4.DMAPLUS | CSR4.TIMER | CSR4.TXDPOLL | CSR4.APAD_XMT | CSR4.ASTRP_RCV;
const CSR4_MASKS = CSR4.MFCOM | CSR4.RCVCCOM | CSR4.TXSTRTM | CSR4.JABM;
const CSR4_CAUSES = CSR4.MFCO | CSR4.UINT | CSR4.RCVCCO | CSR4.TXSTRT | CSR4.JAB;
const CSR5_CAUSES = CSR5.SINT | CSR5.SLPINT | CSR5.EXDINT | CSR5.MPINT;
const CSR5_WRITABLE =
  CSR5.TOKINTD |
  CSR5.LTINTEN |
  CSR5.SINTE |
  CSR5.SLPINTE |
  CSR5.EXDINTE |
  CSR5.MPPLBA |
  CSR5.MPINTE |
  CSR5.MPEN |
  CSR5.MPMODE |
  CSR5.SPND;
/** CSR80 bits 15 and 14: reserved, and read as ones on the 970A. */
const CSR80_ONES = 0xc000;
const CSR7_CAUSES = 0x0aaa;
const CSR7_WRITABLE = 0xd555;

export class ControlRegisters {
  private readonly core: Core;
  private readonly transmitter: Transmitter;

  constructor(core: Core, transmitter: Transmitter) {
    this.core = core;
    this.transmitter = transmitter;
  }

  /** Values after H_RESET, and after S_RESET when not `hard`: rings, addresses and the software style survive that. */
  reset(hard: boolean): void {
    const { core } = this;
    const { csr } = core;
    core.csr3 = 0;
    core.csr4 = 0x0115;
    core.csr5 = 0;
    core.csr7 = 0;
    core.csr15 = 0;
    csr[CSR.POLL] = 0;
    csr[CSR.TXPOLLINT] = 0;
    csr[CSR.RXPOLLINT] = 0;
    csr[CSR.DMATCFW] = 0x1410;
    csr[CSR.DMABAT] = 0;
    csr[CSR.MERRTO] = 0x0200;
    csr[CSR.TEST] = 0;
    csr[CSR.MACENH] = 0x603c;
    if (hard) csr[CSR.SWS] = CSR58.CSRPCNET;
    core.stop();
  }

  read(register: number): number {
    const { core } = this;
    switch (register) {
      case 0:
        return (core.csr0 & 0x7800) !== 0 ? core.csr0 | CSR0.ERR : core.csr0;
      case 3:
        return core.csr3;
      case 4:
        return core.csr4;
      case 5:
        return core.suspended ? core.csr5 : core.csr5 & ~CSR5.SPND;
      case 7:
        return core.fast ? core.csr7 : 0;
      case CSR.MODE:
        return core.csr15;
      case 16:
        return core.csr[CSR.IADR_LOW];
      case 17:
        return core.csr[CSR.IADR_HIGH];
      case CSR.RCVRC:
        return core.rx.counter;
      case CSR.XMTRC:
        return core.tx.counter;
      case CSR.RCVRL:
        return -core.rx.length & 0xffff;
      case CSR.XMTRL:
        return -core.tx.length & 0xffff;
      case CSR.DMATCFW:
        return core.fast ? core.csr[register] : core.csr[register] | CSR80_ONES;
      case CSR.CHIPID_LOW:
        return CHIP_ID[core.variant] & 0xffff;
      case CSR.CHIPID_HIGH:
        return CHIP_ID[core.variant] >>> 16;
      case CSR.MACENH:
        return core.fast ? core.csr[register] : 0;
      default:
        return this.mirror(register);
    }
  }

  write(register: number, value: number): void {
    const { core } = this;
    switch (register) {
      case 0:
        this.writeCsr0(value);
        return;
      case 3:
        core.csr3 = value & CSR3_WRITABLE;
        core.updateInterrupt();
        return;
      case 4:
        this.writeCsr4(value);
        return;
      case 5:
        this.writeCsr5(value);
        return;
      case 7:
        if (!core.fast) return;
        core.csr7 = (core.csr7 & ~(value & CSR7_CAUSES) & CSR7_CAUSES) | (value & CSR7_WRITABLE);
        core.updateInterrupt();
        return;
      case CSR.TEST:
        // The 970A wants EN124 first.
        if (core.fast || (core.csr4 & CSR4.EN124) !== 0) core.csr[register] = value & CSR124.RPA;
        core.derive();
        return;
      default:
        if (core.writable) this.setUp(register, value);
    }
  }

  /** Registers that are open only while stopped or suspended. */
  private setUp(register: number, value: number): void {
    const { core } = this;
    const { csr, rx, tx } = core;
    switch (register) {
      case 16:
        csr[CSR.IADR_LOW] = value;
        return;
      case 17:
        csr[CSR.IADR_HIGH] = value;
        break;
      case CSR.MODE:
        this.writeMode(value);
        break;
      case CSR.BADR:
      case CSR.BADR + 1:
        setHalf(rx, register - CSR.BADR, value);
        return;
      case CSR.BADX:
      case CSR.BADX + 1:
        setHalf(tx, register - CSR.BADX, value);
        return;
      case CSR.SWS:
        this.writeSoftwareStyle(value);
        return;
      case CSR.RCVRC:
        rx.counter = value;
        return;
      case CSR.XMTRC:
        tx.counter = value;
        return;
      case CSR.RCVRL:
        rx.setLength(value);
        return;
      case CSR.XMTRL:
        tx.setLength(value);
        return;
      default:
        if (register < csr.length) csr[register] = value;
    }
    core.derive();
  }

  /** CSR58 and BCR20: the style decides the width of structures; some bits are read only and follow it. */
  writeSoftwareStyle(value: number): void {
    const { core } = this;
    if (!core.writable) return;
    const style = value & CSR58.SWSTYLE;
    if (style !== 0 && style !== 2 && style !== 3) {
      core.host.warn(`${core.variant}: software style ${style} is not modelled, style 2 is used`);
    }
    let bits = style | (value & CSR58.APERREN);
    if (style !== 1) bits |= CSR58.CSRPCNET;
    if (style !== 0) bits |= CSR58.SSIZE32;
    core.csr[CSR.SWS] = bits;
    core.derive();
  }

  private writeCsr0(value: number): void {
    const { core, transmitter } = this;
    if ((value & STOP) !== 0) {
      core.stop();
      return;
    }
    core.csr0 &= ~(value & CSR0_CAUSES);
    if ((value & IENA) !== 0) core.csr0 |= IENA;
    else core.csr0 &= ~IENA;
    let ready = true;
    if ((value & INIT) !== 0 && (core.csr0 & INIT) === 0) {
      core.csr0 = (core.csr0 & ~STOP) | INIT;
      ready = initialize(core);
    }
    // Both in one write: without a block nothing is started.
    if (ready && (value & STRT) !== 0 && (core.csr0 & STRT) === 0) this.start();
    if ((value & (TDMD | STRT)) !== 0 && core.mayTransmit) transmitter.pump();
    core.updateInterrupt();
  }

  private start(): void {
    const { core } = this;
    core.csr0 = (core.csr0 & ~CSR0.STOP) | CSR0.STRT;
    this.applyMode();
    core.derive();
    this.transmitter.schedulePoll();
  }

  private applyMode(): void {
    const { core } = this;
    core.csr0 &= ~(CSR0.RXON | CSR0.TXON);
    if ((core.csr15 & CSR15.DRX) === 0) core.csr0 |= CSR0.RXON;
    if ((core.csr15 & CSR15.DTX) === 0) core.csr0 |= CSR0.TXON;
  }

  /** While suspended, DRX and DTX count at once; while stopped, STRT looks at them. */
  private writeMode(value: number): void {
    const { core } = this;
    core.csr15 = value & 0xffff;
    if ((core.csr0 & CSR0.STRT) === 0) return;
    this.applyMode();
    this.transmitter.schedulePoll();
  }

  private writeCsr4(value: number): void {
    const { core } = this;
    core.csr4 =
      (core.csr4 & ~value & CSR4_CAUSES) |
      (value & (CSR4_WRITABLE | CSR4_MASKS)) |
      ((value & CSR4.UINTCMD) !== 0 ? CSR4.UINT : 0);
    this.transmitter.schedulePoll();
    core.updateInterrupt();
  }

  private writeCsr5(value: number): void {
    const { core } = this;
    const resumed = (core.csr5 & CSR5.SPND) !== 0 && (value & CSR5.SPND) === 0;
    core.csr5 = (core.csr5 & ~value & CSR5_CAUSES) | (value & CSR5_WRITABLE);
    core.derive();
    core.updateInterrupt();
    if (resumed) this.transmitter.pump();
  }

  /** Registers that show where the chip is in its rings, worked out when they are read; the rest is as stored. */
  private mirror(register: number): number {
    const { core } = this;
    const { rx, tx } = core;
    switch (register) {
      case CSR.CRBA:
      case CSR.CRBA + 1:
        return half(this.buffer(rx, 0), register - CSR.CRBA);
      case CSR.CXBA:
      case CSR.CXBA + 1:
        return half(this.buffer(tx, 0), register - CSR.CXBA);
      case CSR.NRBA:
      case CSR.NRBA + 1:
        return half(this.buffer(rx, 1), register - CSR.NRBA);
      case CSR.BADR:
      case CSR.BADR + 1:
        return half(rx.base, register - CSR.BADR);
      case CSR.NRDA:
      case CSR.NRDA + 1:
        return half(this.descriptor(rx, 1), register - CSR.NRDA);
      case CSR.CRDA:
      case CSR.CRDA + 1:
        return half(this.descriptor(rx, 0), register - CSR.CRDA);
      case CSR.BADX:
      case CSR.BADX + 1:
        return half(tx.base, register - CSR.BADX);
      case CSR.NXDA:
      case CSR.NXDA + 1:
        return half(this.descriptor(tx, 1), register - CSR.NXDA);
      case CSR.CXDA:
      case CSR.CXDA + 1:
        return half(this.descriptor(tx, 0), register - CSR.CXDA);
      case CSR.NNRDA:
      case CSR.NNRDA + 1:
        return half(this.descriptor(rx, 2), register - CSR.NNRDA);
      case CSR.NNXDA:
      case CSR.NNXDA + 1:
        return half(this.descriptor(tx, 2), register - CSR.NNXDA);
      case CSR.CRBC:
        return this.byteCount(rx, 0);
      case CSR.CRBC + 1:
        return this.status(rx, 0);
      case CSR.CXBC:
        return this.byteCount(tx, 0);
      case CSR.CXBC + 1:
        return this.status(tx, 0);
      case CSR.NRBC:
        return this.byteCount(rx, 1);
      case CSR.NRBC + 1:
        return this.status(rx, 1);
      case CSR.PXDA:
      case CSR.PXDA + 1:
        return half(this.descriptor(tx, -1), register - CSR.PXDA);
      case CSR.PXBC:
        return this.byteCount(tx, -1);
      case CSR.PXBC + 1:
        return this.status(tx, -1);
      case CSR.NXBA:
      case CSR.NXBA + 1:
        return half(this.buffer(tx, 1), register - CSR.NXBA);
      case CSR.NXBC:
        return this.byteCount(tx, 1);
      case CSR.NXBC + 1:
        return this.status(tx, 1);
      default:
        return register < core.csr.length ? core.csr[register] : 0;
    }
  }

  private descriptor(ring: RingPosition, ahead: number): number {
    return this.core.descriptorAddress(ring, ring.at(ahead));
  }

  /** Word of the descriptor in memory, or -1 when it is not there. */
  private word(ring: RingPosition, ahead: number): number {
    const address = this.descriptor(ring, ahead);
    return this.core.reaches(address, this.core.descriptorBytes) ? address >>> 2 : -1;
  }

  private buffer(ring: RingPosition, ahead: number): number {
    const at = this.word(ring, ahead);
    return at < 0 ? 0 : this.core.bufferAddress(at);
  }

  private byteCount(ring: RingPosition, ahead: number): number {
    const at = this.word(ring, ahead);
    return at < 0 ? 0 : -this.core.bufferBytes(at) & 0x0fff;
  }

  /** Bits 31 to 16 of RMD1 or TMD1. */
  private status(ring: RingPosition, ahead: number): number {
    const at = this.word(ring, ahead);
    const { core } = this;
    if (at < 0) return 0;
    const word = core.memory.u32[at + core.statusWord] >>> 16;
    return core.style === 0 ? word & 0xff00 : word;
  }
}

function half(address: number, which: number): number {
  return which === 0 ? address & 0xffff : (address >>> 16) & 0xffff;
}

/** Sets one half of a ring's base; the ring starts over. */
function setHalf(ring: RingPosition, which: number, value: number): void {
  ring.base =
    which === 0 ? ((ring.base & 0xffff0000) | value) >>> 0 : ((ring.base & 0xffff) | (value << 16)) >>> 0;
  ring.index = 0;
}
