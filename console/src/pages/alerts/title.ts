import i18next from 'i18next';

/** The title in the viewer's language, as far as the catalogue has one. */
export function titleOf(alert: { title: string; title_ja: string }): string {
  return i18next.language === 'ja' && alert.title_ja ? alert.title_ja : alert.title;
}
