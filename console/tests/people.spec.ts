import { expect, test, type Browser, type Page } from '@playwright/test';
import { chooseRole, expectAccessible, logIn, logInAsAdmin, PASSWORD } from './center';
import { startProvider } from './provider';

/** People of each role, made by the tests below in this order. */
const PEOPLE = [
  ['olga', 'Security Operator'],
  ['rei', 'Security Reader'],
  ['ada', 'Security Admin'],
] as const;

for (const [name, role] of PEOPLE) {
  test(`a user with the role ${role} is made, logs in, and may do what the role says`, async ({
    page,
    browser,
  }) => {
    await logInAsAdmin(page);
    await page.goto('/access');
    await page.getByRole('button', { name: 'Add user' }).click();
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('Role').click();
    await chooseRole(page, role);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    const oneTime = await page.getByRole('dialog').locator('pre').innerText();

    const theirs = await browser.newPage();
    await logIn(theirs, name, oneTime);
    await theirs.getByLabel('Current or one-time password').fill(oneTime);
    await theirs.getByLabel('New password', { exact: true }).fill(PASSWORD);
    await theirs.getByLabel('The new password again').fill(PASSWORD);
    await theirs.getByRole('button', { name: 'Set the password' }).click();
    await expect(theirs.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
    await theirs.goto('/drift-policy');
    await expect(theirs.getByRole('heading', { level: 1, name: 'Drift policy' })).toBeVisible();
    await expect(theirs.getByText('You can look at this page')).toHaveCount(
      role === 'Security Admin' ? 0 : 1,
    );
    await theirs.goto('/alerts');
    await expect(theirs.getByText('You can look at this page')).toHaveCount(
      role === 'Security Reader' ? 1 : 0,
    );
  });
}

async function pageOf(browser: Browser, name: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await logIn(page, name);
  await page.getByRole('navigation').waitFor();
  return page;
}

test('language and theme follow their user into another browser', async ({ browser }) => {
  const one = await pageOf(browser, 'olga');
  await one.goto('/account');
  await one.getByText('日本語').click();
  await one.getByText('ダーク', { exact: true }).click();
  await expect(one.locator('html')).toHaveAttribute('data-appearance', 'dark');

  await expect
    .poll(async () => {
      const answer = await one.request.get('/api/v1/me/preferences');
      return ((await answer.json()) as { values: object }).values;
    })
    .toEqual({ language: 'ja', theme: 'dark' });
  const other = await pageOf(browser, 'olga');
  await expect(other.getByRole('heading', { level: 1, name: '概要' })).toBeVisible();
  await expect(other.locator('html')).toHaveAttribute('lang', 'ja');
  await expect(other.locator('html')).toHaveAttribute('data-appearance', 'dark');
});

test('a view of the alerts is kept, shared with others, changed and forgotten', async ({ page, browser }) => {
  await logInAsAdmin(page);
  await page.goto('/alerts?severity=urgent');
  await page.getByRole('button', { name: 'Save this view' }).click();
  await page.getByLabel('Name of the view').fill('Night shift');
  await page.getByLabel('Everybody may use it').check();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Saved views' })).toBeEnabled();

  const others = await pageOf(browser, 'rei');
  await others.goto('/alerts');
  await others.getByRole('button', { name: 'Saved views' }).click();
  await others.getByRole('menuitem', { name: /Night shift/ }).click();
  await expect(others).toHaveURL(/severity=urgent/);

  await page.goto('/alerts?severity=reminder');
  await page.getByRole('button', { name: 'Save this view' }).click();
  await page.getByRole('button', { name: 'Make Night shift show what is filtered now' }).click();
  await expect(page.getByRole('button', { name: 'Make Night shift show' })).toBeDisabled();
  await others.reload();
  await others.getByRole('button', { name: 'Saved views' }).click();
  await others.getByRole('menuitem', { name: /Night shift/ }).click();
  await expect(others).toHaveURL(/severity=reminder/);

  await page.getByRole('button', { name: 'Remove Night shift' }).click();
  await expect(page.getByRole('button', { name: 'Remove Night shift' })).toHaveCount(0);
});

test('an admin sets up an identity provider, and people log in there', async ({ page, browser }) => {
  const provider = await startProvider();
  try {
    await logInAsAdmin(page);
    await page.goto('/access?tab=provider');
    await page.getByLabel('Name on the log-in button').fill('Example Corp');
    await page.getByLabel('Issuer').fill('http://127.0.0.1:9');
    await page.getByLabel('Client ID').fill(provider.clientId);
    await page.getByLabel('Client secret').fill(provider.clientSecret);
    await page.getByRole('button', { name: '+ Add role' }).click();
    await page.getByLabel('Value of the claim').fill('sec-admins');
    await page.getByLabel('Role', { exact: true }).click();
    await chooseRole(page, 'Security Operator');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByRole('alert')).toContainText('issuer');
    await page.getByLabel('Issuer').fill(provider.issuer);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByText('Saved: the provider answers.')).toBeVisible();
    await expect(page.getByLabel('Client secret')).toHaveValue('');
    await expect(page.getByPlaceholder('Set; leave empty to keep it')).toBeVisible();
    await expectAccessible(page);

    const theirs = await (await browser.newContext()).newPage();
    await theirs.goto('/incidents');
    await theirs.getByRole('link', { name: 'Log in with Example Corp' }).click();
    await provider.agree(theirs, 'carl');
    await expect(theirs.getByRole('heading', { level: 1, name: 'Incidents' })).toBeVisible();
    await theirs.getByRole('button', { name: /carl/ }).click();
    await expect(theirs.getByText('Security Operator')).toBeVisible();

    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto('/');
    await stranger.getByRole('link', { name: 'Log in with Example Corp' }).click();
    await provider.agree(stranger, 'eve');
    await expect(stranger.getByRole('alert')).toContainText('may not use this console');

    const reader = await pageOf(browser, 'rei');
    await reader.goto('/access?tab=provider');
    await expect(reader.getByText('You may not see this')).toBeVisible();
  } finally {
    await provider.stop();
  }
});

test('of two admins who change the identity provider, the second sees what the first saved', async ({
  page,
  browser,
}) => {
  await logInAsAdmin(page);
  const other = await pageOf(browser, 'ada');
  for (const one of [page, other]) {
    await one.goto('/access?tab=provider');
    await one.getByLabel('People may log in there').uncheck();
  }
  await page.getByLabel('Name on the log-in button').fill('Theirs');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Nobody can log in there')).toBeVisible();
  await other.getByLabel('Name on the log-in button').fill('Mine');
  await other.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(other.getByText('Somebody else saved other settings')).toBeVisible();
  await expect(other.getByLabel('Difference').getByText('"label": "Theirs"')).toBeVisible();
  await other.getByRole('button', { name: 'Keep my changes' }).click();
  await other.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(other.getByText('Nobody can log in there')).toBeVisible();
});
