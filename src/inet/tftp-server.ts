// A TFTP server that gives files to whoever asks: RFC 1350, octet and netascii, with blksize, timeout, tsize and
// windowsize. Each transfer has a port of its own (its TID). Nothing can be written. Left out: mode mail, multicast.

import type { Mbuf } from '../mbuf/mbuf.ts';
import { formatAddress } from './address.ts';
import { IP_HLEN } from './ipv4.ts';
import type { InetStack } from './stack.ts';
import {
  buildError,
  numberOption,
  parseRequest,
  TFTP_ACCESS,
  TFTP_BLOCK,
  TFTP_BLOCK_MAX,
  TFTP_BLOCK_MIN,
  TFTP_ERROR,
  TFTP_HLEN,
  TFTP_ILLEGAL,
  TFTP_NOT_FOUND,
  TFTP_OPTION,
  TFTP_PORT,
  TFTP_REQUEST_LIMIT,
  TFTP_RRQ,
  TFTP_UNDEFINED,
  TFTP_WRQ,
  type TftpFault,
  type TftpRequest,
  toNetascii,
} from './tftp-packet.ts';
import {
  TftpTransfer,
  type TransferCounters,
  type TransferPlan,
  type TransferState,
} from './tftp-transfer.ts';
import { UDP_HLEN } from './udp.ts';
import type { UdpSocket } from './udp-socket.ts';

/** Transfers at one time; a client that is gone occupies one for half a minute. */
const TRANSFERS = 64;
/** Transfers of the past that are listed. */
const HISTORY = 64;
/** Blocks in a window at most: more than that a receive ring does not hold. */
const WINDOW_LIMIT = 64;
/** Converted in memory, for one transfer: what is longer is no text. */
const NETASCII_LIMIT = 1024 * 1024;

/** Files by name, without a slash in front; a function says null when there is none, and may throw. */
export type TftpFiles = ReadonlyMap<string, Uint8Array> | ((name: string) => Uint8Array | null);

export interface TftpServerOptions {
  files: TftpFiles;
  port?: number;
  /** Transfers at one time, 64 unless told. */
  maxTransfers?: number;
}

export interface TftpServerCounters extends TransferCounters {
  /** Datagrams at the server's port; each starts a transfer, is refused, or ignored. */
  requests: number;
  started: number;
  refused: number;
  /** A copy of a request that is served already, an error, or sent to all stations. */
  ignored: number;
  done: number;
  aborted: number;
  timedOut: number;
  replaced: number;
}

export interface TransferRow {
  file: string;
  client: string;
  state: TransferState;
  /** Of the file, as it is sent; and how many of them have been acknowledged. */
  size: number;
  bytes: number;
  blockSize: number;
  windowSize: number;
  reason: string;
}

export class TftpServer {
  readonly socket: UdpSocket;
  readonly counters: TftpServerCounters = {
    requests: 0,
    started: 0,
    refused: 0,
    ignored: 0,
    done: 0,
    aborted: 0,
    timedOut: 0,
    replaced: 0,
    blocksSent: 0,
    blocksResent: 0,
    duplicateAcks: 0,
    timeouts: 0,
    unknownTid: 0,
    invalid: 0,
    noBuffer: 0,
  };
  private readonly stack: InetStack;
  private readonly files: TftpFiles;
  private readonly limit: number;
  private readonly active = new Map<number, TftpTransfer>();
  private readonly past: TransferRow[] = [];
  /** A byte more than a request may have, so that a longer one shows. */
  private readonly scratch = new Uint8Array(TFTP_REQUEST_LIMIT + 1);

  /** Throws when the port is taken. */
  constructor(stack: InetStack, options: TftpServerOptions) {
    const { maxTransfers = TRANSFERS } = options;
    if (!Number.isInteger(maxTransfers) || maxTransfers < 1)
      throw new RangeError(`${maxTransfers} TFTP transfers at one time: 1 or more are wanted`);
    this.stack = stack;
    this.files = options.files;
    this.limit = maxTransfers;
    this.socket = stack.udp.open(options.port ?? TFTP_PORT);
    this.socket.handler = (m, address, port) => this.receive(m, address, port);
  }

  /** Those under way, then those of the past, the last first. */
  get transfers(): TransferRow[] {
    return [...[...this.active.values()].map(rowOf), ...this.past.toReversed()];
  }

  close(): void {
    for (const transfer of [...this.active.values()]) transfer.end('aborted', 'the server was closed');
    this.socket.close();
  }

  /** Softirq. Takes the datagram. */
  private receive(m: Mbuf, address: number, port: number): void {
    const { mbufs } = this.stack.machine;
    const length = Math.min(m.packetLength, this.scratch.length);
    mbufs.copydata(m, 0, length, this.scratch, 0);
    mbufs.freem(m);
    this.counters.requests++;
    const to = this.socket.toAddress;
    const opcode = length < 2 ? -1 : (this.scratch[0] << 8) | this.scratch[1];
    // One request must not make all servers of a link answer (RFC 1123, 4.2.3.5); an error is never answered.
    if (this.stack.interfaces.find(to) === null || opcode === TFTP_ERROR || port === 0) {
      this.counters.ignored++;
      return;
    }
    const fault = this.answer(opcode, length, address, port, to);
    if (fault !== null) this.refuse(fault, address, port, to);
  }

