// police: a token bucket that does not wait: what is over the rate is dealt with at once. After tc-police(8).

import type { Mbuf } from '../../mbuf/mbuf.ts';
import type { QdiscEnv } from '../../net/qdisc.ts';
import { type WireSize, wireBytes } from '../packet-size.ts';
import { ACT_OK, ACT_SHOT, type Action, noStats } from './action.ts';

export interface PoliceOptions extends WireSize {
  /** Bytes a second. */
  rate: number;
  /** Bytes. */
  burst: number;
  /** Bytes a second, with `mtu` bytes of bucket; 0: none. */
  peakrate: number;
  /** Bytes: longer packets are over the rate. */
  mtu: number;
  /** For packets over the rate, and within it. */
  exceed: number;
  conform: number;
}

// In `state`: bytes that the buckets hold, when that was, now.
const TOKENS = 0;
const PEAK = 1;
const LAST = 2;
const NOW = 3;

export class Police implements Action {
  readonly kind = 'police';
  readonly stats = noStats();
  readonly options: Readonly<PoliceOptions>;
  private readonly env: QdiscEnv;
  private readonly state = new Float64Array(4);

  constructor(env: QdiscEnv, options: PoliceOptions) {
    validate(options);
    this.env = env;
    this.options = { ...options };
    this.state[TOKENS] = options.burst;
    this.state[PEAK] = options.mtu;
    env.stamp(this.state, LAST);
  }

  act(m: Mbuf): number {
    const { options, stats } = this;
    stats.packets++;
    stats.bytes += m.packetLength;
    if (this.conforms(wireBytes(m.packetLength, options))) return options.conform;
    stats.overlimits++;
    if (options.exceed === ACT_SHOT) stats.drops++;
    return options.exceed;
  }

  private conforms(bytes: number): boolean {
    const { state, options } = this;
    if (bytes > options.mtu) return false;
    this.env.stamp(state, NOW);
    const gained = (state[NOW] - state[LAST]) / 1e9;
    const tokens = Math.min(options.burst, state[TOKENS] + gained * options.rate) - bytes;
    const peak = Math.min(options.mtu, state[PEAK] + gained * options.peakrate) - bytes;
    if (tokens < 0 || (options.peakrate > 0 && peak < 0)) return false;
    state[TOKENS] = tokens;
    state[PEAK] = peak;
    state[LAST] = state[NOW];
    return true;
  }
}

export const POLICE_DEFAULTS: Omit<PoliceOptions, 'rate' | 'burst'> = {
  mpu: 0,
  overhead: 0,
  linklayer: 'ethernet',
  peakrate: 0,
  mtu: 2040,
  exceed: ACT_SHOT,
  conform: ACT_OK,
};

function validate({ rate, burst, peakrate, mtu }: PoliceOptions): void {
  if (!(rate > 0 && rate < Infinity))
    throw new RangeError(`police: rate ${rate}: bytes a second, above 0, wanted`);
  if (!(burst >= 1 && burst < Infinity))
    throw new RangeError(`police: burst ${burst}: bytes, at least 1, wanted`);
  if (!(peakrate >= 0 && peakrate < Infinity))
    throw new RangeError(`police: peakrate ${peakrate}: bytes a second wanted`);
  if (!(mtu >= 1 && mtu < Infinity)) throw new RangeError(`police: mtu ${mtu}: bytes, at least 1, wanted`);
}
