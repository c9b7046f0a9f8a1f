import { defineConfig } from '@playwright/test';
import tests from './playwright.config';

/** Pictures of every page: `cargo xtask screenshots` starts a center and sets `SCREENSHOTS`, the folder for them. */
export default defineConfig({ ...tests, testDir: 'screenshots', reporter: 'list', timeout: 15 * 60_000 });
