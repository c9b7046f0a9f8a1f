import { render } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { Hostile } from './Hostile';
import { bound, takeApart } from './hostile';

describe('takeApart', () => {
  it('shows what would turn the text around', () => {
    expect(takeApart('invoice\u202Efdp.exe')).toEqual([
      { text: 'invoice' },
      { mark: 'U+202E', kind: 'invisible' },
      { text: 'fdp.exe' },
    ]);
  });

  it('shows terminal escapes and zero-width characters', () => {
    expect(takeApart('\u001b[2J')).toEqual([{ mark: 'U+001B', kind: 'control' }, { text: '[2J' }]);
    expect(takeApart('ro\u200bot')).toContainEqual({ mark: 'U+200B', kind: 'invisible' });
    expect(takeApart('a\u{e0041}')).toContainEqual({ mark: 'U+E0041', kind: 'invisible' });
    expect(takeApart('a\ud800')).toContainEqual({ mark: 'U+D800', kind: 'invisible' });
  });

  it('leaves ordinary text of any language alone', () => {
    const text = '櫓 ヤグラ /usr/bin/été שלום 😀\n\tnext';
    expect(takeApart(text)).toEqual([{ text }]);
  });
});

describe('bound', () => {
  it('never cuts a character in two', () => {
    expect(bound('ab😀', 3)).toEqual({ text: 'ab', cut: 2 });
    expect(bound('ab', 3)).toEqual({ text: 'ab', cut: 0 });
  });
});

describe('Hostile', () => {
  it('shows markup as text', () => {
    const { container } = render(<Hostile>{'<img src=x onerror=alert(1)>'}</Hostile>);
    expect(container.querySelector('img')).toBeNull();
    expect(container.textContent).toBe('<img src=x onerror=alert(1)>');
  });

  it('bounds what it lays out, and says so', () => {
    const { container } = render(<Hostile max={10}>{'x'.repeat(1_000_000)}</Hostile>);
    expect(container.textContent.length).toBeLessThan(60);
    expect(container.textContent).toContain('999,990');
  });
});
