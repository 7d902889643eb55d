import assert from 'node:assert/strict';

import { UserError } from '../../lib/errors';

/** For `assert.throws` and `assert.rejects`: a UserError of one line that matches. */
export function userError(pattern: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  };
}
