/** Text that is safe inside HTML, inside Plotly's labels and inside a script element. */

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const characters = Object.fromEntries(Object.entries(entities).map(([character, entity]) => [entity, character]));

/** Escapes text for an HTML element or a quoted attribute. Class and file names come from outside, so everything goes through here. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** The opposite of `escapeHtml`, and of `escapeLabel`. */
export function unescapeHtml(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => characters[entity]);
}

/** Escapes text for Plotly, which reads a few tags (`<b>`, `<a>`, `<br>`) in every label but only some entities. */
export function escapeLabel(text: string): string {
  return text.replace(/[&<>]/g, (character) => entities[character] ?? character);
}

/** JSON that may stand inside a script element: no `</script>` or `<!--` can arise, and it still parses to the same value. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Breaks text into lines of at most `width` characters, between words where possible; line breaks that are there stay. */
export function wrapText(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => wrapParagraph(paragraph, width));
}

function wrapParagraph(paragraph: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(/\s+/).filter((part) => part !== '')) {
    for (const piece of pieces(word, width)) {
      if (line === '') line = piece;
      else if (line.length + 1 + piece.length <= width) line += ` ${piece}`;
      else {
        lines.push(line);
        line = piece;
      }
    }
  }
  return line === '' && lines.length > 0 ? lines : [...lines, line];
}

/** A word in parts that fit: after its hyphens, slashes and underscores or before its brackets if it has any, else cut. */
function pieces(word: string, width: number): string[] {
  if (word.length <= width) return [word];
  const result: string[] = [];
  for (const part of word.split(/(?<=[-/_])|(?=\()/)) {
    const last = result[result.length - 1];
    if (last !== undefined && last.length + part.length <= width) result[result.length - 1] = last + part;
    else for (let start = 0; start < part.length; start += width) result.push(part.slice(start, start + width));
  }
  return result;
}

/** Text of at most `length` characters, with an ellipsis where something was left out. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`;
}

/**
 * Names of at most `length` characters that still differ: without what stands in brackets at the end, else cut, in the middle where the
 * beginnings are the same.
 */
export function shortNames(names: readonly string[], length: number): string[] {
  const plain = names.map((name) => name.replace(/\s*\([^()]*\)$/, '') || name);
  const bare = names.map((name, at) => (isOnly(plain, at) ? plain[at] : name));
  const cut = bare.map((name) => shorten(name, length));
  const ends = bare.map((name, at) => (isOnly(cut, at) ? cut[at] : shortenMiddle(name, length)));
  return ends.map((name, at) => (isOnly(ends, at) || !isOnly(names, at) ? name : `${at + 1} ${name}`));
}

function isOnly(names: readonly string[], at: number): boolean {
  return names.every((name, other) => other === at || name !== names[at]);
}

function shortenMiddle(text: string, length: number): string {
  if (text.length <= length) return text;
  const head = Math.floor((length - 1) / 2);
  return `${text.slice(0, head).trimEnd()}…${text.slice(head + 1 - length).trimStart()}`;
}
