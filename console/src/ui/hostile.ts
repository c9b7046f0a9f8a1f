/** Longest text shown at once, in UTF-16 units: a longer one would make a page slow to lay out. */
export const HOSTILE_TEXT_MAX = 4096;

/** A run of ordinary text, or one character that is shown by its code point. */
export type Part = { text: string } | { mark: string; kind: 'control' | 'invisible' };

/**
 * Characters that do something other than stand there: controls, marks that change the direction of
 * text, characters without width, spaces that pass for the usual one, private use, lone surrogates.
 * Tab, line feed and the ideographic space of Japanese text are ordinary.
 */
const MARKS = /[^\P{C}\t\n]|[\p{Zl}\p{Zp}\p{DI}]|(?![ \u3000])\p{Zs}/gu;

/** Takes a text apart so that nothing in it can hide or move what stands around it. */
export function takeApart(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(MARKS)) {
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    const code = match[0].codePointAt(0) ?? 0;
    parts.push({
      mark: codePoint(code),
      kind: code < 0x20 || (code >= 0x7f && code <= 0x9f) ? 'control' : 'invisible',
    });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** Cuts a text at a character's border. */
export function bound(text: string, max: number): { text: string; cut: number } {
  if (text.length <= max) return { text, cut: 0 };
  const last = text.charCodeAt(max - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? max - 1 : max;
  return { text: text.slice(0, end), cut: text.length - end };
}

function codePoint(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