  /** Starts a transfer, or says why not. */
  private answer(opcode: number, length: number, client: number, port: number, to: number): TftpFault | null {
    if (opcode !== TFTP_RRQ && opcode !== TFTP_WRQ)
      return { code: TFTP_ILLEGAL, message: 'a read request is wanted here' };
    const request = parseRequest(this.scratch, length);
    if ('code' in request) return request;
    if (opcode === TFTP_WRQ) return { code: TFTP_ACCESS, message: 'nothing can be written here' };
    const before = this.active.get(keyOf(client, port));
    if (before?.fresh === true && before.plan.file === request.file) {
      this.counters.ignored++;
      return null;
    }
    // The client started anew, with the same port, as firmware does.
    before?.end('replaced');
    if (this.active.size >= this.limit)
      return { code: TFTP_UNDEFINED, message: `${this.limit} transfers are under way: try again later` };
    const bytes = this.read(request);
    if (!(bytes instanceof Uint8Array)) return bytes;
    return this.begin(request, bytes, client, port, to);
  }

  private read({ file, mode }: TftpRequest): Uint8Array | TftpFault {
    if (mode !== 'octet' && mode !== 'netascii')
      return { code: TFTP_ILLEGAL, message: 'the mode must be octet or netascii' };
    const name = plainName(file);
    if (name === null) return { code: TFTP_ACCESS, message: 'a plain name without .. is wanted' };
    const { files } = this;
    let found: Uint8Array | null;
    try {
      found = typeof files === 'function' ? files(name) : (files.get(name) ?? files.get(file) ?? null);
    } catch (error) {
      this.stack.machine.log(`tftp: ${name}: ${(error as Error).message}`);
      return { code: TFTP_UNDEFINED, message: 'the file cannot be read' };
    }
    if (found === null) return { code: TFTP_NOT_FOUND, message: 'there is no such file' };
    if (mode === 'octet') return found;
    if (found.length > NETASCII_LIMIT)
      return { code: TFTP_UNDEFINED, message: 'too long for netascii: mode octet would be right' };
    return toNetascii(found);
  }

  private begin(
    request: TftpRequest,
    bytes: Uint8Array,
    client: number,
    clientPort: number,
    address: number,
  ): TftpFault | null {
    const plan: TransferPlan = {
      file: request.file,
      bytes,
      client,
      clientPort,
      address,
      ...agree(request.options, bytes.length, this.longestBlock(client)),
    };
    if (plan.blockSize > this.longestBlock(client))
      return { code: TFTP_OPTION, message: `blksize ${this.longestBlock(client)} at most fits the link` };
    let transfer: TftpTransfer;
    try {
      transfer = new TftpTransfer(this.stack, plan, this.counters, (ended) => this.finish(ended));
    } catch (error) {
      return { code: TFTP_UNDEFINED, message: (error as Error).message };
    }
    this.counters.started++;
    this.active.set(keyOf(client, clientPort), transfer);
    transfer.start();
    return null;
  }

  /** No datagram is cut into fragments here: bytes of a block that the way out takes whole. */
  private longestBlock(client: number): number {
    const mtu = this.stack.ipv4.route(client)?.device.mtu ?? 576;
    return Math.min(TFTP_BLOCK_MAX, mtu - IP_HLEN - UDP_HLEN - TFTP_HLEN);
  }

  private refuse(fault: TftpFault, address: number, port: number, from: number): void {
    this.counters.refused++;
    // From a port of its own, as all that is not a request is.
    try {
      const socket = this.stack.udp.open(0, from);
      socket.send(buildError(fault.code, fault.message), address, port);
      socket.close();
    } catch {
      // Not a port left: the client hears nothing, and asks again.
    }
  }

  private finish(transfer: TftpTransfer): void {
    const { client, clientPort } = transfer.plan;
    this.active.delete(keyOf(client, clientPort));
    if (transfer.state !== 'sending') this.counters[transfer.state]++;
    // Not the transfer itself: it holds the file.
    this.past.push(rowOf(transfer));
    if (this.past.length > HISTORY) this.past.shift();
  }
}

function rowOf({ plan, state, reason, acknowledged }: TftpTransfer): TransferRow {
  const { file, client, clientPort, bytes, blockSize, windowSize } = plan;
  const from = `${formatAddress(client)}:${clientPort}`;
  return {
    file,
    client: from,
    state,
    size: bytes.length,
    bytes: acknowledged,
    blockSize,
    windowSize,
    reason,
  };
}

function keyOf(address: number, port: number): number {
  return (address >>> 0) * 0x10000 + port;
}

/** With slashes, none in front; null: it leads out of its folder, or is not a name. */
function plainName(file: string): string | null {
  const parts = file.replaceAll('\\', '/').split('/');
  if (parts.includes('..') || /[^ -~\xa0-\xff]/.test(file)) return null;
  return parts.filter((part) => part !== '' && part !== '.').join('/');
}

/** What of the client's wishes is granted, and is to be confirmed. A value that makes no sense is passed over. */
function agree(wishes: Map<string, string>, size: number, longestBlock: number) {
  const options = new Map<string, string>();
  const blksize = numberOption(wishes.get('blksize'), TFTP_BLOCK_MIN, TFTP_BLOCK_MAX);
  const blockSize = blksize === null ? TFTP_BLOCK : Math.min(blksize, longestBlock);
  if (blksize !== null) options.set('blksize', String(blockSize));
  if (numberOption(wishes.get('tsize'), 0, Number.MAX_SAFE_INTEGER) !== null)
    options.set('tsize', String(size));
  const timeout = numberOption(wishes.get('timeout'), 1, 255);
  if (timeout !== null) options.set('timeout', String(timeout));
  const window = numberOption(wishes.get('windowsize'), 1, 65535);
  const windowSize = Math.min(window ?? 1, WINDOW_LIMIT);
  if (window !== null) options.set('windowsize', String(windowSize));
  return { options, blockSize, windowSize, timeoutSeconds: timeout ?? 0 };
}
