// What a scenario asserts. A check that does not hold fails the scenario, unless the table of differences explains why this
// subject does otherwise. The table must not rot: a difference that is listed and does not show any more is a failure too.

/** Something a subject does other than the data sheet, or a later revision of it, says; known and explained. */
export interface KnownDifference {
  readonly scenario: string;
  readonly subject: string;
  /** The check that does not hold, word for word. */
  readonly what: string;
  /** The data sheet's section, and whose mistake it is. */
  readonly reason: string;
  /** How to see it without this program. */
  readonly seen: string;
}

/** A check did not hold. The message says what was to be, and what is. */
export class ScenarioFailure extends Error {}

export class Checks {
  /** Listed differences that showed. */
  readonly shown = new Set<KnownDifference>();
  /** Checks made so far. */
  made = 0;
  private readonly listed: readonly KnownDifference[];

  /** `listed`: what is known of this scenario on this subject. */
  constructor(listed: readonly KnownDifference[]) {
    this.listed = listed;
  }

  /** `what` names the check and never varies; `found` says what is instead. Returns whether it holds. */
  that(what: string, holds: boolean, found: () => string): boolean {
    this.made++;
    if (holds) return true;
    const known = this.listed.find((difference) => difference.what === what);
    if (known === undefined) throw new ScenarioFailure(`${what}: ${found()}`);
    this.shown.add(known);
    return false;
  }

  /** The two are equal: numbers, strings, booleans. */
  equal<T extends number | string | boolean>(what: string, got: T, wanted: T): boolean {
    return this.that(what, got === wanted, () => `${show(got)} instead of ${show(wanted)}`);
  }

  /** No difference text: `difference` is empty, or says what is wrong. */
  none(what: string, difference: string): boolean {
    return this.that(what, difference === '', () => difference);
  }

  /** After the scenario: throws when a listed difference did not show. */
  end(): void {
    const gone = this.listed.filter((difference) => !this.shown.has(difference));
    if (gone.length === 0) return;
    const list = gone.map(({ what }) => `"${what}"`).join(', ');
    throw new ScenarioFailure(
      `${list} holds now, but is listed as a known difference: take it out of the table`,
    );
  }
}

function show(value: number | string | boolean): string {
  return typeof value === 'string' ? `"${value}"` : String(value);
}
