import { expect, test } from '@playwright/test';
import { expectAccessible, logInAsAdmin } from './center';
import { Gateway } from './gateway';

test('a center that is gone is told, and what was typed is saved when it is back', async ({ browser }) => {
  const gateway = new Gateway();
  await gateway.open();
  const context = await browser.newContext({ baseURL: gateway.url });
  const page = await context.newPage();
  try {
    await logInAsAdmin(page);
    await page.goto('/drift-policy');
    await expect(page.getByRole('status').filter({ hasText: /Live$/ })).toBeVisible();
    await page.getByRole('button', { name: 'Add rule' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Typed while it was away');
    await gateway.cut();
    await page.getByRole('button', { name: 'Put into the list' }).click();
    await expect(page.getByText('Not live: reconnecting')).toBeVisible();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByText('The center does not answer').first()).toBeVisible();
    await expectAccessible(page);
    await gateway.open();
    await expect(page.getByRole('status').filter({ hasText: /Live$/ })).toBeVisible({ timeout: 40_000 });
    // What could not be fetched is asked for anew by itself.
    await expect(page.getByText('alerts judged anew')).toBeVisible();
    const accept = page.getByLabel('Save although there are warnings');
    if (await accept.isVisible()) await accept.check();
    await page.getByRole('button', { name: 'Save as a new version' }).click();
    await expect(page.getByText(/Version \d+ is saved/)).toBeVisible();
  } finally {
    await context.close();
    await gateway.cut();
  }
});

test('a center that was updated asks for its own console', async ({ page }) => {
  await logInAsAdmin(page);
  const center = { version: '', asked: 0 };
  await page.route('**/api/v1/session', async (route) => {
    const answer = await route.fetch();
    const session = (await answer.json()) as { center_version: string };
    await route.fulfill({
      response: answer,
      json: { ...session, center_version: center.version || session.center_version },
    });
    center.asked += 1;
  });
  // A stream that ends at once, so that the console comes back to ask who it talks to.
  await page.route('**/api/v1/events', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: ': hello\n\n' }),
  );
  await page.goto('/incidents');
  await expect(page.getByRole('heading', { level: 1, name: 'Incidents' })).toBeVisible();
  // Once to know who is logged in, and once to know which center this console is of.
  await expect.poll(() => center.asked).toBeGreaterThan(1);
  center.version = '99.0.0';
  await expect(page.getByText('The center was updated to 99.0.0')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Reload' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Incidents' })).toBeVisible();
  await expect(page.getByText('The center was updated')).toHaveCount(0);
  // The console may be asking just now.
  await page.unrouteAll({ behavior: 'ignoreErrors' });
});
