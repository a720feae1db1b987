// What is wrong with a lab file, and where: for people, `file:line:column: message`.

export interface Problem {
  file: string;
  /** From 1. */
  line: number;
  column: number;
  /** What is wrong and what would be right. */
  message: string;
}

/** A lab file that cannot be used, with everything that is wrong with it. */
export class LabFileError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'LabFileError';
    this.problems = problems;
  }
}

export function formatProblem(problem: Problem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** Where in the file's structure something is: keys and list indices from the top. */
export type Path = readonly (string | number)[];

/** Collects what is wrong at a path: at the value, or at the key itself. */
export type Complain = (path: Path, message: string, at?: 'value' | 'key') => void;

/** A lab that is right as a file and cannot run here: no such capture, no right to open a TAP. */
export class LabRunError extends Error {
  /** Where in the lab file it comes from; null when from outside. */
  readonly at: Path | null;

  constructor(message: string, at: Path | null = null, options?: ErrorOptions) {
    super(message, options);
    this.at = at;
  }
}
