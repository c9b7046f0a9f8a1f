import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Where `npm run dev` finds a center; the built console is always served by the center itself.
const CENTER = process.env.YAGURA_CENTER ?? 'http://127.0.0.1:7443';

export default defineConfig({
  plugins: [react()],
  // The center puts a fresh nonce in place of this word in every answer (docs/guide/console.md).
  html: { cspNonce: 'YAGURA_CSP_NONCE' },
  build: {
    target: 'es2022',
    // Fonts and pictures stay files of their own: the policy allows no data: URLs but pictures.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1800,
  },
  server: {
    port: 5173,
    proxy: { '/api': { target: CENTER, changeOrigin: true, secure: false } },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
  },
});
