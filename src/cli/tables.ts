// A run's report as tables for people.

import Table from 'cli-table3';
import { formatFault } from '../iopkt/fault.ts';
import type { LabReport } from '../lab/report.ts';
import type { LinkReport } from '../lab/wire-report.ts';
import { humanBytes, humanCount, humanCounts, humanRate, humanShare, humanTime } from './human.ts';

/** All tables of a report, the last line saying whether anything vanished. */
export function reportTables(report: LabReport): string {
  const { lab, seed, clock, durationNs, settleNs } = report;
  const kind = clock === 'virtual' ? 'virtual time' : 'real time';
  const parts = [
    `lab ${lab}, seed ${seed}, ${humanTime(durationNs)} of traffic in ${kind}, links up after ${humanTime(settleNs)}`,
    section('flows', flowTable(report), report.flows.length),
    section('devices', deviceTable(report), countDevices(report)),
    qdiscSection(report),
    section('links', linkTable(report), Object.keys(report.links).length),
    section('CPUs', cpuTable(report), Object.keys(report.hosts).length),
    serviceLines(report),
    guestLines(report),
    portLines(report),
    lostLines(report),
    faultLines(report),
    `\n${conservationLine(report)}`,
  ];
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

/** Who ended a host's io-pkt, and where. */
function faultLines(report: LabReport): string {
  const lines = Object.entries(report.hosts).flatMap(([host, { fault }]) =>
    fault === null
      ? []
      : formatFault(fault)
          .split('\n')
          .map((line) => `  ${host}: ${line}`),
  );
  return lines.length === 0 ? '' : `\nfaults\n${lines.join('\n')}`;
}

export function conservationLine(report: LabReport): string {
  const { accounted, vanished } = report.conservation;
  if (vanished.length === 0) return `nothing vanished: ${humanCount(accounted)} frames accounted for`;
  const places = vanished.map(({ where, frames }) => `${where}: ${humanCount(frames)}`);
  return `VANISHED: of ${humanCount(accounted)} frames some cannot be accounted for: ${places.join(', ')}`;
}

/** A table without colours and with light lines; the columns named in `right` are numbers. */
export function table(head: string[], right: number[], rows: string[][]): string {
  const drawn = new Table({
    head,
    colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 2 },
    chars: Object.fromEntries(
      [
        'top',
        'top-mid',
        'top-left',
        'top-right',
        'bottom',
        'bottom-mid',
        'bottom-left',
        'bottom-right',
        'left',
        'left-mid',
        'mid',
        'mid-mid',
        'right',
        'right-mid',
        'middle',
      ].map((name) => [name, '']),
    ),
  });
  drawn.push(...rows);
  return drawn
    .toString()
    .split('\n')
    .map((line) => `  ${line}`.trimEnd())
    .join('\n');
}

function section(title: string, text: string, rows: number): string {
  return rows === 0 ? '' : `\n${title}\n${text}`;
}

function countDevices(report: LabReport): number {
  return Object.values(report.hosts).reduce((sum, host) => sum + Object.keys(host.devices).length, 0);
}

function flowTable(report: LabReport): string {
  const rows = report.flows.map((flow) => {
    const {
      name,
      kind,
      from,
      to,
      sent,
      received,
      lost,
      latencyNs,
      trouble,
      duplicated = 0,
      untimed = 0,
    } = flow;
    const notes = [
      duplicated > 0 ? `${humanCount(duplicated)} ${duplicated === 1 ? 'duplicate' : 'duplicates'}` : '',
      untimed > 0 ? `${humanCount(untimed)} could not be timed` : '',
      trouble ?? '',
    ].filter((note) => note !== '');
    return [
      name,
      kind,
      `${from} > ${to}`,
      humanCount(sent),
      humanCount(received),
      sent > 0 ? `${humanCount(lost)} (${humanShare(lost / sent)})` : humanCount(lost),
      latencyNs === null ? '-' : humanTime(latencyNs.p50),
      latencyNs === null ? '-' : humanTime(latencyNs.p99),
      notes.join('; '),
    ];
  });
  return table(['flow', 'kind', 'way', 'sent', 'received', 'lost', 'p50', 'p99', ''], [3, 4, 5, 6, 7], rows);
}

function deviceTable(report: LabReport): string {
  const rows: string[][] = [];
  for (const [host, { devices }] of Object.entries(report.hosts)) {
    for (const [name, device] of Object.entries(devices)) {
      const { rx, tx, interrupts, polls, packetsPerPoll, hardware, driver } = device;
      const drops = { ...hardware, ...pick(driver, 'rx_no_buffer'), ...device.drops };
      rows.push([
        `${host}.${name}`,
        device.carrier ? 'up' : 'no link',
        humanCount(rx.packets),
        humanBytes(rx.bytes),
        humanCount(tx.packets),
        humanBytes(tx.bytes),
        humanCount(interrupts),
        humanCount(polls),
        packetsPerPoll.toFixed(2),
        humanCounts(drops),
      ]);
    }
  }
  const head = [
    'device',
    'link',
    'rx packets',
    'rx',
    'tx packets',
    'tx',
    'interrupts',
    'polls',
    'packets/poll',
    'drops',
  ];
  return table(head, [2, 3, 4, 5, 6, 7, 8], rows);
}

