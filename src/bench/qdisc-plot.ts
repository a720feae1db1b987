// The picture of what disciplines cost against the number of flows or classes, SVG, by ECharts without a browser.

import type { QdiscBenchRow } from './qdisc-bench.ts';

const WIDTH = 760;
const HEIGHT = 420;

export async function plotQdiscs(rows: readonly QdiscBenchRow[]): Promise<string> {
  // Only now: it is large, and other commands do without.
  const { init } = await import('echarts');
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  const names = [...new Set(rows.map(({ name }) => name))];
  chart.setOption({
    animation: false,
    title: { text: 'Enqueue and dequeue of a packet', left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 8 },
    grid: { left: 76, right: 28, top: 64, bottom: 84 },
    xAxis: { type: 'log', name: 'flows or classes', nameLocation: 'middle', nameGap: 30, min: 10 },
    yAxis: { type: 'log', name: 'ns' },
    series: names.map((name) => ({
      type: 'line' as const,
      name,
      data: rows
        .filter((row) => row.name === name)
        .map(({ flows, nsPerPacket }) => [flows, Math.round(nsPerPacket * 10) / 10]),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  // Numbers that count a process's charts would differ from run to run.
  const ids = new Map<string, string>();
  return svg.replaceAll(/zr\d+-[a-z]+-?\d+|zr\d+/g, (id) => {
    const known = ids.get(id) ?? `id${ids.size}`;
    ids.set(id, known);
    return known;
  });
}
