import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contrast, heatColor, heatColors, heatInk, palette, seriesStyle } from '../../lib/display/theme';
import { projectRoot } from '../../lib/paths';

/** White paper, JupyterLab dark, the page's dark. */
const backgrounds = ['#FFFFFF', '#111111', '#15181E'] as const;

test('contrast is that of WCAG', () => {
  assert.equal(contrast('#000000', '#FFFFFF').toFixed(1), '21.0');
  assert.equal(contrast('#767676', '#FFFFFF').toFixed(2), '4.54');
});

test('every line colour is at least 3:1 against white and dark', () => {
  for (const background of backgrounds) {
    for (const color of palette) assert.ok(contrast(color, background) >= 3, `${color} on ${background}`);
  }
});

test('numbers on the scale of a heat map are read at least 4.5:1 in both themes, whatever the share', () => {
  const variables = { 'var(--nb-heat-ink)': ['#000000', '#ffffff'], 'var(--nb-heat-paper)': ['#ffffff', '#000000'] };
  const used = new Set<string>();
  for (let share = 0; share <= 1; share += 1 / 1024) {
    const ink = heatInk(share);
    used.add(ink);
    const [light, dark] = (variables as Readonly<Record<string, readonly string[]>>)[ink] ?? [ink, ink];
    for (const [theme, text] of [
      ['light', light],
      ['dark', dark],
    ] as const)
      assert.ok(contrast(text, heatColor(theme, share)) >= 4.5, `${text} at ${share} in the ${theme} theme`);
  }
  assert.ok(used.size >= 3, 'inks follow the cells');
});

test('the style sheets have the colours and inks of the heat map that are reckoned with', () => {
  const css = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
  const values = (sheet: string, name: string): string[] =>
    [...sheet.matchAll(new RegExp(`--${name}: (?:var\\([^,]*, )?(#[0-9a-f]{6})`, 'g'))].map(([, value]) => value);
  for (const [sheet, prefix, darks] of [
    [css('lib/display/display.css'), 'nb', 1],
    [css('lib/blog/blog.css'), 'page', 2],
  ] as const) {
    const expected = (light: string, dark: string): string[] => [light, ...Array<string>(darks).fill(dark)];
    for (const at of [0, 1, 2])
      assert.deepEqual(values(sheet, `${prefix}-heat-${at}`), expected(heatColors.light[at], heatColors.dark[at]));
    assert.deepEqual(values(sheet, `${prefix}-heat-ink`), expected('#000000', '#ffffff'));
    assert.deepEqual(values(sheet, `${prefix}-heat-paper`), expected('#ffffff', '#000000'));
  }
});

test('colours stay apart for colour-blind readers', () => {
  for (const [vision, matrix] of Object.entries(visions)) {
    const seen = palette.map((color) => lab(matrix.map((weights) => dot(weights, linear(color)))));
    for (let first = 0; first < seen.length; first++) {
      for (let second = first + 1; second < seen.length; second++) {
        const distance = Math.hypot(
          ...[0, 1, 2].map((axis) => (seen[first]?.[axis] ?? 0) - (seen[second]?.[axis] ?? 0)),
        );
        assert.ok(distance >= 15, `${palette[first]} and ${palette[second]} with ${vision}: ${distance.toFixed(1)}`);
      }
    }
  }
});

test('neighbouring series differ in dash, symbol and hatching too', () => {
  const [first, second] = [seriesStyle(0), seriesStyle(1)];
  assert.ok(first.dash !== second.dash && first.symbol !== second.symbol && first.pattern !== second.pattern);
});

/** Severity 1 of Machado, Oliveira and Fernandes (2009), on linear RGB. */
const visions = {
  'normal vision': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function linear(hex: string): number[] {
  return [1, 3, 5].map((start) => {
    const value = parseInt(hex.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
}

function dot(weights: readonly number[], values: readonly number[]): number {
  return Math.max(
    0,
    weights.reduce((sum, weight, index) => sum + weight * (values[index] ?? 0), 0),
  );
}

/** CIE 1976 L*a*b*, D65. */
function lab([red = 0, green = 0, blue = 0]: readonly number[]): number[] {
  const curve = (value: number) => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116);
  const x = curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
  const y = curve(0.2126 * red + 0.7152 * green + 0.0722 * blue);
  const z = curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
