/** Rows as lines, two blanks between columns; the columns whose index is in `right` end in a line. */
export function alignColumns(rows: readonly (readonly string[])[], right: readonly number[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const align = (cell: string, column: number): string =>
    right.includes(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
  return rows.map((row) => row.map(align).join('  ').trimEnd()).join('\n');
}
