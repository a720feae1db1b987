// Checks of options that several disciplines have.

/** Throws RangeError unless the option is a whole number from `least` to `most`. */
export function validateWhole(what: string, value: number, unit: string, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${what} ${value}: a whole number of ${unit} from ${least} to ${most} wanted`);
}
