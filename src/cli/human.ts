// Numbers for people: three digits that matter, and a unit.

export function humanTime(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${digits(ns / 1e3)} us`;
  if (ns < 1e9) return `${digits(ns / 1e6)} ms`;
  return `${digits(ns / 1e9)} s`;
}

export function humanBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${digits(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${digits(bytes / 1e6)} MB`;
  return `${digits(bytes / 1e9)} GB`;
}

export function humanRate(bitsPerSecond: number): string {
  if (bitsPerSecond === 0) return 'unlimited';
  if (bitsPerSecond < 1e3) return `${digits(bitsPerSecond)} bit/s`;
  if (bitsPerSecond < 1e6) return `${digits(bitsPerSecond / 1e3)} kbit/s`;
  if (bitsPerSecond < 1e9) return `${digits(bitsPerSecond / 1e6)} Mbit/s`;
  return `${digits(bitsPerSecond / 1e9)} Gbit/s`;
}

/** `12,345`. */
export function humanCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

export function humanShare(share: number): string {
  if (share === 0) return '0%';
  const percent = share * 100;
  return percent < 0.01 ? '<0.01%' : `${digits(percent)}%`;
}

/** `LOSS 3, QUEUE 1`; nothing is `-`. */
export function humanCounts(counts: Readonly<Record<string, number | undefined>>): string {
  const parts = Object.entries(counts)
    .filter(([, count]) => count !== undefined && count > 0)
    .map(([name, count]) => `${name} ${humanCount(count!)}`);
  return parts.length === 0 ? '-' : parts.join(', ');
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? trim(value.toFixed(1)) : trim(value.toFixed(2));
}

function trim(text: string): string {
  return text.replace(/\.?0+$/, '');
}
