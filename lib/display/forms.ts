/** The same thing in several forms, of which a front end shows the best that it can. */
import type { Figure } from './figure';
import { readOwn } from './library';
import type { Displayable } from './mime';
import { baseConfig, color } from './theme';

/** By type of content: texts, and data as they are. */
export type Forms = Readonly<Record<string, string | object>>;

/** For front ends that ask a value itself, as Deno's kernel does. */
const displayMethod = Symbol.for('Jupyter.display');

/** Something to look at, which any kernel that knows this method of values can show. */
export function displayable<T extends Displayable>(value: T): T {
  return Object.defineProperty(value, displayMethod, { value: () => forms(value) });
}

export function forms({ html, text, figure }: Displayable): Forms {
  return {
    'text/html': html,
    'text/plain': text,
    ...(figure && { 'application/vnd.plotly.v1+json': plotlyJson(figure) }),
  };
}

/** A chart for front ends with a Plotly of their own, such as VS Code's: in the light theme, as they know none of the variables. */
function plotlyJson({ data, layout }: Figure): object {
  const colors = lightColors();
  const resolved = JSON.stringify({ data, layout, config: baseConfig }).replace(
    /"var\((--nb-[\w-]+)\)"/g,
    (variable, name: string) => (colors[name] === undefined ? variable : `"${colors[name]}"`),
  );
  const chart = JSON.parse(resolved) as { readonly layout: object };
  return { ...chart, layout: { ...chart.layout, paper_bgcolor: colors[/--[\w-]+/.exec(color.paper)?.[0] ?? ''] } };
}

let known: Readonly<Record<string, string>> | undefined;

/** The last resort of each variable in the style sheet. */
function lightColors(): Readonly<Record<string, string>> {
  const pairs = [...readOwn('display.css').matchAll(/^ {2}(--nb-[\w-]+):.*?(#[0-9a-f]{6})\)*;$/gm)];
  // Those of the dark theme come later.
  known ??= Object.fromEntries(pairs.map(([, name, hex]): [string, string] => [name, hex]).reverse());
  return known;
}
