// The public API: labs, and the parts they are made of, for programs that build their own. All of it runs in a browser too;
// what touches files, TAPs and real time is behind the command line (src/cli, src/lab/server), QEMU's cards are
// softnet/qtest. What drivers of QNX's two kinds are written against is softnet/io-pkt and softnet/io-net.

export { type AttachedNic, type AttachOptions, attachNic } from './attach/v86/attach.ts';
export { type BusMedium, busMedium } from './attach/v86/bus-medium.ts';
export { OwnCard } from './attach/v86/own-card.ts';
export { startPolling } from './attach/v86/polling.ts';
export type { ChipState, DeviceHost, PciChip, PciIdentity, Width } from './bus/host.ts';
export { PciBus, type PciDevice, type PciDriver } from './bus/pci.ts';
export { Pcnet, type PcnetOptions } from './chips/pcnet/model.ts';
export { type Pcnet32Options, pcnet32Driver } from './drivers/pcnet32/pcnet32.ts';
export { InetStack } from './inet/stack.ts';
export { type Clock, ClockEvent, SystemClock, VirtualClock } from './kernel/clock.ts';
export { Machine, type MachineOptions } from './kernel/machine.ts';
export { CPU_PROFILES, type CpuProfile } from './kernel/profile.ts';
export { Tracer } from './kernel/trace.ts';
export type { Flow, FlowReport } from './lab/flow.ts';
export { Lab, type LabOptions } from './lab/lab.ts';
export { type LivelockReport, livelock } from './lab/livelock.ts';
export { loadLab } from './lab/load.ts';
export { LabFileError, LabRunError, type Problem } from './lab/problem.ts';
export { type LabReport, reportLab } from './lab/report.ts';
export { runVirtual } from './lab/run-virtual.ts';
export type { LabSpec } from './lab/spec.ts';
export { runTool, type ToolAnswer, ToolError } from './lab/tools.ts';
export { ChromeTrace } from './lab/trace-chrome.ts';
export { traceToText } from './lab/trace-text.ts';
export type { Mbuf } from './mbuf/mbuf.ts';
export { MbufPool } from './mbuf/pool.ts';
export { NetDevice, type NetDeviceOps } from './net/device.ts';
export { deviceEnv } from './net/device-env.ts';
export { DeviceLayer } from './net/layer.ts';
export { Napi } from './net/napi.ts';
export type { ClassfulQdisc, Classifier, Qdisc, QdiscClass, QdiscEnv, QdiscStats } from './net/qdisc.ts';
export { openCapture } from './ports/open-capture.ts';
export { Replay, type ReplayOptions } from './ports/replay.ts';
export { attachQdisc } from './qdisc/attach.ts';
export { Choke } from './qdisc/choke.ts';
export { Codel } from './qdisc/codel.ts';
export { Drr } from './qdisc/drr.ts';
export { Bfifo, Pfifo } from './qdisc/fifo.ts';
export { Fq } from './qdisc/fq.ts';
export { FqCodel } from './qdisc/fq-codel.ts';
export { Htb } from './qdisc/htb.ts';
export { Mq } from './qdisc/mq.ts';
export { Netem } from './qdisc/netem.ts';
export { PfifoFast } from './qdisc/pfifo-fast.ts';
export { Prio } from './qdisc/prio.ts';
export { Red } from './qdisc/red.ts';
export { Sfq } from './qdisc/sfq.ts';
export { Tbf } from './qdisc/tbf.ts';
export { Tc, type TcAnswer } from './tc/command.ts';
export { TcError } from './tc/words.ts';
export { FRAME_START, type Frame, FramePool } from './wire/frame.ts';
export { FrameTap } from './wire/frame-tap.ts';
export { Hub } from './wire/hub.ts';
export { ImpairedMedium } from './wire/impaired-medium.ts';
export { Link } from './wire/link.ts';
export {
  type Medium,
  type Station,
  TX_COLLISIONS,
  TX_DEFERRED,
  TX_LATE_COLLISION,
  TX_NO_CARRIER,
  TX_RETRY,
} from './wire/medium.ts';
export { Switch } from './wire/switch.ts';
