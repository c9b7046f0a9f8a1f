import { expect, test } from '@playwright/test';
import { logInAsAdmin } from './center';

/** Bytes below which packing gains nothing. */
const PACKED_BYTES_MIN = 1024;

test('files of the console are packed, and kept by browsers for good', async ({ page }) => {
  const answers: { path: string; packed: string | undefined; kept: string | undefined; bytes: number }[] = [];
  page.on('response', (answer) => {
    const { pathname } = new URL(answer.url());
    if (!/\.(js|css)$/.test(pathname)) return;
    const headers = answer.headers();
    answers.push({
      path: pathname,
      packed: headers['content-encoding'],
      kept: headers['cache-control'],
      bytes: Number(headers['content-length']),
    });
  });
  await logInAsAdmin(page);
  await page.locator('.chart').waitFor();
  expect(answers.length).toBeGreaterThan(3);
  for (const { path, packed, kept, bytes } of answers) {
    expect(kept, path).toBe('public, max-age=31536000, immutable');
    if (packed === undefined) expect(bytes, `${path} is not packed`).toBeLessThan(PACKED_BYTES_MIN);
  }
  const loaded = new Set(answers.map(({ path }) => path));
  await page.goto('/drift-policy');
  await page.getByRole('heading', { level: 1, name: 'Drift policy' }).waitFor();
  const later = answers.filter(({ path }) => !loaded.has(path));
  expect(later.map(({ path }) => path).join()).toContain('DriftPolicy');
});
