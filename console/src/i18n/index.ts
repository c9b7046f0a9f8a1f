import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import type en from './en.json';

/** Languages of the console. */
export const LANGUAGES = ['en', 'ja'] as const;
export type Language = (typeof LANGUAGES)[number];

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
    returnNull: false;
  }
}

const STORAGE_KEY = 'yagura.language';

const load: Record<Language, () => Promise<{ default: object }>> = {
  en: () => import('./en.json'),
  ja: () => import('./ja.json'),
};

/** The language of this name, if it is one. */
export function languageNamed(name: string | null | undefined): Language | undefined {
  return LANGUAGES.find((language) => language === name);
}

/** The language that was shown last in this browser, else the browser's, else English. */
export function preferredLanguage(): Language {
  const chosen = localStorage.getItem(STORAGE_KEY);
  const wished = chosen ? [chosen] : navigator.languages;
  for (const tag of wished) {
    const language = LANGUAGES.find((one) => tag.toLowerCase().startsWith(one));
    if (language) return language;
  }
  return 'en';
}

/** Loads one language and starts with it. */
export async function startTranslations(language: Language): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: language,
    resources: { [language]: { translation: (await load[language]()).default } },
    // React escapes what it shows.
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  document.documentElement.lang = language;
}

/** Changes the language, remembers it, and loads its texts first if need be. */
export async function changeLanguage(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, 'translation')) {
    i18next.addResourceBundle(language, 'translation', (await load[language]()).default);
  }
  localStorage.setItem(STORAGE_KEY, language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}
