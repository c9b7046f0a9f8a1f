import { theme, type ThemeConfig } from 'antd';
import { createContext, use } from 'react';

export type Appearance = 'light' | 'dark';
export type AppearanceChoice = Appearance | 'system';

const STORAGE_KEY = 'yagura.appearance';
export const APPEARANCE_CHOICES: AppearanceChoice[] = ['system', 'light', 'dark'];

interface AppearanceContext {
  choice: AppearanceChoice;
  appearance: Appearance;
  show: (choice: AppearanceChoice) => void;
}

export const Appearances = createContext<AppearanceContext>({
  choice: 'system',
  appearance: 'light',
  show: () => undefined,
});

export function useAppearance(): AppearanceContext {
  return use(Appearances);
}

/** The choice of this name, if it is one. */
export function appearanceNamed(name: string | null | undefined): AppearanceChoice | undefined {
  return APPEARANCE_CHOICES.find((choice) => choice === name);
}

/** What was shown last in this browser: nobody is logged in yet whose preference would count. */
export function storedAppearance(): AppearanceChoice {
  return appearanceNamed(localStorage.getItem(STORAGE_KEY)) ?? 'system';
}

export function storeAppearance(choice: AppearanceChoice): void {
  localStorage.setItem(STORAGE_KEY, choice);
}

const shared: ThemeConfig['token'] = {
  borderRadius: 6,
  fontFamily:
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK JP', 'Hiragino Sans', 'Yu Gothic UI', sans-serif",
  fontFamilyCode: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Noto Sans Mono', monospace",
  // What moves makes people wait, and icons that shall leave stay if their transition is missed.
  motion: false,
};

/** Colours that WCAG 2.2 AA asks for: secondary texts and links are darker (or lighter) than Ant Design's own. */
const light: ThemeConfig['token'] = {
  colorPrimary: '#0b57c4',
  colorLink: '#0b57c4',
  colorError: '#c21825',
  colorSuccess: '#1f7a2e',
  colorWarning: '#b35c00',
  colorTextSecondary: 'rgba(0, 0, 0, 0.72)',
  colorTextTertiary: 'rgba(0, 0, 0, 0.66)',
  colorTextDescription: 'rgba(0, 0, 0, 0.68)',
  colorTextPlaceholder: 'rgba(0, 0, 0, 0.62)',
  colorBgLayout: '#f4f6f9',
};

const dark: ThemeConfig['token'] = {
  colorPrimary: '#3b82f6',
  colorLink: '#84b5ff',
  colorLinkHover: '#b1d0ff',
  colorError: '#ff7a80',
  colorSuccess: '#49aa5a',
  colorWarning: '#d99a2b',
  colorTextSecondary: 'rgba(255, 255, 255, 0.8)',
  colorTextTertiary: 'rgba(255, 255, 255, 0.72)',
  colorTextDescription: 'rgba(255, 255, 255, 0.74)',
  colorTextPlaceholder: 'rgba(255, 255, 255, 0.66)',
};

export function themeFor(appearance: Appearance): ThemeConfig {
  return {
    cssVar: { key: 'yagura' },
    algorithm: appearance === 'dark' ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: { ...shared, ...(appearance === 'dark' ? dark : light) },
    components: {
      Layout: { headerHeight: 52, headerPadding: '0 16px' },
      Menu: {
        itemHeight: 36,
        activeBarBorderWidth: 0,
        ...(appearance === 'dark' ? { itemSelectedColor: '#b1d0ff' } : {}),
      },
    },
  };
}
