/**
 * Changes the files of a reader's corpus and reads them: it has to take them or to refuse them in one line, at once, without much memory, and
 * without touching anything outside of its folder. `fuzz.ts COUNT SEED [READER [FIRST]]` as a program.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../lib/errors';
import { createRandom, type Random } from '../../lib/random';
import { emptyFolder, parsers, type Parser } from './parsers';

export interface FuzzReport {
  readonly read: number;
  readonly refused: number;
  /** What is neither, by number and with its bytes. */
  readonly bad: readonly string[];
}

/** Numbers at which something ends. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
const words = [
  '-1',
  '0',
  '4294967296',
  '9007199254740993',
  '1e309',
  'NaN',
  'null',
  '""',
  '[]',
  '{}',
  '../../x',
  '\0',
  '"',
  ',',
  '\n',
  '__proto__',
  'constructor',
  '\ud800',
  '<script>',
];

export function mutate(corpus: readonly Buffer[], random: Random): Buffer {
  let bytes = Buffer.from(corpus[random.integer(corpus.length)]);
  const at = (): number => random.integer(bytes.length + 1);
  const replace = (begin: number, end: number, by: Uint8Array): void =>
    void (bytes = Buffer.concat([bytes.subarray(0, begin), by, bytes.subarray(Math.max(begin, end))]));
  for (let change = random.integer(4); change >= 0; change--) {
    const [first, second] = [at(), at()].sort((a, b) => a - b);
    const end = random.uniform() < 0.7 ? Math.min(bytes.length, first + 1 + random.integer(8)) : second;
    switch (random.integer(8)) {
      case 0:
        if (first < bytes.length) bytes[first] ^= 1 << random.integer(8);
        break;
      case 1:
        if (first < bytes.length) bytes[first] = edges[random.integer(5)];
        break;
      case 2:
        if (first + 4 <= bytes.length) bytes.writeUInt32LE(edges[random.integer(edges.length)], first);
        break;
      case 3:
        replace(first, end, Buffer.alloc(0));
        break;
      case 4:
        replace(first, first, bytes.subarray(first, end));
        break;
      case 5:
        replace(first, end, Buffer.from(words[random.integer(words.length)]));
        break;
      case 6: {
        const other = corpus[random.integer(corpus.length)];
        const from = random.integer(other.length + 1);
        replace(first, end, other.subarray(from, from + 1 + random.integer(64)));
        break;
      }
      default: {
        // A number that stands in a text.
        const found = [...bytes.toString('latin1').matchAll(/\d+/g)];
        const { 0: number = '', index } = found.at(random.integer(Math.max(1, found.length))) ?? {};
        if (index === undefined) bytes = bytes.subarray(0, first);
        else replace(index, index + number.length, Buffer.from(words[random.integer(6)]));
      }
    }
  }
  return bytes;
}

export async function fuzz(parser: Parser, count: number, seed: number, first = 0): Promise<FuzzReport> {
  const root = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const folder = emptyFolder(join(root, 'inside'));
  const bad: string[] = [];
  let [read, refused] = [0, 0];
  try {
    for (let number = first; number < first + count; number++) {
      const bytes = mutate(parser.corpus, createRandom(seed, parser.name, number));
      const about = (what: string): string =>
        `${parser.name}, number ${number}: ${what} (${bytes.length < 300 ? JSON.stringify(bytes.toString('latin1')) : `${bytes.length} bytes`})`;
      const memory = process.memoryUsage.rss();
      const start = process.cpuUsage();
      try {
        await parser.parse(bytes, folder);
        read++;
      } catch (error) {
        if (error instanceof UserError && !error.message.includes('\n') && error.message.length < 2000) refused++;
        else
          bad.push(
            about(error instanceof Error ? (error.stack ?? '').split('\n').slice(0, 4).join(' | ') : String(error)),
          );
      }
      // Not the time that passes, in which a busy machine may do something else.
      const seconds = process.cpuUsage(start).user / 1e6;
      if (seconds > 10) bad.push(about(`it took ${Math.round(seconds)} s of computation`));
      const grown = process.memoryUsage.rss() - memory;
      if (grown > 1.5e9) bad.push(about(`it took ${Math.round(grown / 1e6)} MB`));
      if (number % 1000 === 0) {
        const outside = readdirSync(root).filter((name) => name !== 'inside');
        if (outside.length > 0) bad.push(about(`it wrote ${outside.join(', ')}`));
        rmSync(join(folder, 'unpacked'), { recursive: true, force: true });
      }
    }
    return { read, refused, bad };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function main([count, seed, name, first]: string[]): Promise<void> {
  for (const parser of parsers.filter((one) => name === undefined || one.name === name)) {
    const start = performance.now();
    const { read, refused, bad } = await fuzz(parser, Number(count), Number(seed), Number(first ?? 0));
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(
      `${parser.name}: ${read + refused + bad.length} files, ${read} read, ${refused} refused, ${bad.length} bad, ${seconds} s`,
    );
    for (const one of bad.slice(0, 20)) console.log(`  ${one}`);
    if (bad.length > 0) process.exitCode = 1;
  }
}

if (require.main === module) void main(process.argv.slice(2));
