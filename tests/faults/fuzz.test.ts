import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './fuzz';
import { parsers } from './parsers';

for (const parser of parsers)
  test(`whatever a file of the reader ${parser.name} is changed to, it is read or refused in one line`, async () => {
    const { read, refused, bad } = await fuzz(parser, 400, 1);
    assert.deepEqual(bad, []);
    assert.ok(read > 0 && refused > 0, 'the changes are too small or too large to tell anything');
  });
