import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { expect, it } from 'vitest';
import { refresh } from './refresh';

/** A list on show that counts how often it is fetched. */
async function list(client: QueryClient, name: string, pages: number) {
  const counted = { fetches: 0 };
  const observer = new QueryObserver(client, {
    queryKey: ['alerts', name],
    staleTime: Infinity,
    queryFn: () => {
      counted.fetches += 1;
      return { pages: Array.from({ length: pages }, () => ({ items: [] })) };
    },
  });
  observer.subscribe(() => undefined);
  await expect.poll(() => observer.getCurrentResult().isSuccess).toBe(true);
  return { counted, observer };
}

it('fetches short lists anew, and only marks long ones as outdated', async () => {
  const client = new QueryClient();
  const short = await list(client, 'short', 3);
  const long = await list(client, 'long', 4);
  refresh(client, ({ queryKey }) => queryKey[0] === 'alerts');
  await expect.poll(() => short.counted.fetches).toBe(2);
  expect(short.observer.getCurrentResult().isStale).toBe(false);
  expect(long.counted.fetches).toBe(1);
  expect(long.observer.getCurrentResult().isStale).toBe(true);
});
