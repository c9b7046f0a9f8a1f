import type { Page } from '@playwright/test';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The OpenID provider that the center's own tests log in at; its packages are looked up from where it lies. */
const SCRIPT = fileURLToPath(new URL('../../crates/center/tests/oidc/provider.mjs', import.meta.url));
const COPY = fileURLToPath(new URL('../node_modules/.yagura/provider.mjs', import.meta.url));

export interface Provider {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Logs in at the page that the provider shows, and agrees to what it asks. */
  agree: (page: Page, name: string) => Promise<void>;
  stop: () => Promise<void>;
}

/** Starts a real OpenID provider that knows the center under test. */
export async function startProvider(): Promise<Provider> {
  mkdirSync(dirname(COPY), { recursive: true });
  copyFileSync(SCRIPT, COPY);
  const callback = `${process.env.YAGURA_URL ?? ''}/api/v1/session/oidc/callback`;
  const child = spawn(process.execPath, [COPY, callback, ''], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const issuer = await new Promise<string>((resolve, reject) => {
    // It begins with remarks on what is not for production.
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('http://')) resolve(line);
    });
    child.once('exit', () => reject(new Error('the provider ended')));
  });
  return {
    issuer,
    clientId: 'yagura',
    clientSecret: 'a secret of the tests',
    agree: async (page, name) => {
      await page.locator('input[name="login"]').fill(name);
      await page.locator('input[name="password"]').fill('x');
      await page.locator('button[type="submit"]').click();
      await page.getByRole('button', { name: 'Continue' }).click();
    },
    stop: () => {
      child.kill();
      return ended;
    },
  };
}
