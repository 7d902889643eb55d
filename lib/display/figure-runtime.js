// Draws the figures of notebooks and pages, in the browser: as soon as Plotly is there and the figure is visible, and again when
// the theme or the width changes. The notebook's set-up output and the page both carry this file.
(() => {
  'use strict';
  if (window.notebookFigures && window.notebookFigures.draw) return;
  const narrowWidth = 560;
  const states = new WeakMap();
  /** The bundle that is on its way. */
  let fetching;
  /** Figures that have been near the view. */
  const seen = new WeakSet();
  const darkPage = window.matchMedia('(prefers-color-scheme: dark)');

  /** Replaces every `var(--name)` by its value here and now: Plotly knows no CSS variables. */
  function resolve(value, style) {
    if (typeof value === 'string') {
      const variable = /^var\((--[\w-]+)\)$/.exec(value);
      return variable ? style.getPropertyValue(variable[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => resolve(item, style));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, style)]));
  }

  function merge(base, over) {
    const result = { ...base };
    for (const [key, value] of Object.entries(over || {})) {
      const nested = value && typeof value === 'object' && !Array.isArray(value);
      result[key] = nested ? merge(base[key], value) : value;
    }
    return result;
  }

  /** Whether Plotly has what a figure needs. A page has the right bundle; a notebook has that of nearly all charts, and JupyterLab a larger one. */
  function draws(needed) {
    const bundles = ['basic', 'cartesian', 'strict'];
    if (!window.Plotly.bundle || bundles.indexOf(needed) <= bundles.indexOf(window.Plotly.bundle)) return true;
    const lab = document.getElementById('jupyter-config-data');
    if (lab && fetching !== needed) {
      fetching = needed;
      const script = document.createElement('script');
      script.src = `${JSON.parse(lab.textContent).baseUrl}files/node_modules/plotly.js-${needed}-dist-min/plotly-${needed}.min.js`;
      script.addEventListener('load', () => {
        window.Plotly.bundle = needed;
        redraw();
      });
      document.head.append(script);
    }
    return false;
  }

  function draw(figure, maximumWidth = Infinity) {
    const plot = figure.querySelector('[data-plot]');
    const payload = figure.querySelector('script[type="application/json"]');
    if (!window.Plotly || !plot || !payload || !figure.isConnected || !draws(figure.dataset.figure)) return;
    if (plot.clientWidth === 0) return;
    const spec = JSON.parse(payload.textContent);
    const width = Math.min(Math.max(Math.round(plot.clientWidth), spec.leastWidth || 0), maximumWidth);
    const style = window.getComputedStyle(figure);
    // What a drawing depends on besides its data; while it stays the same there is nothing to do.
    const state = [style.getPropertyValue('--nb-ink'), style.getPropertyValue('--nb-paper'), width].join('|');
    if (states.get(figure) === state) return;
    if (!states.has(figure)) plot.textContent = '';
    states.set(figure, state);
    const layout = width < narrowWidth ? merge(spec.layout, spec.narrowLayout) : spec.layout;
    const drawn = { ...resolve(layout, style), width, uirevision: 'keep' };
    const config = { ...spec.config };
    // On a touch screen a drag has to scroll the page, not zoom the chart, and the buttons never go away.
    if (window.matchMedia('(pointer: coarse)').matches) {
      drawn.dragmode = false;
      config.displayModeBar = false;
    }
    plot.style.minHeight = `${drawn.height}px`;
    // The observer below sees more than Plotly, which would listen to the window only.
    config.responsive = false;
    window.Plotly.react(plot, resolve(spec.data, style), drawn, config);
    // One picture for those who do not see it, which says what it shows; the layers above it say nothing.
    plot.querySelectorAll('.main-svg').forEach((layer, index) => {
      if (index > 0) return layer.setAttribute('aria-hidden', 'true');
      layer.setAttribute('role', 'img');
      layer.setAttribute('aria-label', plot.dataset.plot || figure.getAttribute('aria-label'));
    });
  }

  // Not in the observer's own turn: a drawing changes sizes again, and browsers report that as an error.
  const sizes = new ResizeObserver((entries) => {
    window.requestAnimationFrame(() => entries.forEach((entry) => draw(entry.target)));
  });

  function drawAll(maximumWidth) {
    document.querySelectorAll('figure[data-figure]').forEach((figure) => draw(figure, maximumWidth));
  }

  /** What has been seen: again, or at last when Plotly comes after it. */
  function redraw() {
    document.querySelectorAll('figure[data-figure]').forEach((figure) => seen.has(figure) && draw(figure));
  }

  /** What brings a page's Plotly, until it is called. */
  let bring;

  const hasPicture = (figure) => !figure.querySelector('.nb-placeholder');

  /** Calls it at the reader's first sign, as pictures stand for the charts till then, or when a chart without one is near. */
  function whenRead(load) {
    const signs = ['scroll', 'wheel', 'pointermove', 'pointerdown', 'keydown', 'focusin'];
    bring = () => {
      bring = undefined;
      signs.forEach((sign) => window.removeEventListener(sign, bringNow, true));
      load();
    };
    const figures = [...document.querySelectorAll('figure[data-figure]')];
    if (window.scrollY > 0 || figures.some((figure) => seen.has(figure) && !hasPicture(figure))) return bring();
    signs.forEach((sign) => window.addEventListener(sign, bringNow, { capture: true, passive: true }));
  }

  function bringNow() {
    if (bring) bring();
  }

  /** Style sheets of a theme may arrive after the attribute that announces it. */
  function themeChanged() {
    window.requestAnimationFrame(() => redraw());
    window.setTimeout(redraw, 300);
  }

  // A figure is drawn when it comes near the view, so one inside closed details waits until it is opened.
  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        seen.add(target);
        if (!hasPicture(target)) bringNow();
        sizes.observe(target);
      }
    },
    // In JupyterLab the notebook scrolls, and not the window.
    { rootMargin: '600px', scrollMargin: '600px' },
  );
  const waiting = window.notebookFigures || [];
  window.notebookFigures = { push: (figure) => near.observe(figure), draw: drawAll, redraw, whenRead };
  waiting.forEach(window.notebookFigures.push);

  const attributes = ['data-jp-theme-light', 'data-jp-theme-name', 'data-theme'];
  for (const element of [document.documentElement, document.body]) {
    new MutationObserver(themeChanged).observe(element, { attributes: true, attributeFilter: attributes });
  }
  darkPage.addEventListener('change', themeChanged);
})();
