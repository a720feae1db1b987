// `softnet bench`: receive, transmit and forward with small and full frames, each beside the bare ring measured in the
// same run, as a ratio. Targets, for one thread and 60-byte frames: receive 6 Mpps and 0.35 of the bare ring, forward
// 3.5 Mpps, at most 1 byte of heap a packet.

import { type BareRing, bareRing } from './bare-ring.ts';
import { measure } from './measure.ts';
import { BATCH, BenchHost } from './path.ts';

export interface BenchRow {
  name: string;
  /** Million packets a second. */
  mpps: number;
  nsPerPacket: number;
  bytesPerPacket: number;
  /** Packets a second against the bare ring's with frames of the same size. */
  ratioToBareRing: number;
}

export interface BenchOptions {
  /** A shorter run, for a first impression. */
  quick?: boolean;
  /** Told what is measured next. */
  progress?: (what: string) => void;
}

const SIZES = [60, 1514];

export async function runBench(options: BenchOptions = {}): Promise<BenchRow[]> {
  const seconds = options.quick === true ? 0.35 : 1.4;
  const rows: BenchRow[] = [];
  for (const size of SIZES) {
    let ceiling = 0;
    const add = (name: string, step: () => void): void => {
      const { nsPerPacket, bytesPerPacket } = measure(BATCH, seconds, step);
      if (ceiling === 0) ceiling = nsPerPacket;
      rows.push({
        name: `${name} ${size}`,
        mpps: 1000 / nsPerPacket,
        nsPerPacket,
        bytesPerPacket,
        ratioToBareRing: ceiling / nsPerPacket,
      });
    };
    for (const [name, makeStep] of Object.entries(CASES)) {
      options.progress?.(`${name} ${size} bytes`);
      // Lets a progress line be drawn between two measurements.
      await new Promise((resolve) => setTimeout(resolve, 0));
      add(name, makeStep(size));
    }
  }
  return rows;
}

/** The first case is the ceiling of the others. */
const CASES: Record<string, (size: number) => () => void> = {
  'bare ring': (size) => {
    const ring: BareRing = bareRing(size);
    return () => ring.run(1);
  },
  receive: (size) => {
    const host = new BenchHost();
    host.countPackets();
    host.prepareFrames(size);
    return () => host.receiveBatch(size);
  },
  transmit: (size) => {
    const host = new BenchHost();
    return () => host.transmitBatch(size);
  },
  forward: (size) => {
    const host = new BenchHost();
    host.forwardPackets();
    host.prepareFrames(size);
    return () => host.receiveBatch(size);
  },
};
