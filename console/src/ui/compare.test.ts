import { describe, expect, it } from 'vitest';
import { compareLines } from './compare';

const apply = (lines: ReturnType<typeof compareLines>, left: 'added' | 'removed') =>
  lines
    .filter((line) => line.kind !== left)
    .map((line) => line.text)
    .join('\n');

describe('compareLines', () => {
  it('keeps what is common', () => {
    expect(compareLines('a\nb\nc', 'a\nx\nc')).toEqual([
      { kind: 'same', text: 'a' },
      { kind: 'removed', text: 'b' },
      { kind: 'added', text: 'x' },
      { kind: 'same', text: 'c' },
    ]);
  });

  it('gives back both texts, whatever they are', () => {
    const texts = ['', 'a', 'a\na', 'b\na\nc', 'c\nb\na\na', '\n\n', 'x\ny\nz\nx'];
    for (const before of texts) {
      for (const after of texts) {
        const lines = compareLines(before, after);
        expect(apply(lines, 'added')).toBe(before);
        expect(apply(lines, 'removed')).toBe(after);
      }
    }
  });

  it('does not compare what would take too long', () => {
    const many = (word: string) => Array.from({ length: 5000 }, (_, n) => `${word}${n}`).join('\n');
    expect(compareLines(many('a'), many('b'))).toHaveLength(10_000);
  });
});
