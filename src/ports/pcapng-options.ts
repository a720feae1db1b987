// The options at the end of a pcapng block (draft-ietf-opsawg-pcapng, section 3.5):
//
//    0        2          4
//    +--------+----------+----------------------------+
//    | code   | length   | value, padded to 32 bits   |  ... until code 0 or the end of the block
//    +--------+----------+----------------------------+

import { CaptureError } from './capture.ts';

/** Told an option's code and where in the file its value lies. */
export type OptionVisitor = (code: number, at: number, length: number) => void;

/** Visits the options between `at` and `end`; throws CaptureError when one reaches beyond the block. */
export function forEachOption(
  view: DataView,
  at: number,
  end: number,
  littleEndian: boolean,
  visit: OptionVisitor,
): void {
  while (end - at >= 4) {
    const code = view.getUint16(at, littleEndian);
    const length = view.getUint16(at + 2, littleEndian);
    if (code === 0) return;
    if (length > end - at - 4) {
      throw new CaptureError(
        at + 2,
        `an option of ${length} bytes`,
        `the block has room for ${end - at - 4}`,
      );
    }
    visit(code, at + 4, length);
    at += 4 + ((length + 3) & ~3);
  }
}
