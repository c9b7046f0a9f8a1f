import { expect, test, type Page } from '@playwright/test';
import { statSync } from 'node:fs';
import {
  driftRules,
  expectAccessible,
  expectEnoughContrast,
  expectTranslated,
  FIRST_PASSWORD,
  logIn,
  logInAsAdmin,
  PASSWORD,
  TEXTS,
  watchForFailures,
} from './center';
import { freshName, runInContainer, startContainer } from './container';

test('the first admin comes with a one-time password and must choose another', async ({ page }) => {
  await logIn(page, 'admin', FIRST_PASSWORD);
  await expect(page.getByRole('heading', { name: 'Choose your password' })).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel('Current or one-time password').fill(FIRST_PASSWORD);
  await page.getByLabel('New password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('The new password again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set the password' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
});

test('a wrong password is told without saying what was wrong', async ({ page }) => {
  await logIn(page, 'admin', 'not the password');
  await expect(page.getByRole('alert')).toContainText('Name or password is wrong');
});

/** Markup, and a mark that turns the direction of what follows: as an argument both reach every page about the process. */
const HOSTILE = '<img src=x onerror=alert(1)>\u202egnp.exe';
/**
 * What nobody but an attacker does in a container: the loader would start it in every program. The container lives a
 * little longer, as containers do: the sensor asks the runtime for its name.
 */
const BACKDOOR = `sleep 3; sh -c 'echo /tmp/x.so > /etc/ld.so.preload; true' '${HOSTILE}'; sleep 1`;

test('an alert of a real container arrives in the open page and is handled there', async ({ page }) => {
  await logInAsAdmin(page);
  await page.goto('/alerts');
  await expect(page.getByRole('status').filter({ hasText: 'Live' })).toBeVisible();
  const name = freshName('payments');
  runInContainer(name, BACKDOOR);
  const row = page.getByRole('row').filter({ hasText: name }).first();
  await expect(row).toBeVisible();

  await row.getByRole('checkbox').check();
  await page.keyboard.press('e');
  await expect(page.getByText('1 of 1 selected alerts will change')).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel('Reason').fill('a test of the console');
  await page.getByRole('button', { name: 'Mark as handled' }).click();
  await expect(page.getByText('1 alert changed.')).toBeVisible();
  await expect(row).toHaveCount(0);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByText('Taken back for 1 alert.')).toBeVisible();
  await expect(row).toBeVisible();

  await row.getByRole('link').click();
  await page.getByRole('tab', { name: 'Process tree' }).click();
  await expect(page.getByText('<img src=x onerror=alert(1)>').first()).toBeVisible();
  expect(await page.locator('main').innerText()).not.toContain('\u202e');
  await expect(page.locator('main img')).toHaveCount(0);
  await expectAccessible(page);
});

const PAGES = [
  ['/', 'overview'],
  ['/alerts', 'alerts'],
  ['/incidents', 'incidents'],
  ['/whitelist-rules', 'whitelist'],
  ['/protection', 'protection'],
  ['/defence-rules', 'defence'],
  ['/drift-policy', 'drift'],
  ['/catalogue', 'catalogue'],
  ['/own-rules', 'userRules'],
  ['/assets', 'assets'],
  ['/assets?tab=canaries', 'assets'],
  ['/assets?tab=commands', 'assets'],
  ['/integrations', 'integrations'],
  ['/integrations?tab=enrolment', 'integrations'],
  ['/access', 'access'],
  ['/access?tab=roles', 'access'],
  ['/access?tab=provider', 'access'],
  ['/audit-log', 'auditLog'],
  ['/account', 'account'],
] as const;

