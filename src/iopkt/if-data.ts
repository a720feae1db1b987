// struct if_data: an interface's counters, as SIOCGIFDATA gives them. SIOCZIFDATA zeroes what is shown; the counters that
// the books are kept by go on.

import type { ifnet } from './ifnet.ts';

/** Counters that SIOCZIFDATA zeroes. */
const COUNTERS = [
  'ipackets',
  'ierrors',
  'opackets',
  'oerrors',
  'collisions',
  'ibytes',
  'obytes',
  'imcasts',
  'omcasts',
  'iqdrops',
  'noproto',
] as const;

type Counter = `ifi_${(typeof COUNTERS)[number]}`;

export type if_data = Record<Counter, number> & {
  ifi_type: number;
  ifi_addrlen: number;
  ifi_hdrlen: number;
  ifi_link_state: number;
  ifi_mtu: number;
  ifi_metric: number;
  ifi_baudrate: number;
  /** ns. */
  ifi_lastchange: number;
};

const zeroes = new WeakMap<ifnet, Record<Counter, number>>();

function counters(ifp: ifnet): Record<Counter, number> {
  const values = {} as Record<Counter, number>;
  for (const name of COUNTERS) values[`ifi_${name}`] = ifp[`if_${name}`];
  return values;
}

export function interfaceData(ifp: ifnet): if_data {
  const values = counters(ifp);
  const zero = zeroes.get(ifp);
  if (zero !== undefined) for (const name of COUNTERS) values[`ifi_${name}`] -= zero[`ifi_${name}`];
  return {
    ...values,
    ifi_type: ifp.if_type,
    ifi_addrlen: ifp.if_addrlen,
    ifi_hdrlen: ifp.if_hdrlen,
    ifi_link_state: ifp.if_link_state,
    ifi_mtu: ifp.if_mtu,
    ifi_metric: ifp.if_metric,
    ifi_baudrate: ifp.if_baudrate,
    ifi_lastchange: ifp.if_lastchange,
  };
}

export function zeroInterfaceData(ifp: ifnet): void {
  zeroes.set(ifp, counters(ifp));
}
