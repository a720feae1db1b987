// A learning Ethernet switch after IEEE 802.1D clause 7: store and forward, one table of addresses with ageing, an output
// queue a port that drops at its tail.
//
//   port 1 ─▶ good FCS? ─▶ learn source ─▶ look up destination ─┬─ known ───▶ queue of that port ─▶ medium
//                                                               └─ else ────▶ queues of all others
//
// A port is a station like any other: it can be plugged into any medium (`connect`). For convenience the switch also
// makes cables of its own, whose far ends are `ports`. Not modelled: spanning tree, VLANs, flow control.

import type { Clock } from '../kernel/clock.ts';
import {
  type DirectionReport,
  type DropReason,
  WireCounters,
  type WireDevice,
  type WireReport,
} from './counters.ts';
import { FRAME_START, type Frame, type FramePool } from './frame.ts';
import { FrameQueue } from './frame-queue.ts';
import { Link } from './link.ts';
import { MacTable } from './mac-table.ts';
import { frameTimeNs, type Medium, type Station } from './medium.ts';

export interface SwitchPortOptions {
  /** 0 (the default): sending takes no time. */
  bitsPerSecond?: number;
  delayNs?: number;
}

export interface SwitchOptions {
  name: string;
  clock: Clock;
  pool: FramePool;
  /** Cables to make, beside those that are connected later. */
  ports?: readonly SwitchPortOptions[];
  /** 300 s unless told, as the standard recommends. */
  ageingNs?: number;
  /** Entries of the address table: a power of two. */
  tableSize?: number;
  /** Frames an output queue holds, besides the one being sent; 128 unless told. */
  queueFrames?: number;
  /** Longer frames are dropped; without FCS. */
  maxFrameBytes?: number;
}

const HEADER_BYTES = 14;
const SOURCE = FRAME_START + 6;
/** Of ordinary switches that say they carry jumbo frames. */
const MAX_FRAME_BYTES = 9216;

class SwitchPort implements Station {
  readonly index: number;
  readonly medium: Medium;
  /** Frames from the medium into the switch, and from the switch out to the medium. */
  readonly input = new WireCounters();
  readonly output = new WireCounters();
  carrier: boolean;
  private readonly owner: Switch;
  private readonly queue = new FrameQueue();
  private sending = false;

  constructor(owner: Switch, index: number, medium: Medium) {
    this.owner = owner;
    this.index = index;
    this.medium = medium;
    medium.attach(this);
    this.carrier = medium.carrier;
  }

  receive(frame: Frame): void {
    this.input.enter(frame.length);
    this.owner.forward(frame, this);
  }

  /** Takes a frame to send. */
  enqueue(frame: Frame): void {
    this.output.enter(frame.length);
    if (!this.carrier || this.inFlight >= this.owner.queueFrames) {
      this.output.drop(this.carrier ? 'queueFull' : 'noCarrier');
      this.owner.pool.put(frame);
    } else {
      this.queue.push(frame);
      if (!this.sending) this.sendNext();
    }
  }

  private sendNext(): void {
    const frame = this.queue.shift();
    if (frame === null) return;
    this.sending = true;
    // What the medium does with it is in the medium's own count; the switch is rid of it.
    this.output.delivered++;
    this.output.busyNs += frameTimeNs(frame.length, this.medium.bitsPerSecond);
    this.medium.send(frame);
  }

  transmitted(_status: number): void {
    this.sending = false;
    this.sendNext();
  }

  carrierChanged(): void {
    if (this.carrier === this.medium.carrier) return;
    this.carrier = this.medium.carrier;
    if (this.carrier) return;
    this.owner.table.flush(this.index);
    for (let lost = this.queue.clear(this.owner.pool); lost > 0; lost--) this.output.drop('carrierLost');
  }

  get inFlight(): number {
    return this.queue.length;
  }
}

export class Switch implements WireDevice {
  readonly name: string;
  readonly pool: FramePool;
  readonly queueFrames: number;
  readonly table: MacTable;
  /** Sockets of the cables the switch made itself. */
  readonly ports: readonly Medium[];
  private readonly clock: Clock;
  private readonly maxFrameBytes: number;
  private readonly all: SwitchPort[] = [];
  private readonly cables: Link[] = [];

