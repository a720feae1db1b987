// Pictures of a comparison, SVG, by ECharts without a browser. The same comparison gives the same bytes.

import type { EChartsOption } from 'echarts';
import type { Comparison } from './compare.ts';
import type { Figures } from './figures.ts';
import { WORKLOADS } from './figures.ts';
import type { SweepPoint } from './sweep.ts';

const WIDTH = 760;
const HEIGHT = 420;
const OLD_COLOUR = '#c2410c';
const NEXT_COLOUR = '#0f766e';
/** Contexts of a CPU, from the bottom up. */
const CONTEXTS = ['hardirq', 'softirq', 'process'] as const;
const CONTEXT_COLOURS = { hardirq: '#7c3aed', softirq: '#2563eb', process: '#f59e0b' };

/** File name and SVG of each. */
export async function plotComparison(comparison: Comparison): Promise<{ name: string; svg: string }[]> {
  // Only now: it is large, and other commands do without.
  const { init } = await import('echarts');
  const draw = (option: EChartsOption): string => {
    const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
    chart.setOption({ animation: false, ...option });
    const svg = chart.renderToSVGString();
    chart.dispose();
    return svg;
  };
  const pictures = [
    { name: 'cpu-per-frame.svg', option: cpuOption(comparison) },
    { name: 'latency.svg', option: latencyOption(comparison) },
    ...throughputOptions(comparison),
  ];
  if (comparison.sensitivity !== null)
    pictures.push({ name: 'sensitivity.svg', option: sensitivityOption(comparison) });
  return pictures.map(({ name, option }) => ({ name, svg: plain(draw(option)) }));
}

/** Numbers that count a process's charts, out of the ids of the text. */
function plain(svg: string): string {
  const ids = new Map<string, string>();
  return svg.replaceAll(/zr\d+-[a-z]+-?\d+|zr\d+/g, (id) => {
    const known = ids.get(id) ?? `id${ids.size}`;
    ids.set(id, known);
    return known;
  });
}

function frame(title: string, subtitle: string): EChartsOption {
  return {
    title: { text: title, subtext: subtitle, left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 8 },
    grid: { left: 76, right: 28, top: 72, bottom: 84 },
  };
}

/** Throughput over frame size, a picture for each rate and processor. */
function throughputOptions({
  old,
  next,
  chip,
  sweep,
}: Comparison): { name: string; option: EChartsOption }[] {
  if (sweep === null) return [];
  const keys = [...new Set(sweep.map(({ profile, bitsPerSecond }) => `${profile} ${bitsPerSecond}`))];
  return keys.map((key) => {
    const points = sweep.filter(({ profile, bitsPerSecond }) => `${profile} ${bitsPerSecond}` === key);
    const [{ profile, bitsPerSecond }] = points;
    const rate = bitsPerSecond / 1e6;
    const line = (of: (point: SweepPoint) => number) => points.map((point) => of(point));
    return {
      name: `throughput-${profile}-${rate}.svg`,
      option: {
        ...frame(
          `Receive at ${rate} Mbit/s, ${profile}`,
          `${old} and ${next} on ${chip}, offered what the wire takes`,
        ),
        xAxis: {
          type: 'category',
          name: 'frame, bytes without FCS',
          nameLocation: 'middle',
          nameGap: 30,
          data: points.map(({ frameBytes }) => `${frameBytes}`),
        },
        yAxis: { type: 'log', name: 'frames/s through' },
        series: [
          {
            type: 'line',
            name: 'wire',
            data: line((point) => wireRate(point)),
            lineStyle: { type: 'dashed', color: '#999' },
            itemStyle: { color: '#999' },
            symbol: 'none',
          },
          {
            type: 'line',
            name: old,
            data: line((point) => point.old.through),
            itemStyle: { color: OLD_COLOUR },
          },
          {
            type: 'line',
            name: next,
            data: line((point) => point.next.through),
            itemStyle: { color: NEXT_COLOUR },
          },
        ],
      },
    };
  });
}

/** Frames a second that the wire takes, as the far end has offered them. */
function wireRate({ old, next }: SweepPoint): number {
  return Math.min(old.offered, next.offered);
}

function eachFigure({ figures, old, next }: Comparison): { label: string; figures: Figures }[] {
  return WORKLOADS.flatMap((workload) =>
    figures
      .filter((pair) => pair.old.workload === workload)
      .flatMap((pair) => [
        { label: `${workload} ${pair.old.frameBytes}\n${old}`, figures: pair.old },
        { label: `${workload} ${pair.next.frameBytes}\n${next}`, figures: pair.next },
      ]),
  );
}

function cpuOption(comparison: Comparison): EChartsOption {
  const bars = eachFigure(comparison);
  return {
    ...frame('CPU time a frame', `${comparison.chip}, x86-desktop, 100 Mbit/s`),
    grid: { left: 76, right: 28, top: 72, bottom: 120 },
    xAxis: {
      type: 'category',
      data: bars.map(({ label }) => label),
      axisLabel: { interval: 0, rotate: 35, fontSize: 10 },
    },
    yAxis: { type: 'value', name: 'ns' },
    series: CONTEXTS.map((context) => ({
      type: 'bar' as const,
      stack: 'cpu',
      name: context,
      itemStyle: { color: CONTEXT_COLOURS[context] },
      data: bars.map(({ figures }) => Math.round(figures.cpuNsIn[context])),
    })),
  };
}

function latencyOption({ figures, old, next, chip }: Comparison): EChartsOption {
  const timed = figures.filter((pair) => pair.old.latencyNs !== null && pair.next.latencyNs !== null);
  const us = (ns: number): number => Math.round(ns / 10) / 100;
  const series = (name: string, of: (pair: { old: Figures; next: Figures }) => Figures, colour: string) => ({
    type: 'bar' as const,
    name,
    itemStyle: { color: colour },
    data: timed.map((pair) => us(of(pair).latencyNs!.p50)),
  });
  return {
    ...frame('From the first bit on the wire to the protocols, median', `${chip}, x86-desktop, 100 Mbit/s`),
    xAxis: {
      type: 'category',
      data: timed.map((pair) => `${pair.old.workload} ${pair.old.frameBytes} bytes`),
    },
    yAxis: { type: 'value', name: 'us' },
    series: [series(old, (pair) => pair.old, OLD_COLOUR), series(next, (pair) => pair.next, NEXT_COLOUR)],
  };
}

function sensitivityOption({ sensitivity, conclusions, old, next, chip }: Comparison): EChartsOption {
  const rows = sensitivity!;
  return {
    ...frame(
      `${next} against ${old} with other costs`,
      `${chip}, low-power, 1000 Mbit/s, 60 bytes; with the table as it is: ${conclusions.slow.ratio.toFixed(2)}`,
    ),
    grid: { left: 150, right: 40, top: 72, bottom: 56 },
    legend: { show: false },
    xAxis: {
      type: 'value',
      name: `frames through, ${next} to ${old}`,
      nameLocation: 'middle',
      nameGap: 30,
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map(({ charge, factor }) => `${charge} x ${factor}`),
      axisLabel: { fontSize: 10, interval: 0 },
    },
    series: [
      {
        type: 'bar',
        data: rows.map((row) => Math.round(row.conclusions.slow.ratio * 1000) / 1000),
        itemStyle: { color: NEXT_COLOUR },
        markLine: {
          symbol: 'none',
          data: [{ xAxis: conclusions.slow.ratio }],
          lineStyle: { color: '#444' },
          label: { show: false },
        },
      },
    ],
  };
}
