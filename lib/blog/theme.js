// Light and dark, by the reader's choice or the system's, and paper. Shared by the notebooks' pages and the gallery.
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

  function addThemeSwitch() {
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

  /** Paper is white and narrower than most windows; figures have to be drawn for it beforehand, and wide tables made smaller. */
  function prepareForPrint() {
    const paperWidth = 660;
    const tables = [...document.querySelectorAll('.nb-table table, .scroll table')];
    let before;
    window.addEventListener('beforeprint', () => {
      before = root.dataset.theme;
      root.dataset.theme = 'light';
      root.dataset.printing = '';
      for (const table of tables) table.style.zoom = Math.min(1, paperWidth / Math.max(1, table.scrollWidth));
      if (window.notebookFigures && window.notebookFigures.draw) window.notebookFigures.draw(paperWidth);
    });
    window.addEventListener('afterprint', () => {
      if (before === undefined) delete root.dataset.theme;
      else root.dataset.theme = before;
      delete root.dataset.printing;
      for (const table of tables) table.style.zoom = '';
    });
  }

  addThemeSwitch();
  prepareForPrint();
  window.pageTheme = { store };
})();
