import { useTranslation } from 'react-i18next';
import { bound, HOSTILE_TEXT_MAX, takeApart } from './hostile';

/**
 * Shows a text that an attacker may have written: a path, an argument, an image's name, a label.
 * Its direction can't leave it, characters that can't be seen are shown by their code points, and its
 * length is bounded.
 */
export function Hostile({
  children,
  max = HOSTILE_TEXT_MAX,
  code = false,
  wrap = false,
}: {
  children: string;
  max?: number;
  code?: boolean;
  /** Whether a long text goes on in the next line; otherwise it ends in an ellipsis. */
  wrap?: boolean;
}) {
  const { t } = useTranslation();
  const { text, cut } = bound(children, max);
  const className = ['hostile', code && 'hostile-code', wrap ? 'hostile-wrap' : 'hostile-line']
    .filter(Boolean)
    .join(' ');
  return (
    <bdi className={className} dir="auto" title={wrap ? undefined : plain(text)}>
      {takeApart(text).map((part, index) =>
        'mark' in part ? (
          <span key={index} className="hostile-mark" title={t(`hostile.${part.kind}`)}>
            {part.mark}
          </span>
        ) : (
          part.text
        ),
      )}
      {cut > 0 && <span className="hostile-mark">{t('hostile.cut', { count: cut })}</span>}
    </bdi>
  );
}

function plain(text: string): string {
  return takeApart(text)
    .map((part) => ('mark' in part ? `⟨${part.mark}⟩` : part.text))
    .join('');
}
