import { describe, expect, it } from 'vitest';
import { freeName, moved } from './rules';

describe('rules of the drift policy', () => {
  it('move without being lost', () => {
    expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
    expect(moved(['a', 'b'], 0, 5)).toEqual(['a', 'b']);
    expect(moved(['a', 'b'], 7, 0)).toEqual(['a', 'b']);
  });

  it('get names that nobody has', () => {
    expect(freeName('x', ['x', 'x (2)'])).toBe('x (3)');
    expect(freeName('y', ['x'])).toBe('y');
  });
});
