// The rules for drivers that are checked, by their stable ids: tests, findings and pages cite them. Letters: I interrupts,
// N NAPI and queues, B buffers, L locks, F lifecycle and faults, P io-pkt drivers, S io-net drivers and the shim. An id that is missing here is not checked.
// A new rule takes the next free number of its letter, and needs a small driver that breaks it and no other (broken/).

export type Severity = 'error' | 'warning';
/** Interfaces that drivers are written against; an io-net driver runs under the shim. */
export type Kind = 'io-pkt' | 'io-net' | 'core';

/** Drivers that a rule or a check binds. */
const BOUND = {
  any: ['io-pkt', 'io-net', 'core'],
  'io-pkt': ['io-pkt'],
  'io-net': ['io-net'],
  core: ['core'],
  /** Those that io-pkt loads, natively or under the shim. */
  loaded: ['io-pkt', 'io-net'],
  /** Those that stop when their interface does. An io-net driver is alive from its init to its end. */
  stopping: ['io-pkt', 'core'],
} as const satisfies Record<string, readonly Kind[]>;

export type Bound = keyof typeof BOUND;

export function binds(bound: Bound, kind: Kind): boolean {
  return (BOUND[bound] as readonly Kind[]).includes(kind);
}

export interface Rule {
  readonly id: string;
  /** What is broken, as the end of "the driver ...". */
  readonly broken: string;
  readonly severity: Severity;
  readonly bound: Bound;
}

