import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FLOW_WINDOW, FlowStats } from './flow.ts';
import {
  hasPayloadHeader,
  PAYLOAD_HEADER,
  payloadFlow,
  payloadSequence,
  payloadTimeTo,
  writePayload,
} from './payload.ts';

function flowOf(...sequences: number[]): FlowStats {
  const flow = new FlowStats(1);
  sequences.forEach((sequence, i) => {
    const u8 = new Uint8Array(PAYLOAD_HEADER);
    writePayload(u8, 0, 1, sequence, i * 1000);
    flow.record(u8, 0, 100, { now: () => i * 1000 + 500 });
  });
  return flow;
}

describe('a flow', () => {
  test('in order has lost nothing', () => {
    expect(flowOf(0, 1, 2, 3).report()).toMatchObject({
      received: 4,
      bytes: 400,
      lost: 0,
      duplicated: 0,
      reordered: 0,
    });
  });

  test('counts gaps as lost, and the tail when the sender says how many it sent', () => {
    const flow = flowOf(0, 2, 5);
    expect(flow.lost()).toBe(3);
    expect(flow.lost(8)).toBe(5);
  });

  test('tells late packets from copies', () => {
    expect(flowOf(0, 3, 1, 1, 2, 3).report()).toMatchObject({
      received: 6,
      lost: 0,
      duplicated: 2,
      reordered: 2,
    });
  });

  test('forgets numbers that fall out of the window, also when it jumps', () => {
    expect(flowOf(0, FLOW_WINDOW, 2 * FLOW_WINDOW + 5).report()).toMatchObject({
      received: 3,
      duplicated: 0,
      reordered: 0,
    });
    expect(flowOf(5000, 0).report()).toMatchObject({ duplicated: 0, reordered: 1 });
  });

  test('counts any order and any copies right within the window', () => {
    const numbers = fc.array(fc.integer({ min: 0, max: FLOW_WINDOW - 1 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(numbers, (sequences) => {
        const flow = flowOf(...sequences);
        const distinct = new Set(sequences).size;
        expect(flow.duplicated).toBe(sequences.length - distinct);
        expect(flow.lost()).toBe(Math.max(...sequences) + 1 - distinct);
      }),
    );
  });

  test('does not time a packet that came before it left', () => {
    const flow = new FlowStats(1);
    const u8 = new Uint8Array(PAYLOAD_HEADER);
    writePayload(u8, 0, 1, 0, 2000);
    flow.record(u8, 0, 100, { now: () => 1999 });
    expect(flow).toMatchObject({ received: 1, untimed: 1 });
    expect(flow.latency.count).toBe(0);
  });

  test('measures the rate between its first packet and its last', () => {
    expect(flowOf(0, 1, 2).report().packetsPerSecond).toBe(1e6);
  });
});

describe('a payload header', () => {
  test('carries flow, sequence number and time', () => {
    const u8 = new Uint8Array(20);
    writePayload(u8, 3, 0xbeef, 0xfffffffe, 2 ** 45 + 7);
    expect(hasPayloadHeader(u8, 3)).toBe(true);
    expect(payloadFlow(u8, 3)).toBe(0xbeef);
    expect(payloadSequence(u8, 3)).toBe(0xfffffffe);
    const time = new Float64Array(1);
    payloadTimeTo(u8, 3, time, 0);
    expect(time[0]).toBe(2 ** 45 + 7);
  });
});
