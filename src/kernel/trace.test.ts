import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import { TP_IRQ_ENTRY, TP_IRQ_EXIT, TP_SCHED_SWITCH, TRACE_RECORD, TRACEPOINTS, Tracer } from './trace.ts';

test('records keep their order and numbers', () => {
  const tracer = new Tracer(4);
  tracer.start();
  tracer.emit(TP_IRQ_ENTRY, 12.5, 1, 9);
  tracer.emit(TP_IRQ_EXIT, 2 ** 40, 1, 9, 1);
  expect([...tracer.records()]).toEqual([12.5, 1, TP_IRQ_ENTRY, 9, 0, 0, 2 ** 40, 1, TP_IRQ_EXIT, 9, 1, 0]);
});

test('off, nothing is written', () => {
  const tracer = new Tracer(4);
  tracer.emit(TP_IRQ_ENTRY, 1, 1, 9);
  expect(tracer.records().length).toBe(0);
});

test('a full ring without a sink keeps the first records and counts the rest', () => {
  const tracer = new Tracer(2);
  tracer.start();
  for (let i = 0; i < 5; i++) tracer.emit(TP_IRQ_ENTRY, i, 0);
  expect(tracer.lost).toBe(3);
  expect(tracer.records()[TRACE_RECORD]).toBe(1);
});

test('a full ring with a sink is handed over and nothing is lost', () => {
  const tracer = new Tracer(2);
  const times: number[] = [];
  tracer.start((records, count) => {
    for (let i = 0; i < count; i++) times.push(records[i * TRACE_RECORD]);
  });
  for (let i = 0; i < 5; i++) tracer.emit(TP_IRQ_ENTRY, i, 0);
  tracer.flush();
  expect(times).toEqual([0, 1, 2, 3, 4]);
  expect(tracer.lost).toBe(0);
});

test('tracepoint numbers are their places in the table', () => {
  expect(TRACEPOINTS[TP_IRQ_ENTRY].name).toBe('irq_handler_entry');
  expect(TRACEPOINTS[TP_SCHED_SWITCH].name).toBe('sched_switch');
  expect(TRACEPOINTS.every((point) => point.args.length <= 3)).toBe(true);
});

test('an interrupt leaves its entry and exit in the trace', () => {
  const { machine } = oneMachine();
  machine.irq.request(7, 'dev', () => true);
  machine.trace.start();
  machine.process(() => machine.irq.line(7).pulse());
  const records = machine.trace.records();
  expect([records[2], records[3]]).toEqual([TP_IRQ_ENTRY, 7]);
  expect([...records.slice(TRACE_RECORD + 2, TRACE_RECORD + 5)]).toEqual([TP_IRQ_EXIT, 7, 1]);
});
