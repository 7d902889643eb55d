// What a notebook's page does by itself: it marks where a reader is, and folds code. Without it everything can still be read. theme.js comes first.
(() => {
  'use strict';
  const { store } = window.pageTheme;

  function followContents() {
    const nav = document.querySelector('.contents');
    if (!nav) return;
    const links = [...nav.querySelectorAll('a')];
    const headings = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
    const wide = window.matchMedia('(min-width: 75rem)');
    wide.addEventListener('change', () => (nav.querySelector('details').open = wide.matches));
    followScroll(nav, headings, links);
  }

  /** Marks the last heading above the upper third of the window; at the end of the page, the last. */
  function followScroll(nav, headings, links) {
    const mark = () => {
      const line = window.innerHeight / 3;
      const atEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
      const above = headings.filter((heading) => heading.getBoundingClientRect().top < line).length;
      const current = atEnd ? links.length - 1 : Math.max(0, above - 1);
      links.forEach((link, index) => {
        if (index === current) link.setAttribute('aria-current', 'location');
        else link.removeAttribute('aria-current');
      });
      const { offsetTop, offsetHeight } = links[current];
      if (offsetTop < nav.scrollTop || offsetTop + offsetHeight > nav.scrollTop + nav.clientHeight)
        nav.scrollTop = offsetTop - 80;
    };
    // Called when a heading passes the line, either way, and when the page's last lines come or go.
    const passing = new IntersectionObserver(mark, { rootMargin: '0px 0px -66.6%' });
    headings.forEach((heading) => passing.observe(heading));
    const ending = new IntersectionObserver(mark, { threshold: [0, 0.5, 1] });
    ending.observe(document.querySelector('.page-footer'));
  }

  /** Regions are told apart by their names: a table of the text is called by the heading above it, and a second one of a name numbered. */
  function nameRegions() {
    const headings = [...document.querySelectorAll('main :is(h2, h3)')];
    for (const region of document.querySelectorAll('.prose > .scroll')) {
      const above = headings.filter(
        (heading) => heading.compareDocumentPosition(region) & Node.DOCUMENT_POSITION_FOLLOWING,
      );
      if (above.length > 0) region.setAttribute('aria-label', `${above.at(-1).firstChild.textContent}, table`);
    }
    const counts = new Map();
    for (const region of document.querySelectorAll('main [role="region"]')) {
      const name = region.getAttribute('aria-label');
      counts.set(name, (counts.get(name) || 0) + 1);
      if (counts.get(name) > 1) region.setAttribute('aria-label', `${name}, ${counts.get(name)}`);
    }
  }

  function addCodeSwitch() {
    const codeSwitch = document.getElementById('code-switch');
    const cells = [...document.querySelectorAll('details.code:not(.folded)')];
    const showCode = (shown) => {
      for (const cell of cells) cell.open = shown || 'open' in cell.dataset;
      codeSwitch.setAttribute('aria-pressed', String(shown));
    };
    codeSwitch.hidden = cells.length === 0;
    codeSwitch.addEventListener('click', () => {
      const shown = codeSwitch.getAttribute('aria-pressed') !== 'true';
      showCode(shown);
      store.set('code', shown ? 'shown' : 'folded');
    });
    if (store.get('code') === 'shown') showCode(true);
  }

  function addCopyButtons() {
    if (!navigator.clipboard) return;
    for (const code of document.querySelectorAll('.highlight, .prose > pre')) {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'copy';
      button.textContent = 'Copy';
      button.addEventListener('click', async () => {
        await navigator.clipboard.writeText((code.querySelector('pre, code') || code).textContent);
        button.textContent = 'Copied';
        window.setTimeout(() => (button.textContent = 'Copy'), 1500);
      });
      code.append(button);
    }
  }

  /** Text that is folded away is found too, and unfolded where the search comes to it. */
  function addSearch() {
    const field = document.getElementById('page-search');
    const told = document.getElementById('found');
    let places = [];
    let current = -1;

    function find(wanted) {
      const texts = document.createTreeWalker(document.getElementById('content'), NodeFilter.SHOW_TEXT);
      const ranges = [];
      for (let node = texts.nextNode(); node; node = texts.nextNode()) {
        if (node.parentElement.closest('script, style, .nb-plot, .code-hint')) continue;
        const text = node.data.toLowerCase();
        for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
          const range = new Range();
          range.setStart(node, at);
          range.setEnd(node, at + wanted.length);
          ranges.push(range);
        }
      }
      return ranges;
    }

    function mark(name, ranges) {
      if (window.CSS && CSS.highlights) CSS.highlights.set(name, new Highlight(...ranges));
    }

    function go(step) {
      if (places.length === 0) return;
      current = (current + step + places.length) % places.length;
      const range = places[current];
      for (
        let fold = range.startContainer.parentElement.closest('details');
        fold;
        fold = fold.parentElement.closest('details')
      )
        fold.open = true;
      mark('found-here', [range]);
      if (!CSS.highlights)
        window
          .getSelection()
          .setBaseAndExtent(range.startContainer, range.startOffset, range.endContainer, range.endOffset);
      range.startContainer.parentElement.scrollIntoView({ block: 'center' });
      told.textContent = `${current + 1} of ${places.length}`;
    }

    field.addEventListener('input', () => {
      const wanted = field.value.trim().toLowerCase();
      places = wanted.length < 2 ? [] : find(wanted);
      current = -1;
      mark('found', places);
      mark('found-here', []);
      told.textContent = wanted.length < 2 ? '' : places.length === 0 ? 'none' : `${places.length} found`;
    });
    field.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      go(event.shiftKey ? -1 : 1);
    });
  }

  followContents();
  addSearch();
  nameRegions();
  addCodeSwitch();
  addCopyButtons();
})();