for (const language of ['en', 'ja'] as const) {
  test(`every page opens, keeps to its policy and can be used by everybody, light and dark (${language})`, async ({
    page,
  }) => {
    test.setTimeout(240_000);
    const texts = TEXTS[language];
    const failures = watchForFailures(page);
    await page.addInitScript((chosen) => localStorage.setItem('yagura.language', chosen), language);
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await logInAsAdmin(page, language);
    await expect(page.locator('html')).toHaveAttribute('lang', language);
    for (const [path, title] of PAGES) {
      await page.goto(path);
      await expect(page.getByRole('heading', { level: 1, name: texts.nav[title] })).toBeVisible();
      await expect(page.getByRole('status', { name: texts.state.loading })).toHaveCount(0);
      await expect(page.getByText(texts.state.failed)).toHaveCount(0);
      // The audit log holds names of acts, which look like names of texts.
      if (title !== 'auditLog') await expectTranslated(page);
      await expectAccessible(page);
      await page.emulateMedia({ colorScheme: 'dark' });
      await expect(page.locator('html')).toHaveAttribute('data-appearance', 'dark');
      await expectEnoughContrast(page);
      await page.emulateMedia({ colorScheme: 'light' });
    }
    expect(failures).toEqual([]);
  });
}

test('what a container does is recorded, and the recording fetched', async ({ page }) => {
  const name = freshName('recorded');
  const stop = startContainer(name, 'while true; do cat /etc/hostname; sleep 1; done');
  try {
    await logInAsAdmin(page);
    await page.goto(`/assets?tab=containers&q=${name}`);
    const row = page.getByRole('row').filter({ hasText: name });
    await expect(async () => {
      await page.reload();
      await expect(row).toBeVisible({ timeout: 2000 });
    }).toPass({ timeout: 60_000 });
    await row.getByRole('button', { name: 'Record what happens' }).click();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Ask the sensor' }).click();
    await expect(page.getByText('The sensor is asked.')).toBeVisible();
    await page.getByRole('tab', { name: 'Commands' }).click();
    const recording = page.getByRole('link', { name: /^Recording/ });
    await expect(recording).toBeVisible({ timeout: 90_000 });
    await expect(page.getByRole('row').filter({ has: recording })).toContainText('Done');
    const download = page.waitForEvent('download');
    await recording.click();
    const file = await (await download).path();
    expect(statSync(file).size).toBeGreaterThan(100);
  } finally {
    stop();
  }
});

test('a center that does not answer is told, and asked again', async ({ page }) => {
  await logInAsAdmin(page);
  const away = '**/api/v1/incidents*';
  await page.route(away, (route) => route.abort());
  await page.getByRole('link', { name: 'Incidents', exact: true }).click();
  await expect(page.getByText('The center does not answer')).toBeVisible();
  await expectAccessible(page);
  await page.unroute(away);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('The center does not answer')).toHaveCount(0);
});

test('every key is told on a page of its own, and leads where it says', async ({ page }) => {
  await logInAsAdmin(page);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog').getByText('Keyboard')).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await expect(page.getByRole('heading', { level: 1, name: 'Alerts' })).toBeVisible();
  await page.getByRole('row').nth(1).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'What happened' })).toBeVisible();
});

test('an alert is handled by keyboard, with its effect shown first, and taken back', async ({ page }) => {
  await logInAsAdmin(page);
  await page.goto('/alerts');
  await page.getByRole('row').nth(1).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('e');
  await expect(page.getByText('1 of 1 selected alerts will change')).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel('Reason').fill('seen and dealt with');
  await page.getByRole('button', { name: 'Mark as handled' }).click();
  await expect(page.getByText('1 alert changed.')).toBeVisible();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByText('Taken back for 1 alert.')).toBeVisible();
});

test('an alert shows what happened, and hostile names as text', async ({ page }) => {
  await logInAsAdmin(page);
  await page.goto('/alerts');
  await page.getByRole('row').nth(1).getByRole('link').click();
  await expect(page.getByRole('heading', { name: 'What happened' })).toBeVisible();
  for (const tab of ['Why it matched', 'Evidence', 'History', 'Process tree']) {
    await page.getByRole('tab', { name: tab }).click();
    await expectAccessible(page);
  }
});

async function addDriftRule(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Add rule' }).click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Put into the list' }).click();
  await expect(page.locator(`[data-rule="${name}"]`)).toBeVisible();
}

async function save(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('alerts judged anew')).toBeVisible();
  await expectAccessible(page);
  const accept = page.getByLabel('Save although there are warnings');
  const now = page.getByRole('button', { name: 'Save as a new version' });
  if (await now.isDisabled()) await accept.check();
  await now.click();
  // What was told of the version before may still be there.
  await expect(page.getByText(/Version \d+ is saved/).last()).toBeVisible();
  await expect(page.getByText('Unsaved changes')).toHaveCount(0);
}

