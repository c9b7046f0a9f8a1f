import { Checkbox, InputNumber } from 'antd';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';

interface BlockingSettings {
  observe?: boolean;
  nodes_percent?: number;
}

/** How carefully a rule begins to block: watching first, then on a share of nodes. */
export function Blocking({
  settings,
  onChange,
}: {
  settings: BlockingSettings;
  onChange: (settings: BlockingSettings) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <fieldset className="stack">
      <legend>{t('blocking.title')}</legend>
      <Checkbox
        checked={settings.observe ?? false}
        onChange={(event) => onChange({ observe: event.target.checked })}
      >
        {t('blocking.observe')}
      </Checkbox>
      <div className="row">
        <label htmlFor={id}>{t('blocking.percent')}</label>
        <InputNumber
          id={id}
          min={1}
          max={100}
          precision={0}
          suffix="%"
          value={settings.nodes_percent ?? 100}
          onChange={(value) => onChange({ nodes_percent: value ?? 100 })}
        />
      </div>
      <span className="field-hint">{t('blocking.hint')}</span>
    </fieldset>
  );
}
