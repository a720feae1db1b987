// Columns for the tools: pads, no more.

/** Rows as aligned columns; columns whose name is in `right` are numbers. */
export function columns(rows: readonly (readonly string[])[], right: readonly boolean[]): string {
  const widths = right.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (right[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
        .join(' ')
        .trimEnd(),
    )
    .join('\n');
}
