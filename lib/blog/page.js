// What the page does by itself: contents, folded code, light and dark. Without it everything can still be read.
(() => {
  'use strict';
  const root = document.documentElement;
  const darkSystem = window.matchMedia('(prefers-color-scheme: dark)');
  const store = {
    get: (key) => {
      try {
        return localStorage.getItem(key);
      } catch {
        return null;
      }
    },
    set: (key, value) => {
      try {
        localStorage.setItem(key, value);
      } catch {
        // A page opened from a file may keep nothing.
      }
    },
  };

  function addContents() {
    const nav = document.querySelector('.contents');
    const headings = [...document.querySelectorAll('main .prose > h2, main .prose > h3')];
    if (headings.length < 3) return;
    const used = new Set();
    const links = headings.map((heading) => {
      let id = heading.id || 'section';
      for (let copy = 2; used.has(id); copy++) id = `${heading.id}-${copy}`;
      used.add(id);
      heading.id = id;
      const anchor = heading.querySelector('.anchor-link');
      const link = document.createElement('a');
      link.href = `#${encodeURI(id)}`;
      link.textContent = [...heading.childNodes]
        .filter((node) => node !== anchor)
        .map((node) => node.textContent)
        .join('');
      if (anchor) {
        anchor.href = link.href;
        anchor.setAttribute('aria-label', `Link to ${link.textContent}`);
      }
      const item = document.createElement('li');
      item.className = heading.localName;
      item.append(link);
      nav.querySelector('ol').append(item);
      return link;
    });
    nav.hidden = false;
    document.body.classList.add('has-contents');
    const wide = window.matchMedia('(min-width: 75rem)');
    const fold = () => (nav.querySelector('details').open = wide.matches);
    wide.addEventListener('change', fold);
    fold();
    followScroll(nav, headings, links);
  }

  /** Marks the last heading above the upper third of the window. */
  function followScroll(nav, headings, links) {
    let waiting = false;
    const mark = () => {
      waiting = false;
      const line = window.innerHeight / 3;
      const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 2;
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
    const request = () => {
      if (!waiting) window.requestAnimationFrame(mark);
      waiting = true;
    };
    window.addEventListener('scroll', request, { passive: true });
    window.addEventListener('resize', request);
    mark();
  }

  function addSwitches() {
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

    const themeSwitch = document.getElementById('theme-switch');
    const isDark = () => (root.dataset.theme || (darkSystem.matches ? 'dark' : 'light')) === 'dark';
    const say = () => themeSwitch.setAttribute('aria-pressed', String(isDark()));
    themeSwitch.addEventListener('click', () => {
      root.dataset.theme = isDark() ? 'light' : 'dark';
      store.set('theme', root.dataset.theme);
      say();
    });
    darkSystem.addEventListener('change', say);
    say();
    document.querySelector('.controls').hidden = false;
  }

  function addCopyButtons() {
    if (!navigator.clipboard) return;
    for (const code of document.querySelectorAll('details.code .highlight')) {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'copy';
      button.textContent = 'Copy';
      button.addEventListener('click', async () => {
        await navigator.clipboard.writeText(code.querySelector('pre').textContent);
        button.textContent = 'Copied';
        window.setTimeout(() => (button.textContent = 'Copy'), 1500);
      });
      code.append(button);
    }
  }

  /** Paper is white and narrower than most windows; figures have to be drawn for it beforehand. */
  function prepareForPrint() {
    let before;
    window.addEventListener('beforeprint', () => {
      before = root.dataset.theme;
      root.dataset.theme = 'light';
      if (window.notebookFigures && window.notebookFigures.draw) window.notebookFigures.draw(660);
    });
    window.addEventListener('afterprint', () => {
      if (before === undefined) delete root.dataset.theme;
      else root.dataset.theme = before;
    });
  }

  addContents();
  addSwitches();
  addCopyButtons();
  prepareForPrint();
})();
