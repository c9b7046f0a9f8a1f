import { describe, expect, it } from 'vitest';
import { readChoices } from './preferences';

describe('preferences', () => {
  it('are read as far as this console knows them', () => {
    expect(readChoices({ language: 'ja', theme: 'dark', columns: 'a,b' })).toEqual({
      language: 'ja',
      theme: 'dark',
    });
    expect(readChoices({ language: 'tlh', theme: 'sepia' })).toEqual({});
    expect(readChoices(undefined)).toEqual({});
  });
});
