import { Modal } from 'antd';
import { useTranslation } from 'react-i18next';

/** Every key that does something, with what it does. */
export function KeyHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const keys: [string, string][] = [
    ['?', t('keys.help')],
    ['g', t('keys.goTo')],
    ['j', t('keys.next')],
    ['k', t('keys.previous')],
    ['Enter', t('keys.open')],
    ['e', t('keys.handle')],
    ['x', t('keys.select')],
    ['/', t('keys.search')],
    ['Space', t('keys.reorder')],
  ];
  return (
    <Modal open={open} onCancel={onClose} footer={null} title={t('keys.title')}>
      <dl className="facts">
        {keys.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