const table: readonly (readonly [id: string, bound: Bound, severity: Severity, broken: string])[] = [
  ['I01', 'any', 'error', 'keeps its interrupt handler after stop, or after an init that failed'],
  ['I03', 'any', 'error', 'claims an interrupt that is not its own, or disowns one that is'],
  ['I04', 'any', 'error', 'loses an event that comes while it goes back from polling to interrupts'],
  ['I05', 'any', 'warning', 'leaves its interrupt line asserted and unmasked: it is delivered without end'],
  ['I06', 'any', 'error', 'lets its card interrupt before it has finished polling, or never again'],
  ['N01', 'core', 'error', 'does more work in a poll than its budget allows'],
  ['N02', 'core', 'error', 'completes a poll and says that its whole budget is used'],
  ['N03', 'core', 'error', 'receives or completes in a poll with a budget of 0'],
  ['N06', 'core', 'error', 'enables or disables NAPI twice'],
  ['N08', 'core', 'error', 'says busy when it is asked to send, in place of stopping its queue in time'],
  ['N09', 'any', 'error', 'keeps a buffer that was sent until there is more traffic'],
  ['N10', 'stopping', 'error', 'leaves its queue stopped with nothing to wake it'],
  ['N11', 'any', 'error', 'writes to bytes of a packet that another one shares'],
  ['N12', 'any', 'error', 'goes on with DMA, or passes packets up, after stop'],
  ['N13', 'any', 'error', 'is registered before it can be opened, sent to and asked'],
  ['N14', 'loaded', 'error', 'calls what its context may not: buffers in an ISR, stack calls elsewhere'],
  ['N15', 'loaded', 'warning', 'takes a frame that is too long, or refuses a full one with a VLAN tag'],
  ['N16', 'any', 'error', 'comes up with a station address that is none'],
  ['N17', 'io-pkt', 'error', 'goes on as long as frames come, and lets no other source have its turn'],
  ['B01', 'any', 'error', 'leaks a buffer, frees it twice, or writes to one that is free'],
  ['B04', 'any', 'error', 'leaves the references to shared bytes miscounted'],
  ['B05', 'core', 'warning', 'passes up a packet whose length is not the sum of its members'],
  ['B06', 'any', 'error', 'lets its card write into a packet that it has passed up'],
  ['B07', 'any', 'error', 'loses an accepted packet: not sent, not queued, not dropped with a reason'],
  ['L01', 'io-pkt', 'error', 'takes a lock of the interrupt side elsewhere with interrupt work free to come'],
  ['L02', 'io-pkt', 'error', 'takes two locks in both orders'],
  ['L03', 'loaded', 'error', 'takes a lock that it has'],
  ['L04', 'loaded', 'error', 'returns with a lock held'],
  ['L05', 'io-pkt', 'warning', 'touches what a lock guards without having it'],
  ['F01', 'any', 'error', 'does not fail cleanly when it cannot get what it needs'],
  ['F02', 'any', 'error', 'leaves something registered or armed when it is detached'],
  ['F03', 'any', 'error', 'loops when its card is pulled out and all reads give ones'],
  ['F05', 'any', 'error', 'does not get over a link that flaps under load'],
  ['F06', 'any', 'error', 'trusts lengths and status that its card tells, beyond what can be'],
  ['F07', 'any', 'warning', 'reads one register again and again while time stands still'],
  ['F08', 'loaded', 'error', 'takes more than 5 s to answer a request'],
  ['F09', 'any', 'error', 'counts other than what was on the wire'],
  ['P01', 'io-pkt', 'error', 'has more after several calls of init than after one'],
  [
    'P02',
    'io-pkt',
    'error',
    'starts the card in an init while it is being detached, or is upset by an early stop',
  ],
  ['P03', 'io-pkt', 'error', 'gives back in stop what attach made, or does not work after stop and init'],
  ['P04', 'io-pkt', 'error', 'does not keep RUNNING in both words, set by init and cleared by stop'],
  ['P05', 'io-pkt', 'error', 'returns from start with if_snd_ex locked, or dequeues while it does not run'],
  ['P06', 'io-pkt', 'error', 'sends empty fragments, or loses a packet that has too many'],
  ['P07', 'io-pkt', 'error', 'gives a receive buffer up before it has a new one'],
  ['P08', 'io-pkt', 'error', 'passes up a packet whose lengths or interface are wrong'],
  ['P09', 'loaded', 'error', 'touches a buffer after it has handed it over'],
  ['P10', 'io-pkt', 'error', 'passes a packet up with a mutex held that its start takes'],
  ['P11', 'loaded', 'error', 'does not balance masks and unmasks, or returns neither 1 nor 0'],
  ['P12', 'io-pkt', 'error', 'has an ISR that masks the line and does not keep the iid that it is given'],
  ['P13', 'io-pkt', 'error', 'has an ISR that leaves the card unmasked because its entry is listed'],
  ['P14', 'io-pkt', 'error', 'does not keep exactly one periodic callout armed, or one after stop'],
  [
    'P15',
    'io-pkt',
    'error',
    'does not report a change of the link once, or does not send again when it is up',
  ],
  ['P16', 'io-pkt', 'error', 'takes a drvcom of the wrong size, or keeps requests from ether_ioctl'],
  [
    'P17',
    'io-pkt',
    'error',
    'does not write the filter when it runs, writes it when it does not, or returns ENETRESET',
  ],
  ['P18', 'io-pkt', 'error', 'takes media it has not got, or wants a restart for one it has'],
  ['P19', 'io-pkt', 'error', 'has a shutdown hook that allocates, locks, or does not silence the card'],
  ['P20', 'io-pkt', 'error', 'receives on a thread of its own, has an untracked one, or is late to quiesce'],
  ['P21', 'io-pkt', 'warning', 'mixes units up: kbit/s, seconds, milliseconds, MTU without header'],
  ['S01', 'io-net', 'error', 'calls ion before reg, or through a copy of the table'],
  ['S02', 'io-net', 'error', 'does not give back by tx_done, exactly once, each packet it has to send'],
  ['S03', 'io-net', 'error', 'gives a packet back by tx_done while its card still reads it'],
  ['S04', 'io-net', 'error', 'tells by flag and result two different outcomes of a transmit'],
  ['S05', 'io-net', 'error', 'passes up a packet that is not one buffer with one iov, as io-net wants it'],
  ['S06', 'io-net', 'error', 'forgets packets that tx_up_start returned'],
  ['S07', 'io-net', 'warning', 'holds a mutex over tx_up_start or tx_done'],
  ['S08', 'io-net', 'error', "changes the originator's bits of a packet, or trusts the scratch bits"],
  ['S09', 'io-net', 'error', 'has an mbuf on a thread that is not tracked'],
  ['S10', 'io-net', 'error', 'receives on a thread of io-pkt, or its frames come in another order'],
  ['S11', 'io-net', 'error', 'leaves packets or memory when it is destroyed, or goes with buffers lent out'],
  ['S12', 'io-net', 'error', 'does not send its advert when it is asked to'],
  ['S13', 'io-net', 'error', 'shows in nicinfo what is not its configuration or its counters'],
  ['manual', 'any', 'error', 'breaks a sentence of the manual that has no id'],
  ['crash', 'any', 'error', 'throws an exception: SIGSEGV on the real thing'],
];

export const RULES: readonly Rule[] = table.map(([id, bound, severity, broken]) => ({
  id,
  bound,
  severity,
  broken,
}));

const byId = new Map(RULES.map((rule) => [rule.id, rule]));

/** Throws with the ids there are. */
export function ruleOf(id: string): Rule {
  const rule = byId.get(id);
  if (rule !== undefined) return rule;
  throw new RangeError(`no rule is called "${id}"; there are: ${RULES.map((each) => each.id).join(', ')}`);
}

export function isRule(id: string): boolean {
  return byId.has(id);
}
