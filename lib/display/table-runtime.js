// What tables of notebooks and pages do in the browser: headings sort, buttons give the plain numbers, and a shadow says that there is
// more at a side. Without it they are read as they are. The notebook's set-up output and the page both carry this file.
(() => {
  'use strict';
  if (window.notebookTables && window.notebookTables.ready) return;
  const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

  function button(text, label, act) {
    const made = document.createElement('button');
    made.type = 'button';
    made.textContent = text;
    if (label) made.setAttribute('aria-label', label);
    made.addEventListener('click', () => act(made));
    return made;
  }

  /** Full precision where there is a number, without what is only for the eye; empty where there is no value. */
  function plainText(cell) {
    if (cell.dataset.value !== undefined) return cell.dataset.value;
    const copy = cell.cloneNode(true);
    copy.querySelectorAll('.nb-hidden').forEach((hidden) => hidden.remove());
    const text = copy.textContent
      .trim()
      .replace(/\u2212(?=[\d.∞])/g, '-')
      .replaceAll('\u00a0', ' ');
    return text === '–' ? '' : text;
  }

  function compare(first, second) {
    if (typeof first === 'number' && typeof second === 'number') return first - second;
    return collator.compare(String(first), String(second));
  }

  /** Downwards first where a column holds numbers, and the other way at the next press. What is missing stays last. */
  function sortBy(heading) {
    const body = heading.closest('table').tBodies[0];
    const rows = [...body.rows].map((row) => {
      const cell = row.cells[heading.cellIndex];
      const text = plainText(cell);
      return { row, value: text === '' ? undefined : cell.dataset.value === undefined ? text : Number(text) };
    });
    const before = heading.getAttribute('aria-sort');
    const numeric = rows.some(({ value }) => typeof value === 'number');
    const ascending = before === null ? !numeric : before === 'descending';
    rows.sort((a, b) => {
      if (a.value === undefined || b.value === undefined) return (a.value === undefined) - (b.value === undefined);
      return ascending ? compare(a.value, b.value) : compare(b.value, a.value);
    });
    for (const other of heading.parentNode.cells) other.removeAttribute('aria-sort');
    heading.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
    body.append(...rows.map(({ row }) => row));
  }

  const linesOf = (table) => [...table.rows].map((row) => [...row.cells].map(plainText));
  const csvCell = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  async function copy(table, made) {
    await navigator.clipboard.writeText(
      linesOf(table)
        .map((cells) => cells.join('\t'))
        .join('\n'),
    );
    made.textContent = 'Copied';
    window.setTimeout(() => (made.textContent = 'Copy'), 1500);
  }

  function download(table, name) {
    const csv = `${linesOf(table)
      .map((cells) => cells.map(csvCell).join(','))
      .join('\r\n')}\r\n`;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([csv], { type: 'text/csv' }));
    link.download = `${
      name
        .replace(/[^\p{L}\p{N}]+/gu, '-')
        .replace(/^-|-$/g, '')
        .slice(0, 60)
        .toLowerCase() || 'table'
    }.csv`;
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  /** Whether something is hidden at the left or at the right. */
  function mark(scroller) {
    const rest = scroller.scrollWidth - scroller.clientWidth;
    scroller.toggleAttribute('data-more-left', scroller.scrollLeft > 1);
    scroller.toggleAttribute('data-more-right', rest - scroller.scrollLeft > 1);
  }
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target)));

  function prepare(place) {
    const table = place.querySelector('table');
    if (!table || place.dataset.ready !== undefined) return;
    place.dataset.ready = '';
    const scroller = place.querySelector('.nb-scroll');
    scroller.addEventListener('scroll', () => mark(scroller), { passive: true });
    sizes.observe(scroller);
    const caption = place.querySelector('.nb-caption');
    const tools = document.createElement('span');
    tools.className = 'nb-tools';
    const name = caption.textContent;
    if (navigator.clipboard) tools.append(button('Copy', `Copy: ${name}`, (made) => copy(table, made)));
    tools.append(button('CSV', `Download as CSV: ${name}`, () => download(table, name)));
    caption.append(tools);
    if (table.tBodies[0].rows.length < 2) return;
    for (const heading of table.tHead.rows[0].cells) {
      const made = button(heading.textContent, undefined, () => sortBy(heading));
      made.className = 'nb-sort';
      if (heading.textContent !== '') heading.replaceChildren(made);
    }
  }

  const waiting = window.notebookTables || [];
  window.notebookTables = { push: prepare, ready: true };
  waiting.forEach(prepare);
})();
