import { describe, expect, it } from 'vitest';
import { same } from './useDraft';

describe('same', () => {
  it('takes left-out and null for the same, and the order of fields for nothing', () => {
    expect(same({ a: 1, b: undefined }, { b: null, a: 1 })).toBe(true);
    expect(same({ a: [1, 2] }, { a: [2, 1] })).toBe(false);
    expect(same({ a: false }, {})).toBe(false);
    expect(same('', undefined)).toBe(false);
  });
});
