import { SaveOutlined } from '@ant-design/icons';
import { Button, Checkbox, Dropdown, Input, Popover } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Badge } from '../../ui/badges';
import { Hostile } from '../../ui/Hostile';
import { ProblemNotice } from '../../ui/states';
import { useViews, type View } from './views';

/** Longest name of a view, in characters: the center takes no longer one. */
const NAME_LENGTH_MAX = 128;

/** Filters with names: to be chosen, kept, shared, changed and forgotten. */
export function Views({
  parameters,
  onChange,
}: {
  parameters: URLSearchParams;
  onChange: (parameters: URLSearchParams) => void;
}) {
  const { t } = useTranslation();
  const { views, save, remove } = useViews();
  const [open, setOpen] = useState(false);
  const query = parameters.toString();
  const own = views.filter((view) => view.own);
  return (
    <>
      <Dropdown
        trigger={['click']}
        disabled={views.length === 0}
        menu={{
          items: views.map((view) => ({ key: view.id, label: <Name view={view} /> })),
          onClick: ({ key }) => onChange(new URLSearchParams(views.find((view) => view.id === key)?.query)),
        }}
      >
        <Button>{t('alerts.views')}</Button>
      </Dropdown>
      <Popover
        trigger="click"
        open={open}
        onOpenChange={setOpen}
        content={
          <div className="stack views">
            <ProblemNotice error={save.error ?? remove.error} />
            <NewView
              onSave={(name, shared) =>
                save.mutate({ name, query, shared }, { onSuccess: () => setOpen(false) })
              }
            />
            {own.map((view) => (
              <div key={view.id} className="row-between">
                <Name view={view} />
                <span className="row">
                  <Button
                    size="small"
                    disabled={view.query === query}
                    aria-label={t('alerts.replaceViewOne', { name: view.name })}
                    onClick={() => save.mutate({ view, name: view.name, query, shared: view.shared })}
                  >
                    {t('alerts.replaceView')}
                  </Button>
                  <Button
                    size="small"
                    aria-label={
                      view.shared
                        ? t('alerts.unshareViewOne', { name: view.name })
                        : t('alerts.shareViewOne', { name: view.name })
                    }
                    onClick={() =>
                      save.mutate({ view, name: view.name, query: view.query, shared: !view.shared })
                    }
                  >
                    {view.shared ? t('alerts.unshareView') : t('alerts.shareView')}
                  </Button>
                  <Button
                    size="small"
                    aria-label={t('alerts.removeViewOne', { name: view.name })}
                    onClick={() => remove.mutate(view)}
                  >
                    {t('action.remove')}
                  </Button>
                </span>
              </div>
            ))}
          </div>
        }
      >
        <Button icon={<SaveOutlined />} aria-label={t('alerts.saveView')} />
      </Popover>
    </>
  );
}

function NewView({ onSave }: { onSave: (name: string, shared: boolean) => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [shared, setShared] = useState(false);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        onSave(name.trim(), shared);
        setName('');
      }}
    >
      <div className="row">
        <Input
          aria-label={t('alerts.viewName')}
          placeholder={t('alerts.viewName')}
          maxLength={NAME_LENGTH_MAX}
          style={{ flex: 1 }}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Button htmlType="submit" type="primary" disabled={!name.trim()}>
          {t('action.save')}
        </Button>
      </div>
      <Checkbox checked={shared} onChange={(event) => setShared(event.target.checked)}>
        {t('alerts.shareNew')}
      </Checkbox>
    </form>
  );
}

function Name({ view }: { view: View }) {
  const { t } = useTranslation();
  return (
    <span className="row">
      <Hostile max={60}>{view.name}</Hostile>
      {!view.own && (
        <span className="secondary">
          <Hostile max={40}>{view.owner}</Hostile>
        </span>
      )}
      {view.own && view.shared && <Badge>{t('alerts.viewShared')}</Badge>}
    </span>
  );
}
