// The comparison of what passes between a driver and two cards: it is silent when nothing differs, and tells when it does.

import { describe, expect, test } from 'vitest';
import { type DriverTrace, diffTraces, explain, renderTraces, withoutPolls } from './diff-traces.ts';
import { traceDriver } from './differential.ts';
import { modelSubject } from './model-subject.ts';

const old = modelSubject('am79c970a', 'Am79C970A');
const late = modelSubject('pcnet', 'Am79C973');

const trace = (subject: string, ...lines: string[]): DriverTrace => ({
  subject,
  steps: [{ name: 'open', lines }],
});

describe('a trace of the driver', () => {
  test('has registers by name, the initialization block, descriptors and frames', async () => {
    const { steps } = await traceDriver(old);
    expect(steps.map(({ name }) => name)).toEqual([
      'probe',
      'open',
      'register dump',
      ...[60, 61, 200, 1514, 700].map((size) => `out ${size}`),
      ...[60, 61, 200, 201, 1514].map((size) => `in ${size}`),
      'join a group',
      'leave the group',
      'promiscuous',
      'in, for a stranger',
      'not promiscuous',
      'stop',
      'remove',
    ]);
    const lines = (name: string): readonly string[] => steps.find((step) => step.name === name)?.lines ?? [];
    expect(lines('open').join('\n')).toContain(
      [
        'CSR0 <- 0x0001<INIT>',
        '  mode 0x0000<>, address 02:00:00:00:00:01, filter 0x0000 0x0000',
        '  rings of 64 receive and 64 transmit descriptors, style 3',
        'CSR0 -> 0x0101<INIT,IDON>',
        'CSR0 <- 0x0142<STRT,IENA,IDON>',
        '  receive descriptors: 64 of 64 with the card, 1522 bytes each',
      ].join('\n'),
    );
    expect(lines('out 700')).toEqual([
      '  TMD[4] given 0x82000000<STP,OWN> 100 bytes',
      '  TMD[5] given 0x80000000<OWN> 200 bytes',
      '  TMD[6] given 0x81000000<ENP,OWN> 400 bytes',
      'CSR0 <- 0x0048<TDMD,IENA>',
      '  TMD[4] done 0x02000000<STP> 0x00000000<>',
      '  TMD[5] done 0x00000000<> 0x00000000<>',
      '  TMD[6] done 0x01000000<ENP> 0x00000000<>',
      'CSR0 -> 0x02f3<INIT,STRT,TXON,RXON,IENA,INTR,TINT>',
      'CSR0 <- 0x0240<IENA,TINT>',
      'CSR3 <- 0x1700<IDONM,TINTM,RINTM,MISSM>',
      'CSR0 <- 0x1640<IENA,TINT,RINT,MISS>',
      'CSR3 <- 0x0100<IDONM>',
      expect.stringMatching(/^ {2}wire out 700 bytes, sum 0x[0-9a-f]{8}$/),
    ]);
    expect(lines('in 1514')[0]).toBe('  RMD[4] done 0x03400000<PAM,ENP,STP> 1518 bytes runts 0 collisions 0');
    expect(lines('stop').at(-1)).toBe('CSR0 <- 0x0004<STOP>');
  });

  test('is the same again', async () => {
    expect(diffTraces(await traceDriver(old), await traceDriver(old))).toEqual([]);
  });

  test.each([0, 2, 3] as const)('can be had in software style %d and in word mode', async (softwareStyle) => {
    const { steps } = await traceDriver(old, { softwareStyle, access: 'word', window: 'io' });
    const text = steps.map(({ lines }) => lines.join('\n')).join('\n');
    expect(text).toContain(`rings of 64 receive and 64 transmit descriptors, style ${softwareStyle}`);
    expect(text).toContain('APROM 0x0004 -> 0x0100');
    expect(text).toMatch(/RMD\[4\] done 0x03[04]00000<(PAM,)?ENP,STP> 1518 bytes/);
    expect(text).not.toContain('not in memory');
  });

  test('of another chip differs where the chips do', async () => {
    const differences = diffTraces(await traceDriver(old), await traceDriver(late));
    expect(differences).toContainEqual({ step: 'probe', a: 'CSR88 -> 0x1003', b: 'CSR88 -> 0x5003' });
    expect(new Set(differences.map(({ step }) => step))).toEqual(new Set(['probe', 'open', 'register dump']));
  });

  test('of another way to drive the card differs at every frame', async () => {
    const differences = diffTraces(await traceDriver(old), await traceDriver(old, { napi: false }));
    expect(differences).toContainEqual({
      step: 'in 60',
      a: 'CSR3 <- 0x1700<IDONM,TINTM,RINTM,MISSM>',
      b: null,
    });
  });
});

