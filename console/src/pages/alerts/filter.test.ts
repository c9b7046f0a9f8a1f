import { describe, expect, it } from 'vitest';
import { changed, readFilter, several } from './filter';

const read = (query: string) => readFilter(new URLSearchParams(query));

describe('the filter in the URL', () => {
  it('shows open alerts if it says nothing', () => {
    expect(read('')).toEqual({ status: 'unhandled,handling' });
    expect(read('status=all')).toEqual({});
  });

  it('takes what it knows and nothing else', () => {
    expect(read('severity=urgent&q=%2Ftmp&cursor=x&__proto__=y')).toEqual({
      status: 'unhandled,handling',
      severity: 'urgent',
      q: '/tmp',
    });
  });

  it('changes one field and keeps the others', () => {
    expect(changed(new URLSearchParams('q=a&node=n'), 'q', '').toString()).toBe('node=n');
    expect(several('a,,b')).toEqual(['a', 'b']);
  });
});
