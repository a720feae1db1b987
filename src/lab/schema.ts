// The lab file as a schema: what may stand where. docs/lab-file.md describes every key. What needs a look at several
// places (names that refer to others, duplicates) is in check.ts.

import { z } from 'zod';
import { parseAddress, parseNetwork } from '../inet/address.ts';
import { isValidStation, parseMac } from '../net/ether.ts';
import { batchLines } from '../tc/words.ts';
import { CHIPS, NO_CHIP, QEMU_CHIPS } from './chips.ts';
import { didYouMean } from './did-you-mean.ts';
import { choice, keys, notOneOf, parsed, text, whole } from './schema-parts.ts';
import { parsePace, parseRate, parseShare, parseSize, parseSpan, parseTime } from './units.ts';

const PROFILES = ['ideal', 'x86-desktop', 'low-power'] as const;
/** The emulator's own cards, for comparison. */
const GUEST_CHIPS = [...CHIPS, 'v86:ne2k', 'v86:virtio'] as const;
const DRIVERS = ['pcnet32'] as const;
const STACKS = ['core', 'io-pkt'] as const;
/** Entry points of an io-pkt driver; `hook` is its shutdown hook. */
const FAULT_ENTRIES = ['init', 'stop', 'start', 'ioctl', 'process_interrupt', 'hook'] as const;
const PORT_KINDS = ['replay', 'generator', 'tap'] as const;
const TRAFFIC_KINDS = ['ping', 'udp'] as const;

const name = z.string();
const flag = z.boolean();
const rate = parsed(parseRate);
const time = parsed(parseTime);
const span = parsed(parseSpan);
const share = parsed(parseShare);
const pace = parsed(parsePace);
const mac = text('an Ethernet address', '02:00:00:00:00:01', station);
const address = text('an IPv4 address', '10.0.0.1', parseAddress);
const network = text('an IPv4 address with its prefix', '10.0.0.1/24', parseNetwork);
const udpPort = whole(1, 65535);
/** A UDP datagram's payload that holds a sequence number and a time. */
const payload = whole(16, 1472);

/** A word stands for a map with that word under `key`. */
function orMap<Schema extends z.ZodType>(key: string, schema: Schema) {
  return z.preprocess(
    (value) => (typeof value === 'string' || typeof value === 'number' ? { [key]: value } : value),
    schema,
  );
}

const driver = orMap(
  'name',
  keys({
    name: choice('driver', DRIVERS).default('pcnet32'),
    napi: flag.optional(),
    rxRing: ringSize(2).optional(),
    txRing: ringSize(4).optional(),
    copybreak: whole(0, 222).optional(),
    softwareStyle: z
      .union([z.literal(0), z.literal(2), z.literal(3)], { error: '0, 2 or 3 would be right' })
      .optional(),
    fullDuplex: flag.optional(),
  }),
);

const chip = parsed((value): string => {
  const names: readonly string[] = [...CHIPS, ...QEMU_CHIPS, NO_CHIP];
  if (typeof value !== 'string') throw new Error(notOneOf('chip', value, [...CHIPS, 'qemu:pcnet']));
  if (names.includes(value)) return value;
  const near = didYouMean(value, names);
  throw new Error(
    near === '' ? notOneOf('chip', value, [...CHIPS, 'qemu:pcnet']) : `"${value}" is not a chip${near}`,
  );
});

const nic = keys({
  name: name.optional(),
  chip: chip.default('pcnet'),
  driver: driver.optional(),
  mac: mac.optional(),
  address: network.optional(),
  qdisc: z.string().optional(),
  queues: whole(1, 64).optional(),
  promiscuous: flag.default(false),
  negotiation: time.optional(),
});

/** A file by its path, or its text. */
const served = orMap('file', keys({ file: name.optional(), text: z.string().optional() }));

