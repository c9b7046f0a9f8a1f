import { expect, test, type Browser, type Page } from '@playwright/test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FIRST_PASSWORD, PASSWORD } from '../tests/center';
import { runInContainer } from '../tests/container';
import { furnish, setPassword } from './furnish';

/** Where the pictures go. */
const FOLDER = process.env.SCREENSHOTS ?? '../docs/screenshots';
/** Quality of the pictures, 0 to 1: text stays sharp, and all of them together stay small. */
const QUALITY = 0.75;

const LANGUAGES = ['en', 'ja'] as const;
const THEMES = ['light', 'dark'] as const;

const PAGES: Record<string, string> = {
  overview: '/',
  alerts: '/alerts',
  incidents: '/incidents',
  'whitelist-rules': '/whitelist-rules',
  'container-protection': '/protection',
  'defence-rules': '/defence-rules',
  'drift-policy': '/drift-policy',
  catalogue: '/catalogue',
  'own-rules': '/own-rules',
  'assets-nodes': '/assets?tab=nodes',
  'assets-containers': '/assets?tab=containers',
  integrations: '/integrations',
  enrolment: '/integrations?tab=enrolment',
  users: '/access',
  'audit-log': '/audit-log',
  account: '/account',
};

test('every page in each language and theme', async ({ browser }) => {
  const setUp = await (await browser.newContext()).newPage();
  const client = await setPassword(setUp, FIRST_PASSWORD, PASSWORD);
  await furnish(client);
  for (const [name, script] of Object.entries(ATTACKS)) runInContainer(name, script);
  await expect.poll(() => client.count('/api/v1/alerts')).toBeGreaterThan(2);
  const alert = await client.firstId('/api/v1/alerts');
  const incident = await client.firstId('/api/v1/incidents');
  const pages = {
    ...PAGES,
    alert: `/alerts/${alert}`,
    ...(incident && { incident: `/incidents/${incident}` }),
  };
  for (const language of LANGUAGES) {
    for (const theme of THEMES) await picture(browser, setUp, pages, language, theme);
  }
});

/** What the pictures tell of: a shop whose containers are attacked. Each lives as long as naming it takes. */
const ATTACKS: Record<string, string> = {
  payments:
    "sleep 3; sh -c 'echo /tmp/x.so > /etc/ld.so.preload'; cp /bin/busybox /tmp/update; /tmp/update true; sleep 1",
  'web-frontend': 'sleep 3; cp /bin/busybox /tmp/xmrig; /tmp/xmrig sh -c true; cat /etc/shadow; sleep 1',
  'order-queue': 'sleep 3; echo x > /proc/sys/kernel/core_pattern; sleep 1',
};

async function picture(
  browser: Browser,
  converter: Page,
  pages: Record<string, string>,
  language: (typeof LANGUAGES)[number],
  theme: (typeof THEMES)[number],
): Promise<void> {
  const context = await browser.newContext({
    locale: language === 'ja' ? 'ja-JP' : 'en-GB',
    colorScheme: theme,
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.addInitScript(
    ([chosenLanguage, chosenTheme]) => {
      localStorage.setItem('yagura.language', chosenLanguage);
      localStorage.setItem('yagura.appearance', chosenTheme);
    },
    [language, theme] as const,
  );
  await page.goto('/');
  await shoot(page, converter, `${language}/${theme}/log-in`);
  await page.locator('input[autocomplete="username"]').fill('admin');
  await page.locator('input[type="password"]').fill(PASSWORD);
  await page.locator('button[type="submit"]').click();
  await page.getByRole('navigation').waitFor();
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await shoot(page, converter, `${language}/${theme}/${name}`);
  }
  await context.close();
}

async function shoot(page: Page, converter: Page, name: string): Promise<void> {
  await expect(page.locator('.state-loading, .ant-spin-spinning')).toHaveCount(0);
  const png = await page.screenshot({ animations: 'disabled', caret: 'hide' });
  const file = join(FOLDER, `${name}.webp`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, await asWebp(converter, png));
}

/** The browser's own encoder: nothing else has to be installed. */
async function asWebp(converter: Page, png: Buffer): Promise<Buffer> {
  const address = await converter.evaluate(
    async ([picture, quality]) => {
      const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes]));
      const canvas = document.createElement('canvas');
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
      return canvas.toDataURL('image/webp', quality);
    },
    [png.toString('base64'), QUALITY] as const,
  );
  return Buffer.from(address.slice(address.indexOf(',') + 1), 'base64');
}
