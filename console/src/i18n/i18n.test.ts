import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import en from './en.json';
import ja from './ja.json';

type Tree = { [key: string]: string | Tree };

/** Every key of a tree with its text, joined by dots; forms of a count stand under one key. */
function flatten(tree: Tree, prefix = ''): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [name, value] of Object.entries(tree)) {
    const key = prefix + name;
    if (typeof value === 'string') {
      const base = key.replace(/_(zero|one|two|few|many|other)$/, '');
      found.set(base, [...(found.get(base) ?? []), value]);
    } else {
      for (const [inner, texts] of flatten(value, `${key}.`)) found.set(inner, texts);
    }
  }
  return found;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === '__generated__' ? [] : sources(path);
    return /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

/** Keys that the sources name: whole ones, and the beginnings of those that are put together. */
function used(): { whole: Set<string>; beginnings: string[] } {
  const whole = new Set<string>();
  const beginnings = new Set<string>();
  for (const path of sources(join(__dirname, '..'))) {
    const text = readFileSync(path, 'utf8');
    for (const [, key] of text.matchAll(/\bt\(\s*['"]([\w.-]+)['"]/g)) whole.add(key ?? '');
    for (const [, key] of text.matchAll(/\b(?:i18nKey|labelKey|titleKey|textKey)[=:]\s*['"]([\w.-]+)['"]/g))
      whole.add(key ?? '');
    for (const [, key] of text.matchAll(/\b(?:t\(\s*|i18nKey=\{|labelKey: )`([\w.-]+)\$\{/g))
      beginnings.add(key ?? '');
  }
  return { whole, beginnings: [...beginnings] };
}

function placeholders(texts: string[]): string[] {
  return [
    ...new Set(
      texts.flatMap((text) => [...text.matchAll(/\{\{(\w+)|<(\w+)>/g)].map((m) => m[1] ?? m[2] ?? '')),
    ),
  ].sort();
}

const english = flatten(en);
const japanese = flatten(ja);

describe('translations', () => {
  it('have the same keys in both languages', () => {
    expect([...japanese.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it('have no empty text, and the same placeholders', () => {
    for (const [key, texts] of english) {
      const other = japanese.get(key) ?? [];
      for (const text of [...texts, ...other]) expect(text.trim(), key).not.toBe('');
      const names = placeholders(texts).filter((name) => name !== 'count');
      expect(
        placeholders(other).filter((name) => name !== 'count'),
        key,
      ).toEqual(names);
    }
  });

  it('are all there', () => {
    const missing = [...used().whole].filter((key) => !english.has(key));
    expect(missing).toEqual([]);
  });

  it('are all used', () => {
    const { whole, beginnings } = used();
    const unused = [...english.keys()].filter(
      (key) => !whole.has(key) && !beginnings.some((beginning) => key.startsWith(beginning)),
    );
    expect(unused).toEqual([]);
  });

  it('are translated', () => {
    const letters = /[\u3040-\u30ff\u4e00-\u9fff]/;
    // Names and formats that are the same in both languages.
    const same =
      /^(product|language\.\w+|category\.k8s|outputKind\.(alertmanager|webhook)|platform\.\w+|provider\.\w+)$/;
    const untranslated = [...japanese].filter(
      ([key, texts]) =>
        !same.test(key) &&
        texts.some(
          (text) => !letters.test(text) && english.get(key)?.includes(text) && /[a-z]{3}/.test(text),
        ),
    );
    expect(untranslated.map(([key]) => key)).toEqual([]);
  });
});