const SERVICE_KINDS = ['udp-sink', 'udp-echo', 'dhcp', 'tftp'] as const;
const service = z.discriminatedUnion(
  'kind',
  [
    keys({ kind: z.literal('udp-sink'), port: udpPort }),
    keys({ kind: z.literal('udp-echo'), port: udpPort }),
    keys({
      kind: z.literal('dhcp'),
      nic: name.optional(),
      range: text('a range of addresses', '10.0.0.100-10.0.0.200', addressRange),
      router: address.optional(),
      dns: address.optional(),
      lease: span.default(3_600_000_000_000),
      bootFile: name.optional(),
      nextServer: address.optional(),
    }),
    keys({ kind: z.literal('tftp'), files: z.record(z.string(), served) }),
  ],
  { error: (issue) => notOneOf('service', (issue.input as { kind?: unknown })?.kind, SERVICE_KINDS) },
);

/** A driver of io-pkt's, as its command line has it: `-d speedo verbose,speed=100`. */
const iopktDriver = orMap('name', keys({ name, options: z.string().optional() }));

/** An exception in driver code, to see what comes of it. */
const injected = keys({
  in: choice('entry point', FAULT_ENTRIES),
  nic: name.optional(),
  at: time.default(0),
});

/** Lines of tc, as one text or as a list. In a list a line with `1: ` in it wants quotes, else it is a map to YAML. */
const tcLines = z.preprocess(
  (value) => (typeof value === 'string' ? batchLines(value) : value),
  z
    .array(
      z.string({
        error:
          'a line of tc in quotes, "qdisc add dev eth0 ...", or all of them as a text (tc: |) would be right',
      }),
    )
    .default([]),
);

export const hostSchema = keys({
  stack: choice('stack', STACKS).default('core'),
  drivers: z.array(iopktDriver).optional(),
  faults: z.array(injected).default([]),
  profile: choice('profile', PROFILES).default('x86-desktop'),
  cpus: whole(1, 64).default(1),
  memory: parsed(parseSize).optional(),
  mbufs: whole(64).optional(),
  clusters: whole(64).optional(),
  debug: flag.default(false),
  forward: flag.default(false),
  gateway: address.optional(),
  routes: z.array(keys({ to: network, via: address })).default([]),
  services: z.array(service).default([]),
  tc: tcLines,
  ifb: z.array(name).default([]),
  bridge: z
    .array(name)
    .length(2, { error: 'a bridge has two ports: [eth0, eth1] would be right' })
    .optional(),
  nics: z.array(nic).default([]),
});

const guestNic = keys({
  name: name.optional(),
  chip: choice('chip', GUEST_CHIPS).default('pcnet'),
  mac: mac.optional(),
  address: network.optional(),
  negotiation: time.optional(),
});

/** A host that is a guest in an emulator: its drivers are its own. */
export const guestSchema = keys({
  guest: choice('emulator', ['v86']),
  bios: name.optional(),
  vgaBios: name.optional(),
  cdrom: name.optional(),
  kernel: name.optional(),
  initrd: name.optional(),
  commandLine: z.string().optional(),
  memory: parsed(parseSize).default(128 * 1024 * 1024),
  console: name.optional(),
  nics: z.array(guestNic).default([]),
});

const burst = keys({ p: share, r: share.optional(), h: share.optional(), k: share.optional() });
const impairments = keys({
  rateLimit: orMap(
    'rate',
    keys({ rate, queue: whole(1).optional(), burst: parsed(parseSize).optional() }),
  ).optional(),
  loss: share.optional(),
  gilbertElliott: burst.optional(),
  corruption: orMap('probability', keys({ probability: share, bits: whole(1, 32).optional() })).optional(),
  duplication: share.optional(),
  reordering: orMap(
    'probability',
    keys({ probability: share, gap: whole(1).optional(), delay: time.optional() }),
  ).optional(),
  delay: orMap(
    'base',
    keys({
      base: time.default(0),
      jitter: time.optional(),
      distribution: choice('distribution', ['uniform', 'normal']).optional(),
      keepOrder: flag.optional(),
    }),
  ).optional(),
});

const cable = {
  rate: rate.default(100_000_000),
  delay: time.default(1000),
};

export const linkSchema = keys({
  between: z.array(name).length(2, { error: 'a link has two ends: [alice, bob] would be right' }),
  ...cable,
  duplex: choice('duplex', ['full', 'half', 'auto']).default('full'),
  impair: keys({
    both: impairments.optional(),
    forth: impairments.optional(),
    back: impairments.optional(),
  }).optional(),
  flap: keys({ firstDown: time, down: span, up: span, times: whole(1).optional() }).optional(),
});

