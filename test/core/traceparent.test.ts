import assert from 'node:assert/strict';
import { isTraceparent } from '../../nodes/core/traceparent.ts';

describe('a traceparent', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const span = 'b7ad6b7169203331';

  it('is one of version 00 with a trace and a span', () => {
    assert.ok(isTraceparent(`00-${trace}-${span}-01`));
    assert.ok(isTraceparent(`00-${trace}-${span}-00`));
  });

  for (const [what, value] of [
    ['of another version', `01-${trace}-${span}-01`],
    ['without a trace', `00-${'0'.repeat(32)}-${span}-01`],
    ['without a span', `00-${trace}-${'0'.repeat(16)}-01`],
    ['in capitals', `00-${trace.toUpperCase()}-${span}-01`],
    ['with more behind it', `00-${trace}-${span}-01-x`],
    ['that is a list', [`00-${trace}-${span}-01`]],
  ] as const)
    it(`is none ${what}`, () => {
      assert.equal(isTraceparent(value), false);
    });
});
