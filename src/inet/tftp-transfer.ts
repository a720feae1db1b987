// One file on its way to one TFTP client, in windows of blocks (RFC 7440; a window of one is RFC 1350).
//
//   blocks     1 ... base-1 | base ........ next-1 | next ... blocks
//              acknowledged | sent, at most a window| to be sent
//
// Block numbers here never end; those in packets are their low 16 bits, so a file of any length goes through. Only the
// timer sends a second time, or an acknowledgement that says where the client missed something: two of the same kind
// never make two of a block, which would double every packet from there on (the sorcerer's apprentice, RFC 1123, 4.2.3.1).

import { Callout } from '../kernel/callout.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { InetStack } from './stack.ts';
import {
  buildError,
  buildOack,
  errorText,
  TFTP_ACK,
  TFTP_DATA,
  TFTP_ERROR,
  TFTP_HLEN,
  TFTP_ILLEGAL,
  TFTP_UNDEFINED,
  TFTP_UNKNOWN_TID,
} from './tftp-packet.ts';
import type { UdpSocket } from './udp-socket.ts';

/** First wait for an acknowledgement; doubled each time unless the client said how long it is to be. */
const FIRST_WAIT_NS = 1_000_000_000;
/** Times a window is sent again before the client counts as gone: after half a minute. */
export const TFTP_RETRIES = 4;
/** Bytes read of an answer: an acknowledgement, or an error's text. */
const ANSWER_BYTES = 128;

export type TransferState = 'sending' | 'done' | 'aborted' | 'timedOut' | 'replaced';

export interface TransferPlan {
  file: string;
  bytes: Uint8Array;
  client: number;
  clientPort: number;
  /** Our address that the client asked. */
  address: number;
  blockSize: number;
  windowSize: number;
  /** 0: as it seems fit. */
  timeoutSeconds: number;
  /** What was agreed on, to be confirmed first; empty: nothing. */
  options: Map<string, string>;
}

export interface TransferCounters {
  blocksSent: number;
  blocksResent: number;
  duplicateAcks: number;
  timeouts: number;
  unknownTid: number;
  /** Answers that make no sense: of no kind, or about blocks never sent. */
  invalid: number;
  /** Blocks for which there was no buffer; the timer sends them again. */
  noBuffer: number;
}

export class TftpTransfer {
  readonly plan: TransferPlan;
  state: TransferState = 'sending';
  /** Why it was aborted, by the client or us. */
  reason = '';
  readonly socket: UdpSocket;
  private readonly stack: InetStack;
  private readonly counters: TransferCounters;
  private readonly finished: (transfer: TftpTransfer) => void;
  private readonly callout: Callout;
  private readonly answer = new Uint8Array(ANSWER_BYTES);
  /** Blocks in all, the short one at the end included. */
  private readonly blocks: number;
  private base = 1;
  private next = 1;
  /** The highest block that was ever sent. */
  private highest = 0;
  /** The options wait for their acknowledgement, which is for block 0. */
  private negotiating: boolean;
  private tries = 0;
  /** The window was sent again at the client's word; and the one before it was. */
  private rewound = false;
  private rewoundBefore = false;
  /** The client said something since the timer was set. */
  private heard = false;

  /** Starts at once. `finished` is called once. Throws when no port is free. */
  constructor(
    stack: InetStack,
    plan: TransferPlan,
    counters: TransferCounters,
    finished: (transfer: TftpTransfer) => void,
  ) {
    this.stack = stack;
    this.plan = plan;
    this.counters = counters;
    this.finished = finished;
    this.blocks = Math.floor(plan.bytes.length / plan.blockSize) + 1;
    this.negotiating = plan.options.size > 0;
    this.socket = stack.udp.open(0, plan.address);
    this.socket.handler = (m, address, port) => this.receive(m, address, port);
    this.callout = new Callout(stack.machine, `tftp ${this.socket.port}`, () => this.timeout());
  }

  start(): void {
    if (this.negotiating) this.sendOack();
    else this.sendWindow();
    this.wait();
  }

  /** Bytes that the client has acknowledged. */
  get acknowledged(): number {
    return Math.min((this.base - 1) * this.plan.blockSize, this.plan.bytes.length);
  }

  /** Nothing has been acknowledged yet: a second request may be a copy of the first. */
  get fresh(): boolean {
    return this.base === 1;
  }

  end(state: TransferState, reason = ''): void {
    if (this.state !== 'sending') return;
    this.state = state;
    this.reason = reason;
    this.callout.stop();
    this.socket.close();
    this.finished(this);
  }

  // ---- in

  /** Softirq. Takes the datagram. */
  private receive(m: Mbuf, address: number, port: number): void {
    const { mbufs } = this.stack.machine;
    const length = Math.min(m.packetLength, ANSWER_BYTES);
    mbufs.copydata(m, 0, length, this.answer, 0);
    mbufs.freem(m);
    this.take(length, address, port);
  }