export const switchSchema = keys({
  connect: z.array(name),
  ...cable,
  ageing: span.optional(),
  queue: whole(1).optional(),
});

export const hubSchema = keys({
  connect: z.array(name),
  rate: rate.default(10_000_000),
  delay: time.default(1000),
});

const aim = { to: name.optional(), start: time.default(0) };

export const portSchema = z.discriminatedUnion(
  'kind',
  [
    keys({
      kind: z.literal('replay'),
      file: name,
      pace: pace.optional(),
      speed: positive().default(1),
      loops: z.preprocess((value) => (value === 'forever' ? Infinity : value), loops()).default(1),
      destination: z
        .union([z.enum(['keep', 'rewrite']), mac], {
          error: 'keep, rewrite or an Ethernet address would be right',
        })
        .default('keep'),
      ...aim,
    }),
    keys({
      kind: z.literal('generator'),
      rate: pace,
      size: whole(60, 1514).default(60),
      port: udpPort.default(9),
      sink: choice('sink', ['process', 'softirq']).default('process'),
      ...aim,
    }),
    keys({
      kind: z.literal('tap'),
      name: name.optional(),
      address: network.optional(),
      mtu: whole(68, 9000).optional(),
      namespace: name.optional(),
    }),
  ],
  { error: (issue) => notOneOf('kind of port', (issue.input as { kind?: unknown })?.kind, PORT_KINDS) },
);

const flow = { name: name.optional(), from: name, to: name, start: time.default(0) };

export const trafficSchema = z.discriminatedUnion(
  'kind',
  [
    keys({
      kind: z.literal('ping'),
      ...flow,
      interval: span.default(1_000_000_000),
      size: payload.default(56),
      count: whole(1).optional(),
    }),
    keys({
      kind: z.literal('udp'),
      ...flow,
      rate: pace,
      size: payload.default(64),
      port: udpPort.optional(),
      count: whole(1).optional(),
    }),
  ],
  { error: (issue) => notOneOf('kind of traffic', (issue.input as { kind?: unknown })?.kind, TRAFFIC_KINDS) },
);

export const TOP_KEYS = ['name', 'seed', 'hosts', 'links', 'switches', 'hubs', 'ports', 'traffic'] as const;

export type HostFile = z.infer<typeof hostSchema>;
export type GuestFile = z.infer<typeof guestSchema>;
export type NicFile = HostFile['nics'][number];
export type LinkFile = z.infer<typeof linkSchema>;
export type SwitchFile = z.infer<typeof switchSchema>;
export type HubFile = z.infer<typeof hubSchema>;
export type PortFile = z.infer<typeof portSchema>;
export type TrafficFile = z.infer<typeof trafficSchema>;
export type ImpairFile = z.infer<typeof impairments>;

function station(value: string): Uint8Array {
  const bytes = parseMac(value);
  if (isValidStation(bytes)) return bytes;
  throw new Error(
    `"${value}" is no station's address: it is zero or a group's; 02:00:00:00:00:01, say, would be right`,
  );
}

/** First and last address, both counted. */
function addressRange(value: string): { first: number; last: number } {
  const [first, last, ...rest] = value.split('-').map((part) => parseAddress(part.trim()) >>> 0);
  if (last === undefined || rest.length > 0 || last < first)
    throw new Error(`"${value}" is no range: 10.0.0.100-10.0.0.200, say, would be right`);
  return { first, last };
}

function ringSize(least: number) {
  return parsed((value) => {
    if (typeof value === 'number' && value >= least && value <= 512 && Number.isInteger(Math.log2(value)))
      return value;
    throw new Error(`${value} is not a ring size: a power of two, ${least} to 512, would be right, like 64`);
  });
}

function positive() {
  return parsed((value) => {
    if (typeof value === 'number' && value > 0) return value;
    throw new Error(`${value} is wrong here: a number above 0 would be right`);
  });
}

function loops() {
  return parsed((value) => {
    if (value === Infinity || (typeof value === 'number' && Number.isInteger(value) && value > 0))
      return value;
    throw new Error(`${value} is wrong here: a whole number, 1 or more, or forever, would be right`);
  });
}
