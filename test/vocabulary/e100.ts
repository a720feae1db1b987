// What Linux' e100 driver says of its card: the parts of `ethtool -t`.

/** As the driver names them. The first two are run online, too. */
const E100_TESTS = ['Link test', 'Eeprom test', 'Self test', 'Mac loopback', 'Phy loopback'] as const;

/** What `e100Verdicts` gives when all is well. */
export const E100_PASSED: Readonly<Record<string, number>> = Object.fromEntries(
  E100_TESTS.map((name) => [name, 0]),
);

/** A command that shows what is wrong, in the kernel's own words. That microcode is missing is not: it may be. */
export const E100_COMPLAINTS =
  'dmesg | grep -v ucode.bin | grep -iE "e100.*(error|fail|timed out|bad|corrupt)|nobody cared|BUG:|Oops"';

/** The result of each part in `ethtool -t`'s output: 0 is passed. */
export function e100Verdicts(output: string): Record<string, number> {
  const lines = output.matchAll(/^(\w+ \w+) +\((?:on\/)?offline\)\s+(-?\d+)$/gm);
  return Object.fromEntries([...lines].map(([, name, result]) => [name, Number(result)]));
}
