import { expect, test } from '@playwright/test';
import { expectAccessible, logInAsAdmin, TEXTS } from './center';

test('behaviours that rules can name are those of the center, with a name in each language', async ({
  page,
}) => {
  await logInAsAdmin(page);
  const answer = await page.request.get('/api/v1/defence-rules/behaviours');
  const { items } = (await answer.json()) as { items: { name: string; dimension: string }[] };
  for (const { behaviour } of Object.values(TEXTS))
    expect(Object.keys(behaviour).sort()).toEqual(items.map(({ name }) => name).sort());
  await page.goto('/defence-rules');
  await page.getByRole('button', { name: 'Add rule', exact: true }).click();
  await page.getByLabel('System calls').getByText('Only these').click();
  await expect(page.getByRole('group', { name: 'Behaviours' }).getByRole('checkbox')).toHaveCount(
    items.filter(({ dimension }) => dimension === 'syscall').length,
  );
  await expectAccessible(page);
});

test('own rules are checked while they are typed, and names of fields completed', async ({ page }) => {
  await logInAsAdmin(page);
  await page.goto('/own-rules');
  const editor = page.getByRole('textbox', { name: 'Own rules' });
  await editor.click();
  await page.keyboard.press('Control+End');
  await page.keyboard.insertText(
    '- rule: Mine\n  desc: A test\n  priority: NOTICE\n  output: x\n  condition: ',
  );
  await page.keyboard.type('proc.nam');
  const offered = page.getByRole('option', { name: /^proc\.name/ }).first();
  await expect(offered).toBeVisible();
  await offered.click();
  await expect(editor).toContainText('condition: proc.name');
  await page.keyboard.press('Escape');
  await page.keyboard.type(' = bash and proc.nosuch = 1');
  await expect(page.locator('.cm-lintRange-error').first()).toBeVisible();
  await expect(page.getByText(/proc\.nosuch/).nth(1)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Save', exact: true })).toBeDisabled();
  await expectAccessible(page);
  for (let letter = 0; letter < ' and proc.nosuch = 1'.length; letter += 1)
    await page.keyboard.press('Backspace');
  await expect(page.locator('.cm-lintRange-error')).toHaveCount(0);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText(/Version \d+ is saved/)).toBeVisible();
});
