// What netstat -m prints: how many buffers are in use, the most there were, and what was refused.

import type { MbufPool } from './pool.ts';

export interface MbufStatistics {
  mbufs: number;
  mbufsInUse: number;
  mbufsPeak: number;
  mbufFailures: number;
  clusters: number;
  clustersInUse: number;
  clustersPeak: number;
  clusterFailures: number;
  externalsInUse: number;
}

export function mbufStatistics(pool: MbufPool): MbufStatistics {
  return {
    mbufs: pool.mbufs.length,
    mbufsInUse: pool.inUse,
    mbufsPeak: pool.mbufsPeak,
    mbufFailures: pool.mbufFailures,
    clusters: pool.clusters,
    clustersInUse: pool.clustersInUse,
    clustersPeak: pool.clustersPeak,
    clusterFailures: pool.clusterFailures,
    externalsInUse: pool.externalsInUse,
  };
}

/** The statistics as lines for people. */
export function formatMbufStatistics(s: MbufStatistics): string {
  return [
    `${s.mbufsInUse} of ${s.mbufs} mbufs in use, at most ${s.mbufsPeak}`,
    `${s.clustersInUse} of ${s.clusters} clusters in use, at most ${s.clustersPeak}`,
    `${s.externalsInUse} external storages in use`,
    `${s.mbufFailures} requests for mbufs denied, ${s.clusterFailures} for clusters`,
  ].join('\n');
}
