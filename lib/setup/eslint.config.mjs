import tseslint from 'typescript-eslint';

/** Strict and type-aware: a promise that nobody awaits would let a failed cell pass. */
export default tseslint.config(
  { ignores: ['node_modules/', '.venv/', 'outputs/', 'data/cache/', '**/*.cjs', '**/*.mjs', '**/*.js', '**/*.d.ts'] },
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: 'lib/setup/tsconfig-all.json',
        tsconfigRootDir: process.cwd(),
      },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'describe', 'it', 'suite'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // The project's objects are made of closures, which need no `this`.
      '@typescript-eslint/unbound-method': 'off',
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
        {
          selector: `Property[key.name='shell'], ImportSpecifier[imported.name=/^exec(Sync)?$/]`,
          message: 'A shell obeys what is in the name of a file: give a program and its arguments.',
        },
      ],
    },
  },
  {
    // Fixtures are JSON, read as whatever the test expects of them.
    files: ['tests/**'],
    rules: {
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  {
    // Parameters are set by a cell that a command puts in.
    files: ['notebook-*.ts'],
    rules: { 'prefer-const': 'off' },
  },
);