test('drift rules are ordered by keyboard and by mouse, saved with a simulation, and rolled back', async ({
  page,
}) => {
  await logInAsAdmin(page);
  await page.goto('/drift-policy');
  await addDriftRule(page, 'First');
  await addDriftRule(page, 'Second');
  const before = await driftRules(page);

  await page.getByRole('button', { name: /^Move Second/ }).focus();
  await page.keyboard.press('Space');
  await expect(page.getByText(/Lifted Second/)).toBeAttached();
  // Who presses the next key within milliseconds is not heard.
  await expect(async () => {
    await page.keyboard.press('ArrowUp');
    await expect(page.getByText(/Second is now at place/)).toBeAttached({ timeout: 5000 });
  }).toPass();
  await page.keyboard.press('Space');
  await expect.poll(() => driftRules(page)).toEqual([...before.slice(0, -2), 'Second', 'First']);

  const from = await page.getByRole('button', { name: /^Move First/ }).boundingBox();
  const to = await page.getByRole('button', { name: /^Move Second/ }).boundingBox();
  if (!from || !to) throw new Error('the handles are not in view');
  await page.mouse.move(from.x + 10, from.y + 10);
  await page.mouse.down();
  await page.mouse.move(from.x + 10, from.y - 10, { steps: 4 });
  await page.mouse.move(to.x + 10, to.y + 2, { steps: 12 });
  await page.mouse.up();
  await expect.poll(() => driftRules(page)).toEqual(before);

  await page.reload();
  await expect(page.getByText('Unsaved changes')).toBeVisible();
  await save(page);
  await addDriftRule(page, 'Regretted');
  await save(page);

  await page.getByRole('button', { name: 'Versions' }).click();
  await page.getByRole('button', { name: 'Compare with what is in force' }).nth(1).click();
  await page.getByRole('button', { name: 'Roll back to this' }).click();
  await page.getByRole('tooltip').getByRole('button', { name: 'Roll back to this' }).click();
  await expect(page.getByText(/the content of version/)).toBeVisible();
  await expect.poll(() => driftRules(page)).toEqual(before);
});

test('the second of two who edit one policy sees both versions', async ({ browser }) => {
  const one = await (await browser.newContext()).newPage();
  const other = await (await browser.newContext()).newPage();
  await logInAsAdmin(one);
  await logInAsAdmin(other);
  await one.goto('/drift-policy');
  await other.goto('/drift-policy');
  await addDriftRule(other, 'Mine');
  await addDriftRule(one, 'Theirs');
  await save(one);
  await expect(other.getByText(/saved version \d+ while you were editing/)).toBeVisible();
  await other.getByRole('button', { name: 'Save', exact: true }).click();
  const now = other.getByRole('button', { name: 'Save as a new version' });
  await expect(other.getByText('alerts judged anew')).toBeVisible();
  if (await now.isDisabled()) await other.getByLabel('Save although there are warnings').check();
  await now.click();
  await expect(other.getByText(/in the meantime/)).toBeVisible();
  await expect(other.getByText('+ ').first()).toBeVisible();
});

test('a session that ends in the middle of an edit loses nothing', async ({ page }) => {
  await logInAsAdmin(page);
  await page.goto('/drift-policy');
  await page.getByRole('button', { name: 'Add rule' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Typed before the session ended');
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Put into the list' }).click();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Your session has ended')).toBeVisible();
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await expect(page.locator('[data-rule="Typed before the session ended"]')).toBeVisible();
});

test('escape prevention is switched on together with what it needs', async ({ page }) => {
  await logInAsAdmin(page);
  await page.goto('/protection');
  const escapes = page.getByRole('switch', { name: 'Container escape prevention' });
  await escapes.click();
  await expect(page.getByText('Host proactive defence (at least one)')).toBeVisible();
  const host = page.getByRole('checkbox', { name: 'Host defence: malicious behaviour' });
  await host.uncheck();
  await expect(page.getByRole('button', { name: 'Switch on' })).toBeDisabled();
  await host.check();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Switch on' }).click();
  await expect(escapes).toBeChecked();
  await page.goto('/defence-rules');
  await expect(page.getByText('Observe only').first()).toBeVisible();
});
