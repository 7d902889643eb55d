// What tslab 1.0.22 does wrong, mended from outside.
'use strict';
const v8 = require('node:v8');
const vm = require('node:vm');
const ts = require('@tslab/typescript-for-tslab');

v8.setFlagsFromString('--expose-gc');
/** @type {() => void} */
const collectGarbage = vm.runInNewContext('gc');
/** From so many bytes of the process on, what the compiler leaves behind is collected after each cell, which takes a tenth of a second. */
const muchMemory = 1e9;

/**
 * @typedef {{ diagnostics: unknown[], hasToplevelAwait?: boolean, output?: string, maps?: string[] }} Converted
 * @typedef {{ convert(declarations: string, source: string): Converted }} Converter
 * @typedef {{ createConverter: (...args: unknown[]) => Converter }} ConverterModule tslab's
 */

/**
 * tslab watches every source file, but breaks ("Unexpected pending rebuildTimer") where one is edited, or a new one appears, between two
 * cells, and reloads only some of what depends on it. A kernel therefore works with the files that it has seen first; whoever edits
 * `lib` restarts it.
 */
function ignoreFileChanges() {
  const nothing = { close() {} };
  ts.sys.watchFile = () => nothing;
  ts.sys.watchDirectory = () => nothing;
}

/**
 * tslab's module, loaded with a compiler that tells which line of a cell a line of its JavaScript comes from, and lets the stop button end
 * what a cell awaits.
 * @returns {ConverterModule}
 */
function loadConverter() {
  /** @type {string[]} */
  let maps = [];
  const { createWatchCompilerHost, transpileModule } = ts;
  const compiler = {
    ...ts,
    createWatchCompilerHost: (files, options, ...rest) =>
      createWatchCompilerHost(files, { ...options, inlineSourceMap: true }, ...rest),
    transpileModule(script, options) {
      const [code, map = ''] = script.split(/^\/\/# sourceMappingURL=data:.*;base64,/m);
      const compilerOptions = { ...options.compilerOptions, sourceMap: true };
      const result = transpileModule(code, { ...options, compilerOptions, transformers: { before: [guardAwaits] } });
      maps = [Buffer.from(map, 'base64').toString(), result.sourceMapText ?? ''];
      return { ...result, outputText: result.outputText.replace(/^\/\/# sourceMappingURL=.*$/m, '') };
    },
  };
  const file = require.resolve('@tslab/typescript-for-tslab');
  require.cache[file].exports = compiler;
  const converter = require('tslab/dist/converter');
  require.cache[file].exports = ts;

  const { createConverter } = converter;
  converter.createConverter = (...args) => {
    const created = createConverter(...args);
    const { convert } = created;
    created.convert = (declarations, source) => {
      const converted = convert(declarations, spellOut(source));
      if (process.memoryUsage.rss() > muchMemory) collectGarbage();
      if (converted.diagnostics.length === 0) converted.hasToplevelAwait ||= awaits(source);
      return { ...converted, maps };
    };
    return created;
  };
  return converter;
}

/** Hands all that a cell awaits to `guard` or `guardEach` of kernel-stop.cjs. */
function guardAwaits(context) {
  const { factory } = context;
  const guarded = (name, value) => {
    const guard = factory.createPropertyAccessExpression(factory.createIdentifier('__tslab__'), name);
    return factory.createCallExpression(guard, undefined, [value]);
  };
  const visit = (node) => {
    const seen = ts.visitEachChild(node, visit, context);
    if (ts.isAwaitExpression(seen)) return factory.updateAwaitExpression(seen, guarded('guard', seen.expression));
    if (!ts.isForOfStatement(seen) || !seen.awaitModifier) return seen;
    const { awaitModifier, initializer, expression, statement } = seen;
    return factory.updateForOfStatement(seen, awaitModifier, initializer, guarded('guardEach', expression), statement);
  };
  return (file) => ts.visitNode(file, visit);
}

/**
 * Reads a cell before anybody asks for one, while the notebook is still being looked at; not where a cell came first.
 * @param {{ createConverter: (...args: unknown[]) => Converter }} converter tslab's module
 * @param {string} cell @param {() => void} afterwards
 */
function warmUp(converter, cell, afterwards) {
  const { createConverter } = converter;
  converter.createConverter = (...args) => {
    const created = createConverter(...args);
    const { convert } = created;
    const warming = setTimeout(() => {
      convert('', cell);
      afterwards();
    }, 100);
    created.convert = (declarations, source) => {
      clearTimeout(warming);
      return convert(declarations, source);
    };
    return created;
  };
}

/**
 * tslab takes `{ epochs }` for a new name and not for the variable of an earlier cell, which then "is not defined": written out as
 * `{ epochs: epochs }`, it finds it. And it takes `a` of `const { a: b } = run` for a variable where `run` is of an earlier cell, so that
 * "exports has already been declared": written as `{ 'a': b }`, it is a name of a property and nothing else.
 * @param {string} source
 */
function spellOut(source) {
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.Latest);
  /** @type {{ at: number, text: string }[]} */
  const insertions = [];
  const visit = (node) => {
    if (ts.isShorthandPropertyAssignment(node) && !node.objectAssignmentInitializer)
      insertions.push({ at: node.name.getStart(file), text: `${node.name.text}: ` });
    if (ts.isBindingElement(node) && node.propertyName !== undefined && ts.isIdentifier(node.propertyName))
      for (const at of [node.propertyName.getStart(file), node.propertyName.getEnd()])
        insertions.push({ at, text: "'" });
    ts.forEachChild(node, visit);
  };
  visit(file);
  return insertions.reverse().reduce((text, { at, text: added }) => text.slice(0, at) + added + text.slice(at), source);
}

/**
 * Whether a cell awaits outside its functions. tslab looks for the compiler's complaint about that, which does not come for
 * `for await` and where `await` stands before a bracket, a template or an operator.
 * @param {string} source
 */
function awaits(source) {
  const visit = (node) => {
    if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier)) return true;
    if (ts.isFunctionLike(node)) return false;
    return ts.forEachChild(node, visit) ?? false;
  };
  // As a module: in a script, `await (x)` calls a function of that name.
  return visit(ts.createSourceFile('cell.ts', `export {};${source}`, ts.ScriptTarget.Latest));
}

module.exports = { awaits, ignoreFileChanges, loadConverter, warmUp };
