/** The list of a page's sections, in the page before a browser lays it out: nothing moves when scripts run. */
import { escapeHtml, unescapeHtml } from '../../display/html';

/** Sections that every page has, which no markdown cell brings. */
const ownIds = ['how-this-was-run', 'how-to-cite', 'try-it-yourself'];
const fewest = 3;

/**
 * The page with ids of its own for its headings of the second and third rank, a link beside each, and the contents that lead to them, unless
 * there are hardly any.
 */
export function withContents(html: string): string {
  const used = new Set<string>();
  const links: string[] = [];
  const page = html.replace(
    /<h([23]) id="([^"]*)">([\s\S]*?)<\/h\1>/g,
    (heading, rank: string, id: string, inner: string) => {
      const text = inner.replace(/<a class="anchor-link"[\s\S]*?<\/a>/, '');
      if (text === inner && !ownIds.includes(id)) return heading; // of an output
      let own = id;
      for (let copy = 2; used.has(own); copy++) own = `${id}-${copy}`;
      used.add(own);
      const plain = text.replace(/<[^>]*>/g, '').trim();
      const address = `#${escapeHtml(encodeURI(unescapeHtml(own)))}`;
      links.push(`<li class="h${rank}"><a href="${address}">${plain}</a></li>`);
      const anchor =
        text === inner
          ? ''
          : `<a class="anchor-link" href="${address}" aria-label="Link to ${plain.replaceAll('"', '&quot;')}">¶</a>`;
      return `<h${rank} id="${own}">${text}${anchor}</h${rank}>`;
    },
  );
  if (links.length < fewest) return page.replace(contentsPlace, '');
  const nav = `<nav class="contents" aria-label="Contents"><details open><summary>Contents</summary><ol>${links.join('')}</ol></details></nav>${foldOnPhones}`;
  return page.replace(contentsPlace, () => nav).replace('<body>', '<body class="has-contents">');
}

const contentsPlace = '<!-- contents -->';

const foldOnPhones = `<script>document.querySelector('.contents details').open = matchMedia('(min-width: 75rem)').matches</script>`;
