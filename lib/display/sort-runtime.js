// Sorts a table by the column whose heading is pressed: downwards first where it holds numbers, and the other way at the next press.
(() => {
  'use strict';
  if (window.notebookTableSorting) return;
  window.notebookTableSorting = true;
  const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

  /** Full precision where there is a number; undefined for a value that is missing. */
  function cellValue(row, column) {
    const cell = row.cells[column];
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const text = cell.textContent.trim();
    return text === '–' || text === '' ? undefined : text;
  }

  function compare(first, second) {
    if (typeof first === 'number' && typeof second === 'number') return first - second;
    return collator.compare(String(first), String(second));
  }

  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button[data-sort]') : null;
    if (button === null) return;
    const heading = button.closest('th');
    const body = button.closest('table').tBodies[0];
    const column = heading.cellIndex;
    const rows = [...body.rows].map((row) => ({ row, value: cellValue(row, column) }));
    const before = heading.getAttribute('aria-sort');
    const numeric = rows.some(({ value }) => typeof value === 'number');
    const ascending = before === null ? !numeric : before === 'descending';
    // What is missing stays last, and equal rows keep their order.
    rows.sort((a, b) => {
      if (a.value === undefined || b.value === undefined) return (a.value === undefined) - (b.value === undefined);
      return ascending ? compare(a.value, b.value) : compare(b.value, a.value);
    });
    for (const other of heading.parentNode.cells) other.removeAttribute('aria-sort');
    heading.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
    body.append(...rows.map(({ row }) => row));
  });
})();
