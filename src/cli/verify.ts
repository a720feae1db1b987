// `softnet verify`: the rules for drivers, checked on every driver of the tree or on one, as a table.

import { pathToFileURL } from 'node:url';
import type { io_net_dll_entry_t } from '../ionet/interface.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import type { TestCard } from '../iopkt/testing-card.ts';
import { formatFinding } from '../verifier/finding.ts';
import { ionetOnMadeUpCard } from '../verifier/ionet-subjects.ts';
import { madeUpMachine } from '../verifier/machines.ts';
import { RULES } from '../verifier/rules.ts';
import { type RuleResult, type Verdict, verify } from '../verifier/run.ts';
import { onMadeUpCard, subjectsNamed, type VerifierSubject } from '../verifier/subjects.ts';
import { EXIT_OK, type Io, UserError } from './io.ts';
import { Progress } from './progress.ts';
import { table } from './tables.ts';

export interface VerifyCommandOptions {
  chip?: string;
  rule?: string;
  seed?: number;
  json?: boolean;
}

/** A driver breaks a rule whose breach is an error, or does too little to be judged. */
const EXIT_BROKEN_RULE = 1;

export async function verifyCommand(
  io: Io,
  driver: string | undefined,
  options: VerifyCommandOptions,
): Promise<number> {
  const subjects = await subjectsFor(driver, options.chip);
  const verdicts: Verdict[] = [];
  const progress = new Progress(io);
  try {
    for (const subject of subjects) {
      const where = `${verdicts.length + 1} of ${subjects.length}: ${subject.driver} on ${subject.chip}`;
      const onCheck = (_: VerifierSubject, rule: string): void => progress.say(`${where}, ${rule}`);
      verdicts.push(verify(subject, { rule: ruleNamed(options.rule), seed: options.seed, onCheck }));
    }
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(error.message);
    throw error;
  } finally {
    progress.end();
  }
  const results = verdicts.flatMap((verdict) => verdict.results);
  const findings = verdicts.flatMap((verdict) => verdict.findings);
  if (results.length === 0) throw new UserError(`rule ${options.rule} binds none of these drivers`);
  io.out(options.json === true ? `${JSON.stringify({ results, findings })}\n` : human(results, verdicts));
  const bad =
    findings.some(({ severity }) => severity === 'error') ||
    results.some(({ outcome }) => outcome === 'not reached');
  return bad ? EXIT_BROKEN_RULE : EXIT_OK;
}

/** The id as the table has it, whatever its case. */
function ruleNamed(given: string | undefined): string | undefined {
  return RULES.find(({ id }) => id.toLowerCase() === given?.toLowerCase())?.id ?? given;
}

async function subjectsFor(
  driver: string | undefined,
  chip: string | undefined,
): Promise<readonly VerifierSubject[]> {
  if (driver !== undefined && /[/\\.]/.test(driver)) return [await ownDriver(driver, chip)];
  try {
    return subjectsNamed(driver ?? null, chip ?? null);
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}

/**
 * A file of somebody's: its default export makes what the driver's file would export, for the made-up card: iopkt_drvr_entry
 * for io-pkt, io_net_dll_entry for io-net.
 */
async function ownDriver(path: string, chip: string | undefined): Promise<VerifierSubject> {
  if (chip !== undefined && chip !== 'made-up')
    throw new UserError(`${path} is verified on the made-up card: leave --chip out`);
  let exported: unknown;
  try {
    exported = ((await import(pathToFileURL(path).href)) as { default?: unknown }).default;
  } catch (error) {
    throw new UserError(`${path}: ${(error as Error).message}`);
  }
  if (typeof exported !== 'function')
    throw new UserError(`${path}: its default export is to be a function (card) => driver module`);
  const make = exported as (card: TestCard) => Partial<DriverModule> | undefined;
  const { made } = madeUpMachine({ seed: 1 });
  let module: Partial<DriverModule> | undefined;
  try {
    module = make(made);
  } catch (error) {
    throw new UserError(`${path}: ${(error as Error).message}`);
  }
  if (isEntry(module?.io_net_dll_entry))
    return ionetOnMadeUpCard(path, (card) => make(card)?.io_net_dll_entry as io_net_dll_entry_t);
  if (module?.iopkt_drvr_entry !== undefined)
    return onMadeUpCard(path, make as (card: TestCard) => DriverModule);
  throw new UserError(
    `${path}: what its default export makes has neither iopkt_drvr_entry nor io_net_dll_entry { nfuncs, init, shutdown }`,
  );
}

function isEntry(entry: unknown): boolean {
  return typeof (entry as io_net_dll_entry_t | undefined)?.init === 'function';
}

function human(results: readonly RuleResult[], verdicts: readonly Verdict[]): string {
  const findings = verdicts.flatMap((verdict) => verdict.findings);
  const rows = results.map(({ driver, chip, rule, broken, outcome }) => [
    driver,
    chip,
    rule,
    broken,
    outcome === 'broken' ? 'BROKEN' : outcome,
  ]);
  const missed = results.filter(({ outcome }) => outcome === 'not reached');
  const passed = results.filter(({ outcome }) => outcome === 'pass').length;
  return [
    table(['driver', 'chip', 'rule', 'is broken when the driver', 'result'], [], rows),
    '',
    ...findings.map((finding) => `${formatFinding(finding)}\n`),
    ...missed.map(({ rule, driver, chip, detail }) => `${rule} not reached: ${driver} on ${chip}: ${detail}`),
    `${passed} kept, ${findings.length} broken, ${missed.length} not reached`,
    '',
  ].join('\n');
}
