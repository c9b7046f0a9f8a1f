import '@testing-library/jest-dom/vitest';
import { cleanup } from '@testing-library/react';
import { afterEach, beforeAll } from 'vitest';
import { startTranslations } from '../i18n';

beforeAll(async () => {
  await startTranslations('en');
});

afterEach(() => {
  cleanup();
});

// jsdom lays nothing out, so nothing ever changes its size there.
class NoResizes {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
globalThis.ResizeObserver = NoResizes;