  private take(length: number, address: number, port: number): void {
    const { answer, counters, plan } = this;
    const opcode = length < TFTP_HLEN ? -1 : (answer[0] << 8) | answer[1];
    if (address !== plan.client || port !== plan.clientPort) {
      counters.unknownTid++;
      // An error is never answered with one.
      if (opcode !== TFTP_ERROR)
        this.socket.send(buildError(TFTP_UNKNOWN_TID, "this transfer is another station's"), address, port);
      return;
    }
    const value = (answer[2] << 8) | answer[3];
    if (opcode === TFTP_ACK) this.acknowledge(value);
    else if (opcode === TFTP_ERROR) this.end('aborted', `error ${value}: ${errorText(answer, length)}`);
    else if (opcode < 0) counters.invalid++;
    else {
      counters.invalid++;
      this.fail(TFTP_ILLEGAL, 'only an acknowledgement is expected');
    }
  }

  private acknowledge(block: number): void {
    const { counters, plan } = this;
    if (this.negotiating) {
      if (block !== 0) {
        counters.invalid++;
        return;
      }
      this.negotiating = false;
      this.progress();
      this.sendWindow();
      return;
    }
    const ahead = (block - (this.base - 1)) & 0xffff;
    if (ahead === 0) {
      this.duplicate();
      return;
    }
    if (ahead > this.next - this.base) {
      // A late one for what was acknowledged before, or nonsense.
      if (0x10000 - ahead < 2 * plan.windowSize && this.base - 1 >= 0x10000 - ahead) counters.duplicateAcks++;
      else counters.invalid++;
      return;
    }
    this.base += ahead;
    this.progress();
    if (this.base > this.blocks) {
      this.end('done');
      return;
    }
    // In the middle of a window it means that the block after it was missed: from there on again (RFC 7440, 4).
    if (this.base < this.next) this.next = this.base;
    this.sendWindow();
  }

  private progress(): void {
    this.heard = true;
    this.tries = 0;
    this.rewoundBefore = this.rewound;
    this.rewound = false;
  }

  /** The client missed the first block of the window, or the network made a copy. Once, and not twice running. */
  private duplicate(): void {
    this.counters.duplicateAcks++;
    if (this.plan.windowSize === 1 || this.rewound || this.rewoundBefore) return;
    this.rewound = true;
    this.next = this.base;
    this.sendWindow();
  }

  // ---- time

  private wait(): void {
    const { timeoutSeconds } = this.plan;
    this.callout.reset(timeoutSeconds > 0 ? timeoutSeconds * 1e9 : FIRST_WAIT_NS * 2 ** this.tries);
  }

  /** Softirq. Not set anew for each packet: a client that was heard in the meantime gets the time once more. */
  private timeout(): void {
    if (this.heard) this.heard = false;
    else if (this.tries >= TFTP_RETRIES) {
      this.counters.timeouts++;
      this.fail(TFTP_UNDEFINED, 'no acknowledgement came', 'timedOut');
      return;
    } else {
      this.counters.timeouts++;
      this.tries++;
      this.next = this.base;
      if (this.negotiating) this.sendOack();
      else this.sendWindow();
    }
    this.wait();
  }

  // ---- out

  private sendWindow(): void {
    const last = Math.min(this.base + this.plan.windowSize - 1, this.blocks);
    while (this.next <= last && this.sendBlock(this.next)) this.next++;
  }

  private sendBlock(block: number): boolean {
    const { stack, plan, counters } = this;
    const offset = (block - 1) * plan.blockSize;
    const length = Math.min(plan.blockSize, plan.bytes.length - offset);
    const m = stack.udp.alloc(TFTP_HLEN + length);
    if (m === null) {
      counters.noBuffer++;
      return false;
    }
    const { u8 } = stack.machine.memory;
    u8[m.data] = 0;
    u8[m.data + 1] = TFTP_DATA;
    u8[m.data + 2] = (block >> 8) & 0xff;
    u8[m.data + 3] = block & 0xff;
    stack.machine.mbufs.copyback(m, TFTP_HLEN, plan.bytes, offset, length);
    counters.blocksSent++;
    if (block <= this.highest) counters.blocksResent++;
    else this.highest = block;
    this.socket.sendPacket(m, plan.client, plan.clientPort);
    return true;
  }

  private sendOack(): void {
    this.socket.send(buildOack(this.plan.options), this.plan.client, this.plan.clientPort);
  }

  private fail(code: number, message: string, state: TransferState = 'aborted'): void {
    this.socket.send(buildError(code, message), this.plan.client, this.plan.clientPort);
    this.end(state, message);
  }
}