  constructor(options: SwitchOptions) {
    this.name = options.name;
    this.clock = options.clock;
    this.pool = options.pool;
    this.queueFrames = options.queueFrames ?? 128;
    this.maxFrameBytes = options.maxFrameBytes ?? MAX_FRAME_BYTES;
    this.table = new MacTable(options.tableSize ?? 1024, options.ageingNs ?? 300e9);
    this.ports = (options.ports ?? []).map((port, i) => {
      const { clock, pool } = options;
      const cable = new Link({ ...port, name: `${options.name}.${i + 1}`, clock, pool });
      this.cables.push(cable);
      this.connect(cable.b);
      return cable.a;
    });
  }

  /** Plugs a new port of the switch into a medium; gives its index. */
  connect(medium: Medium): number {
    const index = this.all.length;
    this.all.push(new SwitchPort(this, index, medium));
    return index;
  }

  /** Mends or cuts a cable the switch made, counted from 0. */
  setCarrier(port: number, up: boolean): void {
    this.cables[port].setCarrier(up);
  }

  /** Takes a frame that came in at `from`. */
  forward(frame: Frame, from: SwitchPort): void {
    const reason = this.refuses(frame);
    if (reason !== null) {
      this.drop(frame, from, reason);
      return;
    }
    const { u8 } = frame;
    const now = this.clock.now();
    if ((u8[SOURCE] & 1) === 0) this.table.learn(u8, SOURCE, from.index, now);
    const isGroup = (u8[FRAME_START] & 1) !== 0;
    const known = isGroup ? -1 : this.table.lookup(u8, FRAME_START, now);
    if (known === from.index || isForBridges(u8)) {
      this.drop(frame, from, 'filtered');
    } else if (known >= 0) {
      from.input.delivered++;
      this.all[known].enqueue(frame);
    } else {
      this.flood(frame, from);
    }
  }

  private refuses(frame: Frame): DropReason | null {
    if (frame.length < HEADER_BYTES) return 'tooShort';
    if (frame.length > this.maxFrameBytes) return 'tooLong';
    if (frame.damaged) return 'badFcs';
    return null;
  }

  /** A copy to every other port that has somebody at its other end, the frame itself to the last of them. */
  private flood(frame: Frame, from: SwitchPort): void {
    let last: SwitchPort | null = null;
    for (const port of this.all) {
      if (port === from || !port.carrier) continue;
      if (last !== null) {
        from.input.copies++;
        from.input.delivered++;
        last.enqueue(this.pool.copy(frame));
      }
      last = port;
    }
    if (last === null) {
      this.drop(frame, from, 'noReceiver');
    } else {
      from.input.delivered++;
      last.enqueue(frame);
    }
  }

  private drop(frame: Frame, from: SwitchPort, reason: DropReason): void {
    from.input.drop(reason);
    this.pool.put(frame);
  }

  report(): WireReport {
    const now = this.clock.now();
    const directions: Record<string, DirectionReport> = {};
    for (const port of this.all) {
      directions[`port${port.index + 1}.in`] = port.input.report(now, 0);
      directions[`port${port.index + 1}.out`] = port.output.report(now, port.inFlight);
    }
    const totals = { addresses: this.table.count(now), evicted: this.table.evicted };
    return { name: this.name, kind: 'switch', directions, totals };
  }

  /** What happened on the cables the switch made itself. */
  cableReports(): WireReport[] {
    return this.cables.map((cable) => cable.report());
  }
}

/** 01:80:c2:00:00:00 to :0f, which no bridge passes on: spanning tree, PAUSE, LLDP. */
function isForBridges(u8: Uint8Array): boolean {
  return (
    u8[FRAME_START] === 0x01 &&
    u8[FRAME_START + 1] === 0x80 &&
    u8[FRAME_START + 2] === 0xc2 &&
    u8[FRAME_START + 3] === 0 &&
    u8[FRAME_START + 4] === 0 &&
    u8[FRAME_START + 5] < 0x10
  );
}
