import { AxeBuilder } from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';
import en from '../src/i18n/en.json' with { type: 'json' };
import ja from '../src/i18n/ja.json' with { type: 'json' };

/** The password that the tests give the first admin. */
export const PASSWORD = 'correct horse battery staple';
export const FIRST_PASSWORD = process.env.YAGURA_FIRST_PASSWORD ?? '';

/** The texts of the console in its languages. */
export const TEXTS = { en, ja };
export type Language = keyof typeof TEXTS;

/** Categories of alerts: keys of the catalogue begin with them, and stand in pages as they are. */
const CATALOGUE_SECTIONS = ['drift', 'process', 'k8s', 'network', 'malware', 'webshell', 'escape', 'proc'];
/** What the console would show in place of a text that it has not: the name of the text. */
const NAME_OF_TEXT = new RegExp(
  `(?<![\\w.-])(?:${Object.keys(en)
    .filter((section) => !CATALOGUE_SECTIONS.includes(section))
    .join('|')})\\.[a-z][\\w-]*(?![\\w.])`,
);

export async function logIn(
  page: Page,
  name = 'admin',
  password = PASSWORD,
  language: Language = 'en',
): Promise<void> {
  const texts = TEXTS[language].logIn;
  await page.goto('/');
  await page.getByLabel(texts.name).fill(name);
  await page.getByLabel(texts.password).fill(password);
  await page.getByRole('button', { name: texts.submit }).click();
}

export async function logInAsAdmin(page: Page, language: Language = 'en'): Promise<void> {
  await logIn(page, 'admin', PASSWORD, language);
  await expect(page.getByRole('heading', { level: 1, name: TEXTS[language].nav.overview })).toBeVisible();
}

/** Fails where the name of a text stands in its place. */
export async function expectTranslated(page: Page): Promise<void> {
  const text = await page.locator('main').innerText();
  expect(NAME_OF_TEXT.exec(text)?.[0]).toBeUndefined();
}

/** Waits until nothing moves or fades: colours that still change are nobody's. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(() => {
    // What turns while something loads has no end.
    const ending = document
      .getAnimations()
      .filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
    return Promise.all(ending.map((one) => one.finished.catch(() => null)));
  });
}

/** Fails on whatever WCAG 2.2 AA forbids and axe can see. */
export async function expectAccessible(page: Page): Promise<void> {
  await settled(page);
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
    .analyze();
  expect(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`)).toEqual([]);
}

/** Fails on texts that can't be told from what is behind them: of all that axe sees, this alone is a matter of the theme. */
export async function expectEnoughContrast(page: Page): Promise<void> {
  await settled(page);
  const { violations } = await new AxeBuilder({ page }).withRules(['color-contrast']).analyze();
  expect(violations.flatMap((one) => one.nodes.map((node) => node.html))).toEqual([]);
}

/** Collects what the page's policy refused and what failed in its scripts. */
export function watchForFailures(page: Page): string[] {
  const failures: string[] = [];
  page.on('pageerror', (error) => failures.push(error.message));
  page.on('console', (message) => {
    if (/Content.Security.Policy|Refused to/.test(message.text())) failures.push(message.text());
  });
  return failures;
}

/** Names of the drift rules in their order. */
export function driftRules(page: Page): Promise<string[]> {
  return page
    .locator('[data-rule]')
    .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-rule') ?? ''));
}

/** Chooses a role in the list that is open. */
export async function chooseRole(page: Page, role: string): Promise<void> {
  await page.locator('.ant-select-item-option').getByText(role, { exact: true }).click();
}