/** Where tc put disciplines. */
function qdiscSection({ hosts }: LabReport): string {
  const rows = Object.entries(hosts).flatMap(([host, { qdiscs }]) =>
    qdiscs.map(({ kind, handle, dev, parent, packets, bytes, drops, overlimits, qlen, backlog }) => [
      `${host}.${dev}`,
      `${kind} ${handle}`,
      parent ?? 'root',
      humanCount(packets),
      humanBytes(bytes),
      humanCount(drops),
      humanCount(overlimits),
      qlen === 0 ? '-' : `${humanCount(qlen)} (${humanBytes(backlog)})`,
    ]),
  );
  const head = ['device', 'discipline', 'parent', 'sent', '', 'dropped', 'overlimits', 'waiting'];
  return section('disciplines', table(head, [3, 4, 5, 6, 7], rows), rows.length);
}

function pick(counters: Readonly<Record<string, number>>, name: string): Record<string, number> {
  return counters[name] === undefined ? {} : { [name]: counters[name] };
}

function linkTable(report: LabReport): string {
  const rows: string[][] = [];
  for (const [name, link] of Object.entries(report.links)) {
    const totals = Object.fromEntries(Object.entries(link.totals).filter(([key]) => key !== 'addresses'));
    for (const [direction, way] of Object.entries(link.directions)) {
      const isFirst = direction === Object.keys(link.directions)[0];
      rows.push([
        name,
        direction.replace('>', ' > '),
        rateOf(link),
        humanCount(way.frames),
        humanBytes(way.bytes),
        direction.endsWith('.in') || link.bitsPerSecond === 0 ? '-' : humanShare(way.utilisation),
        humanCounts(way.drops),
        isFirst ? whatHappened(link, { ...way.impairments, ...totals }) : humanCounts(way.impairments),
      ]);
    }
  }
  return table(
    ['link', 'way', 'rate', 'frames', 'bytes', 'use', 'drops', 'what happened'],
    [2, 3, 4, 5],
    rows,
  );
}

function whatHappened({ duplexMismatch }: LinkReport, counts: Record<string, number>): string {
  const counted = humanCounts(counts);
  if (duplexMismatch === undefined) return counted;
  const { full, half } = duplexMismatch;
  return `duplex mismatch: ${full} full, ${half} half${counted === '-' ? '' : `, ${counted}`}`;
}

function rateOf({ kind, bitsPerSecond, agreed }: LinkReport): string {
  if (kind === 'switch') return '-';
  if (agreed === undefined) return humanRate(bitsPerSecond);
  return agreed === null
    ? 'no link'
    : `${humanRate(agreed.bitsPerSecond)} ${agreed.fullDuplex ? 'full' : 'half'}`;
}

function cpuTable(report: LabReport): string {
  const rows: string[][] = [];
  for (const [host, { cpus }] of Object.entries(report.hosts)) {
    cpus.forEach((cpu, i) => {
      const { idle, process, softirq, hardirq } = cpu.timeNs;
      const all = idle + process + softirq + hardirq;
      const share = (time: number): string => (all > 0 ? humanShare(time / all) : '-');
      rows.push([
        `${host}/cpu${i}`,
        cpu.profile,
        share(idle),
        share(process),
        share(softirq),
        share(hardirq),
        humanCount(cpu.interrupts),
        humanCount(cpu.softirqRounds),
        humanCount(cpu.ksoftirqdWakes),
        humanCount(cpu.contextSwitches),
      ]);
    });
  }
  const head = [
    'cpu',
    'profile',
    'idle',
    'process',
    'softirq',
    'hardirq',
    'interrupts',
    'softirq rounds',
    'ksoftirqd',
    'switches',
  ];
  return table(head, [2, 3, 4, 5, 6, 7, 8, 9], rows);
}

function serviceLines(report: LabReport): string {
  const lines: string[] = [];
  for (const [host, { services }] of Object.entries(report.hosts)) {
    for (const { kind, port, packets, bytes, refused, leases = [], transfers = [] } of services) {
      const size = bytes === undefined ? '' : ` (${humanBytes(bytes)})`;
      lines.push(
        `  ${host} ${kind} ${port}: ${humanCount(packets)} packets${size}, ${humanCount(refused)} refused`,
      );
      for (const { address, mac, name, state } of leases)
        lines.push(`    ${[address, mac, name, state].filter((part) => part !== '').join(' ')}`);
      for (const { file, client, state, size, bytes: taken } of transfers)
        lines.push(`    ${file} to ${client}: ${state}, ${humanBytes(taken)} of ${humanBytes(size)}`);
    }
  }
  return lines.length === 0 ? '' : `\nservices\n${lines.join('\n')}`;
}

function lostLines(report: LabReport): string {
  const lost = Object.entries(report.hosts).filter(([, { boardLost }]) => boardLost === true);
  return lost.map(([host]) => `\nLOST: the QEMU of ${host} ended or hung during the run`).join('');
}

function guestLines(report: LabReport): string {
  const lines: string[] = [];
  for (const [name, { nics, console }] of Object.entries(report.guests)) {
    for (const [nic, { chip, received, hardware }] of Object.entries(nics))
      lines.push(
        `  ${name}.${nic} ${chip}: ${humanCount(received)} frames off the cable, ${humanCounts(hardware)}`,
      );
    for (const line of console) lines.push(`  ${name}| ${line}`);
  }
  return lines.length === 0 ? '' : `\nguests\n${lines.join('\n')}`;
}

function portLines(report: LabReport): string {
  const lines = Object.entries(report.ports).map(([name, port]) => {
    const { fromKernel, toKernel } = port as Record<string, Record<string, number>>;
    return `  ${name}: from the kernel ${humanCounts(fromKernel)}\n  ${name}: to the kernel ${humanCounts(toKernel)}`;
  });
  return lines.length === 0 ? '' : `\nports\n${lines.join('\n')}`;
}
