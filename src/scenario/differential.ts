// The same steps of the same driver on two subjects, everything between driver and card written down, for comparison: what
// our model does other than a chip that somebody else made shows as a line.

import type { Pcnet32Options } from '../drivers/pcnet32/pcnet32.ts';
import { Bench } from './bench.ts';
import { Checks } from './checks.ts';
import type { DriverTrace } from './diff-traces.ts';
import type { OpenSubject, Subject } from './subject.ts';
import { TraceRecorder } from './trace-recorder.ts';

/** Sizes of the frames, one at a time; the last one out goes in three pieces. */
const SIZES_OUT = [60, 61, 200, 1514, 700];
const SIZES_IN = [60, 61, 200, 201, 1514];
const GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03);
/** Silence after which a step is over. */
const SILENCE_MS = 10;

/** Takes a subject that `open` makes through the steps; returns what was seen. Throws when a step does not come to its end. */
export async function traceDriver(open: OpenSubject, options: Pcnet32Options = {}): Promise<DriverTrace> {
  const recorder = new TraceRecorder();
  const subject = await open({ seed: 1, spy: recorder });
  recorder.memory = subject.machine.memory;
  try {
    const bench = new Bench(subject, new Checks([]), 1, 'differential');
    await steps(bench, recorder, options);
    return { subject: subject.name, steps: recorder.steps };
  } finally {
    subject.close();
  }
}

async function steps(bench: Bench, recorder: TraceRecorder, options: Pcnet32Options): Promise<void> {
  const { subject } = bench;
  const { far } = subject;
  const { machine } = subject;
  far.onFrame = (bytes) => recorder.note(`  wire out ${bytes.length} bytes, sum ${sum(bytes)}`);

  recorder.begin('probe');
  bench.bind(options);
  recorder.begin('open');
  bench.open();
  await bench.carrier();
  // It looks at the link every 2 s of the subject's own time, which the two do not share.
  bench.adapter.linkWatch.stop();
  await silence(subject);
  recorder.begin('register dump');
  machine.process(() => bench.device.ops.registerDump!());

  for (const [i, size] of SIZES_OUT.entries()) {
    const last = i === SIZES_OUT.length - 1;
    recorder.begin(`out ${size}`);
    const { frames } = far;
    bench.host.send(bench.device, bench.frameOut(size), last ? [100, 200] : []);
    const gone = (): boolean => far.frames > frames && bench.device.ops.held!() === 0;
    await bench.until(`the frame of ${size} bytes is sent`, gone);
    await silence(subject);
  }
  for (const size of SIZES_IN) {
    recorder.begin(`in ${size}`);
    const { count } = bench.host;
    far.send(bench.frame(size));
    await bench.until(`the frame of ${size} bytes is received`, () => bench.host.count > count);
    await silence(subject);
  }

  const mode = async (name: string, change: () => void): Promise<void> => {
    recorder.begin(name);
    machine.process(change);
    await bench.settled();
    await silence(subject);
  };
  const { device } = bench;
  await mode('join a group', () => device.addMulticast(GROUP));
  await mode('leave the group', () => device.removeMulticast(GROUP));
  await mode('promiscuous', () => device.setPromiscuity(1));
  recorder.begin('in, for a stranger');
  const { count } = bench.host;
  far.send(bench.frame(100, Uint8Array.of(0x02, 0, 0, 0, 0, 0x77)));
  await bench.until('the frame for a stranger is received', () => bench.host.count > count);
  await silence(subject);
  await mode('not promiscuous', () => device.setPromiscuity(-1));

  recorder.begin('stop');
  bench.closeDevice();
  recorder.begin('remove');
  bench.unbind();
}

/** Until what is under way has ended. */
async function silence(subject: Subject): Promise<void> {
  const { accesses } = subject;
  // Bounded: a card that is never silent is seen in the trace.
  for (let i = 0; i < 100; i++) {
    const before = accesses.reads + accesses.writes;
    await subject.rest(SILENCE_MS);
    if (accesses.reads + accesses.writes === before) return;
  }
}

function sum(bytes: Uint8Array): string {
  let total = 0;
  for (const octet of bytes) total = (Math.imul(total, 31) + octet) >>> 0;
  return `0x${total.toString(16).padStart(8, '0')}`;
}
