// Fails if what the first page needs has outgrown its bound. Everything else is loaded with its page.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

// Compressed size of the main bundle, in bytes.
const MAIN_BYTES_MAX = 600_000;

const html = readFileSync('dist/index.html', 'utf8');
const files = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path);
const bytes = files.reduce((sum, path) => sum + gzipSync(readFileSync(`dist${path}`)).length, 0);
process.stdout.write(`main bundle: ${bytes} bytes compressed, at most ${MAIN_BYTES_MAX}\n`);
if (files.length === 0 || bytes > MAIN_BYTES_MAX) process.exit(1);
