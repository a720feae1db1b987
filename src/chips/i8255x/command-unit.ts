// The command unit (CU): its states and control commands (6.5.3), and the execution of command blocks (6.4.1, 6.4.2);
// layouts in blocks.ts. Blocks are executed at once, many in a turn; the driver's list may be a loop without an end, so a
// turn has a limit and the next one comes from the clock.

import { ClockEvent } from '../../kernel/clock.ts';
import { carryOut } from './actions.ts';
import { CB, CMD, COMMAND, STATUS } from './blocks.ts';
import type { Core } from './core.ts';
import { GENERATION } from './models.ts';
import { CUS, STAT_ACK, STATISTIC } from './sheet.ts';
import type { Transmitter } from './transmit.ts';
import { TX_BLOCK, TxBlock } from './tx-block.ts';

const { IDLE, SUSPENDED, ACTIVE } = CUS;
const { C, OK, U } = STATUS;
const { EL, S, I } = COMMAND;
const { CX, CNA } = STAT_ACK;

/** Blocks of a turn. */
const BLOCKS_PER_TURN = 128;
/** Until the next one: half a microsecond a block, which reading and writing it takes on the bus. */
const TURN_NS = BLOCKS_PER_TURN * 500;

/** Instead of a status: the block has to wait for the FIFO, or cannot be read. */
const WAIT = -1;
const FAULT = -2;

export class CommandUnit {
  private readonly core: Core;
  private readonly transmitter: Transmitter;
  private readonly txBlock: TxBlock;

  // Not private: what save.ts looks at.

  /** Physical addresses: the block at hand or the next one, and the one executed last. */
  block = 0;
  lastBlock = 0;
  /** Commands that came while the CU was active ("internal flags", 6.5.3). */
  startRequested = false;
  startAt = 0;
  resumeRequested = false;
  pumping = false;
  /** A turn was used up: goes on with the list. */
  readonly turn: ClockEvent;

  constructor(core: Core, transmitter: Transmitter) {
    this.core = core;
    this.transmitter = transmitter;
    this.txBlock = new TxBlock(core);
    this.turn = new ClockEvent('i8255x command unit turn', () => this.pump());
    transmitter.onRoom = () => this.pump();
  }

  /** CU start: the first block is `link` from the CU base. */
  start(link: number): void {
    const { core } = this;
    const at = (core.cuBase + link) >>> 0;
    if (core.cuState === ACTIVE) {
      this.startRequested = true;
      this.startAt = at;
      return;
    }
    this.block = at;
    core.cuState = ACTIVE;
    this.pump();
  }

  /** CU resume, or static resume, which does not look at the S bit again. False when the CU is idle. */
  resume(isStatic: boolean): boolean {
    const { core } = this;
    if (core.cuState === IDLE) return false;
    if (core.cuState === ACTIVE) {
      this.resumeRequested = true;
      return true;
    }
    if (!isStatic) {
      if (!core.reaches(this.lastBlock, CB.ADDRESS)) {
        this.fault();
        return true;
      }
      if ((core.read16(this.lastBlock + CB.COMMAND) & S) !== 0) return true;
    }
    core.cuState = ACTIVE;
    this.pump();
    return true;
  }

  /** A reset. */
  stop(): void {
    this.core.cuState = IDLE;
    this.startRequested = false;
    this.resumeRequested = false;
    this.core.clock.cancel(this.turn);
  }

  /** A reset of the registers too: no list is remembered. */
  forget(): void {
    this.block = 0;
    this.lastBlock = 0;
    this.startAt = 0;
  }

  /** Executes what there is: on a command, when the FIFO has room, and at the next turn. */
  pump(): void {
    const { core } = this;
    if (this.pumping || core.cuState !== ACTIVE) return;
    this.pumping = true;
    let left = BLOCKS_PER_TURN;
    let going = true;
    while (going && left-- > 0) going = this.step();
    this.pumping = false;
    if (going) core.clock.armIn(this.turn, TURN_NS);
    // Last: a handler that runs in here may write any command.
    core.updateInterrupt();
  }

  /** One block. False when the CU is not active any more, or has to wait. */
  private step(): boolean {
    const { core } = this;
    const { dma, counters } = core;
    const at = this.block;
    if (!core.reaches(at, CB.ADDRESS)) {
      this.fault();
      return false;
    }
    const command = core.read16(at + CB.COMMAND);
    const link = core.read32(at + CB.LINK);
    const status = this.execute(at, command);
    if (status === WAIT) return false;
    // A driver that ran in here, in an interrupt of a loopback, may have reset the chip.
    if (core.cuState !== ACTIVE || this.block !== at) return core.cuState === ACTIVE;
    if (status === FAULT) {
      this.fault();
      return false;
    }
    counters.commands++;
    this.lastBlock = at;
    this.block = (core.cuBase + link) >>> 0;
    dma.write16(at + CB.STATUS, status);
    this.completed(at, command);
    return core.cuState === ACTIVE;
  }

  /** The CU's next state after a block (6.4.1.1.2). */
  private completed(at: number, command: number): void {
    const { core } = this;
    if ((command & I) !== 0) core.causes |= CX;
    if ((command & EL) !== 0) {
      core.cuState = IDLE;
      core.causes |= CNA;
      this.resumeRequested = false;
    } else if ((command & S) !== 0 && !this.stillGoing(at)) {
      core.cuState = SUSPENDED;
      if (!core.ciOnly) core.causes |= CNA;
    }
    if (!this.startRequested) return;
    this.startRequested = false;
    this.block = this.startAt;
    core.cuState = ACTIVE;
  }

  /** A resume that came while the block was executed: its S bit counts as it is now (6.5.3.2). */
  private stillGoing(at: number): boolean {
    if (!this.resumeRequested) return false;
    this.resumeRequested = false;
    return (this.core.dma.read16(at + CB.COMMAND) & S) === 0;
  }

  private fault(): void {
    this.core.busFault();
    this.stop();
  }

  /** Does what the block says: its status word, WAIT or FAULT. */
  private execute(at: number, command: number): number {
    const { core } = this;
    const what = command & COMMAND.CMD;
    if (what === CMD.TRANSMIT) return this.transmit(at, command);
    if (what === CMD.NOP) return C | OK;
    // The others pass through the transmit FIFO and change what frames in it mean: they come after them.
    if (!this.transmitter.empty) return WAIT;
    // 82550: an IPCB, which sends with checksums and segmentation, is another command with the SF bit.
    if ((command & COMMAND.SF) !== 0 && core.since(GENERATION.I82550)) {
      core.counters.unknownCommands++;
      core.host.warn(`${core.model}: command block 0x${command.toString(16)} (IPCB) is not modelled`);
      return C;
    }
    return carryOut(core, at, what) ? C | OK : FAULT;
  }

  private transmit(at: number, command: number): number {
    const { core, transmitter, txBlock } = this;
    const { counters } = core;
    const found = txBlock.read(at, command);
    if (found === TX_BLOCK.FRAME) {
      if (!transmitter.hasRoom(txBlock.bytes)) return WAIT;
      counters.taken++;
      transmitter.push(txBlock.make());
      return C | OK;
    }
    counters.taken++;
    if (found === TX_BLOCK.FAULT) {
      counters.txBusError++;
      return FAULT;
    }
    if (found === TX_BLOCK.OVERSIZE) {
      counters.txOversize++;
      return C;
    }
    counters.txUnderrun++;
    core.statistics[STATISTIC.TX_UNDERRUNS]++;
    return C | OK | U;
  }
}