describe('the comparison', () => {
  test('takes reads in a row for one', () => {
    expect(
      withoutPolls(['CSR0 -> 1', 'CSR0 -> 1', 'CSR0 -> 2', 'CSR4 -> 2', 'CSR0 <- 1', 'CSR0 <- 1']),
    ).toEqual(['CSR0 -> 2', 'CSR4 -> 2', 'CSR0 <- 1', 'CSR0 <- 1']);
    const once = trace('a', 'CSR0 <- 1', 'CSR0 -> 5');
    const often = trace('b', 'CSR0 <- 1', 'CSR0 -> 0', 'CSR0 -> 1', 'CSR0 -> 5');
    expect(diffTraces(once, often)).toEqual([]);
  });

  test('finds what is missing, what is too many and what has another value', () => {
    const a = trace('a', 'CSR0 <- 1', 'CSR1 <- 1', 'CSR3 -> 7', 'CSR0 <- 4');
    const b = trace('b', 'CSR0 <- 1', 'CSR3 -> 8', 'CSR4 <- 2', 'CSR0 <- 4');
    expect(diffTraces(a, b)).toEqual([
      { step: 'open', a: 'CSR1 <- 1', b: null },
      { step: 'open', a: 'CSR3 -> 7', b: 'CSR3 -> 8' },
      { step: 'open', a: null, b: 'CSR4 <- 2' },
    ]);
  });

  test('finds steps that only one has', () => {
    const none: DriverTrace = { subject: 'b', steps: [] };
    expect(diffTraces(trace('a', 'x'), none)).toEqual([{ step: 'open', a: 'the step', b: null }]);
    expect(diffTraces(none, trace('a', 'x'))).toEqual([{ step: 'open', a: null, b: 'the step' }]);
  });

  test('explains what the table knows, and tells of rows that do not show', () => {
    const differences = diffTraces(
      trace('a', 'CSR3 -> 7', 'CSR4 -> 1'),
      trace('b', 'CSR3 -> 8', 'CSR4 -> 2'),
    );
    const row = (step: string, a: string, b: string) => ({ step, a, b, reason: '', seen: '' });
    const known = [row('op*', 'CSR3 -> 7', 'CSR3 -> 8'), row('stop', 'CSR4 -> 1', 'CSR4 -> 2')];
    expect(explain(differences, known)).toEqual({
      unexplained: [{ step: 'open', a: 'CSR4 -> 1', b: 'CSR4 -> 2' }],
      gone: [known[1]],
    });
  });

  test('compares the beginning of steps without end, and says that there is more', () => {
    const many = trace('a', ...Array.from({ length: 3000 }, (_, i) => `CSR0 <- ${i}`));
    expect(diffTraces(many, many)).toEqual([
      { step: 'open', a: '1000 lines more', b: '1000 lines more, not compared' },
    ]);
  });

  test('prints both side by side', () => {
    const a = trace('a', 'CSR0 <- 1', 'CSR1 <- 1', 'CSR3 -> 7');
    const b = trace('b', 'CSR0 <- 1', 'CSR3 -> 8', 'CSR4 <- 2');
    expect(renderTraces(a, b, 12)).toBe(
      [
        'a              b',
        '-- open',
        'CSR0 <- 1      CSR0 <- 1',
        'CSR1 <- 1    <',
        'CSR3 -> 7    | CSR3 -> 8',
        '             > CSR4 <- 2',
        '',
      ].join('\n'),
    );
  });
});
