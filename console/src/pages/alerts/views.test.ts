import { expect, it } from 'vitest';
import { viewsOf, type View } from './views';

function view(name: string, page: string, own: boolean): View {
  return { id: name, etag: '"1"', name, page, query: '', shared: !own, owner: 'ann', own };
}

it('views of the list are those of its page, the own ones first', () => {
  const all = [view('a', 'alerts', false), view('b', 'incidents', true), view('c', 'alerts', true)];
  expect(viewsOf(all).map(({ name }) => name)).toEqual(['c', 'a']);
});
