import { defineConfig } from '@playwright/test';

/**
 * End-to-end tests against a center that runs, with alerts in it:
 * `cargo xtask console test` starts one and sets `YAGURA`, `YAGURA_URL` and `YAGURA_FIRST_PASSWORD`.
 * They change what they find there: give them a center of their own.
 */
export default defineConfig({
  testDir: 'tests',
  // One story, file by file in the order of their names: the first test sets the password that the later ones log in with.
  workers: 1,
  fullyParallel: false,
  // As all other tests; the one that needed it is named at the end.
  retries: 1,
  timeout: 180_000,
  expect: { timeout: 30_000 },
  reporter: './tests/cargo-reporter.ts',
  use: {
    baseURL: process.env.YAGURA_URL ?? 'http://127.0.0.1:7443',
    locale: 'en-GB',
    viewport: { width: 1440, height: 900 },
    ignoreHTTPSErrors: true,
    screenshot: 'only-on-failure',
    // Debian's own browser: nothing is downloaded.
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] },
  },
});
