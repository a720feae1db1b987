// What `tc qdisc show` and `tc class show` print: a line for each, and with -s what it has counted, as iproute2 6.1 does.

import type { QdiscStats } from '../net/qdisc.ts';
import { Mq } from '../qdisc/mq.ts';
import type { TcAnswer } from './command.ts';
import { classId, formatClassId, TC_H_ROOT } from './handle.ts';
import { Printer } from './printer.ts';
import type { DeviceTc, QdiscNode } from './tree.ts';
import { printSize } from './units.ts';

export interface ShowOptions {
  statistics: boolean;
  details: boolean;
  json: boolean;
  pretty: boolean;
  /** The device was named, so it is not repeated. */
  named: boolean;
  /** One handle or parent only; null: all. */
  only: number | null;
}

interface Counted {
  readonly stats: QdiscStats;
  readonly length: number;
  readonly backlog: number;
}

/** Kinds whose one class tells no statistics. */
const UNCOUNTED = new Set(['tbf', 'red', 'netem']);

export function showQdiscs(trees: readonly DeviceTc[], options: ShowOptions): TcAnswer {
  const shown = trees.flatMap((tree) => {
    const nodes = tree.list();
    // A device without a discipline is shown too.
    if (nodes.every(({ parent }) => parent !== TC_H_ROOT)) {
      const root = options.only === null || options.only === TC_H_ROOT ? [showNone(tree, options)] : [];
      return [
        ...root,
        ...nodes.filter((node) => wanted(node, options)).map((node) => showQdisc(tree, node, options)),
      ];
    }
    return nodes.filter((node) => wanted(node, options)).map((node) => showQdisc(tree, node, options));
  });
  return answer(shown, options);
}

function wanted({ handle, parent }: QdiscNode, { only }: ShowOptions): boolean {
  return only === null || only === parent || only === classId(handle, 0);
}

function showNone({ device }: DeviceTc, options: ShowOptions): Printer {
  const out = new Printer(options.statistics, options.details);
  out.put('qdisc noqueue 0:', 'kind', 'noqueue').put('', 'handle', '0:');
  if (!options.named) out.put(`dev ${device.name}`, 'dev', device.name);
  out.put('root', 'root', true).put('refcnt 2', 'refcnt', 2).put('', 'options', {});
  out.raw(' ');
  const stats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  if (options.statistics) showStatistics(out, { stats, length: 0, backlog: 0 });
  return out;
}

function showQdisc(tree: DeviceTc, node: QdiscNode, options: ShowOptions): Printer {
  const { kind, qdisc, handle, parent } = node;
  const { device } = tree;
  const out = new Printer(options.statistics, options.details);
  out.put(`qdisc ${kind.name} ${handle.toString(16)}:`, 'kind', kind.name);
  out.put('', 'handle', `${handle.toString(16)}:`);
  if (!options.named) out.put(`dev ${device.name}`, 'dev', device.name);
  if (parent === TC_H_ROOT) {
    const users = device.txQueues.length + 1;
    out.put('root', 'root', true);
    // mq and mqprio are nobody's but the device's, and one is not told.
    if (!(qdisc instanceof Mq)) out.put(`refcnt ${users}`, 'refcnt', users);
  } else out.put(`parent ${formatClassId(parent)}`, 'parent', formatClassId(parent));
  if (kind.name === 'ingress') out.put('----------------');
  const own = new Printer(options.statistics, options.details);
  kind.print(own, qdisc);
  out.put(own.toString(), 'options', own.json);
  out.raw(' ');
  if (options.statistics) {
    showStatistics(out, qdisc);
    kind.printStats?.(out, qdisc);
  }
  return out;
}

/** The two lines that every kind has; a blank ends each, as iproute2 has it. */
function showStatistics(out: Printer, { stats, length, backlog }: Counted): void {
  const { bytes, packets, drops, overlimits, requeues } = stats;
  out.line(
    ` Sent ${bytes} bytes ${packets} pkt (dropped ${drops}, overlimits ${overlimits} requeues ${requeues}) `,
  );
  out.line(` backlog ${printSize(backlog)} ${length}p requeues ${requeues}`);
  Object.assign(out.json, { bytes, packets, drops, overlimits, requeues, backlog, qlen: length });
}

export function showClasses(trees: readonly DeviceTc[], options: ShowOptions): TcAnswer {
  const shown = trees.flatMap((tree) =>
    tree.list().flatMap((node) => {
      const { kind, qdisc, handle } = node;
      return tree
        .classes(node)
        .filter(
          ({ minor, parent }) =>
            options.only === null ||
            [classId(handle, minor), classId(handle, parent), classId(handle, 0)].includes(options.only),
        )
        .map((one) => {
          const id = formatClassId(classId(handle, one.minor));
          const out = new Printer(options.statistics, options.details);
          out.put(`class ${kind.name} ${id}`, 'class', kind.name).put('', 'handle', id);
          // Classes that come and go hang on the root, and mq's; those that other disciplines have on the discipline.
          if (one.parent !== 0) {
            const above = formatClassId(classId(handle, one.parent));
            out.put(`parent ${above}`, 'parent', above);
          } else if (kind.classes !== undefined || qdisc instanceof Mq) out.put('root', 'root', true);
          else out.put(`parent ${handle.toString(16)}:`, 'parent', `${handle.toString(16)}:`);
          const leaf = tree.leafHandle(one);
          if (leaf !== 0) out.put(`leaf ${leaf.toString(16)}:`, 'leaf', `${leaf.toString(16)}:`);
          kind.printClass?.(out, qdisc, one);
          out.raw(' ');
          if (options.statistics && !UNCOUNTED.has(kind.name)) {
            showStatistics(out, one);
            kind.printClassStats?.(out, qdisc, one);
          }
          return out;
        });
    }),
  );
  return answer(shown, options);
}

/** Text, or JSON as text when that was asked for; the JSON itself beside it. */
export function answer(shown: readonly Printer[], options: ShowOptions): TcAnswer {
  const json = shown.map((out) => out.json);
  if (options.json) return { text: JSON.stringify(json, null, options.pretty ? 4 : undefined), json };
  return { text: shown.map((out) => out.toString()).join('\n'), json };
}
