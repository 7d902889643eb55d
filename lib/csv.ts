/** A table as CSV (RFC 4180): a line a row, fields with commas, quotes or line breaks in quotes. */
export function csvOf(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const field = (value: string | number): string =>
    typeof value === 'string' && /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : String(value);
  return [columns, ...rows].map((row) => `${row.map(field).join(',')}\n`).join('');
}
