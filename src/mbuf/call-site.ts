// Where in the program a buffer was taken or freed: the callers outside of this folder, read from a stack trace. Costs
// microseconds; for the debug pool only.

/** Callers that are kept: often the first is a helper, and who called that is the answer. */
const FRAMES = 3;
/** The files of this folder, as sources or compiled, but not their tests. */
const OWN_FILES = /[\\/]mbuf[\\/](?:mbuf|pool|chain|copy|header|debug|call-site)\.[jt]s/;

export interface AllocationSite {
  site: string;
  count: number;
  bytes: number;
}

/** "transmit (drivers/pcnet32/transmit.ts:81:20) < ...", nearest caller first. */
export function callSite(): string {
  const lines = (new Error().stack ?? '').split('\n').filter((line) => /:\d+/.test(line));
  const outside = lines.filter((line) => !OWN_FILES.test(line)).slice(0, FRAMES);
  return outside.map(shorten).join(' < ');
}

/** One line of a stack trace without its "at" and without the folders above the sources. */
function shorten(line: string): string {
  const text = line.trim().replace(/^at /, '');
  return text.replace(/(?:file:\/\/)?[^\s()]*[\\/](?:src|dist)[\\/]/, '');
}

/** Sums by site, the most buffers first. */
export function groupBySite(taken: readonly { site: string; bytes: number }[]): AllocationSite[] {
  const sites = new Map<string, AllocationSite>();
  for (const { site, bytes } of taken) {
    const known = sites.get(site);
    if (known === undefined) sites.set(site, { site, count: 1, bytes });
    else {
      known.count++;
      known.bytes += bytes;
    }
  }
  return [...sites.values()].sort((a, b) => b.count - a.count);
}
