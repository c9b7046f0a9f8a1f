import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Input, Select, Switch, Table } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { api, take } from '../../api/client';
import type { Category, Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { useMay } from '../../app/session';
import { Badge, SeverityBadge } from '../../ui/badges';
import { Facts } from '../../ui/Facts';
import { Hostile } from '../../ui/Hostile';
import { Page } from '../../ui/Page';
import { QueryView } from '../../ui/states';
import { Ago } from '../../ui/Time';

type Item = Schema<'CatalogueItem'>;
type Rule = Schema<'DetectionRuleBody'>;

const CATEGORIES: Category[] = [
  'k8s',
  'network',
  'malware',
  'webshell',
  'process',
  'escape',
  'drift',
  'custom',
];

/** Everything that is looked for, with the rules that look for it. */
export function Catalogue() {
  const { t } = useTranslation();
  const [parameters, setParameters] = useSearchParams();
  const q = parameters.get('q') ?? '';
  const category = parameters.get('category') ?? '';
  const query = useQuery({ queryKey: ['catalogue'], queryFn: () => take(api.GET('/api/v1/catalogue')) });
  const set = (name: string, value: string) => {
    const fresh = new URLSearchParams(parameters);
    if (value) fresh.set(name, value);
    else fresh.delete(name);
    setParameters(fresh, { replace: true });
  };
  return (
    <Page
      title={t('nav.catalogue')}
      about={t('catalogue.about')}
      permission={MAY.writeCatalogue}
      actions={<Link to="/own-rules">{t('catalogue.ownRules')}</Link>}
    >
      <search className="filters">
        <Input.Search
          allowClear
          style={{ width: 320 }}
          aria-label={t('catalogue.search')}
          placeholder={t('catalogue.search')}
          defaultValue={q}
          onSearch={(value) => set('q', value)}
        />
        <Select
          allowClear
          style={{ width: 200 }}
          aria-label={t('alerts.category')}
          placeholder={t('alerts.category')}
          value={category || undefined}
          options={CATEGORIES.map((value) => ({ value: value, label: t(`category.${value}`) }))}
          onChange={(value: string | undefined) => set('category', value ?? '')}
        />
      </search>
      <QueryView query={query}>
        {(data) => (
          <>
            <Items items={data.items.filter((item) => fits(item, q, category))} />
            <h2 className="panel-title">{t('catalogue.otherRules')}</h2>
            <Rules rules={data.other_rules.filter((rule) => !q || ruleFits(rule, q))} />
          </>
        )}
      </QueryView>
    </Page>
  );
}

function fits(item: Item, q: string, category: string): boolean {
  if (category && item.category !== category) return false;
  if (!q) return true;
  const words = q.toLowerCase();
  return (
    [item.key, item.label_en, item.label_ja].some((text) => text.toLowerCase().includes(words)) ||
    item.rules.some((rule) => ruleFits(rule, q))
  );
}

function ruleFits(rule: Rule, q: string): boolean {
  const words = q.toLowerCase();
  return rule.name.toLowerCase().includes(words) || rule.description.toLowerCase().includes(words);
}

function Items({ items }: { items: Item[] }) {
  const { t, i18n } = useTranslation();
  return (
    <Table<Item>
      rowKey="key"
      size="small"
      dataSource={items}
      pagination={{ pageSize: 60, hideOnSinglePage: true }}
      scroll={{ x: 1000 }}
      expandable={{ expandedRowRender: (item) => <Rules rules={item.rules} /> }}
      columns={[
        {
          title: t('alerts.severity'),
          width: 130,
          render: (_, item) => <SeverityBadge severity={item.severity} />,
        },
        {
          title: t('filterField.key'),
          render: (_, item) => (
            <>
              <div>{i18n.language === 'ja' ? item.label_ja : item.label_en}</div>
              <code className="secondary">{item.key}</code>
            </>
          ),
        },
        { title: t('alerts.category'), width: 150, render: (_, item) => t(`category.${item.category}`) },
        {
          title: t('catalogue.state'),
          width: 110,
          render: (_, item) =>
            item.enabled ? (
              <Badge tone="good">{t('catalogue.on')}</Badge>
            ) : (
              <Badge tone="bad">{t('catalogue.off')}</Badge>
            ),
        },
        { title: t('catalogue.rules'), width: 80, align: 'right', render: (_, item) => item.rules.length },
        {
          title: t('catalogue.tests'),
          width: 80,
          align: 'right',
          render: (_, item) => item.rules.reduce((sum, rule) => sum + rule.tests, 0),
        },
        {
          title: t('catalogue.hits'),
          width: 90,
          align: 'right',
          render: (_, item) => (
            <Link to={`/alerts?status=all&key=${item.key}`}>{item.hits.toLocaleString()}</Link>
          ),
        },
        {
          title: t('alerts.lastTime'),
          width: 120,
          render: (_, item) => (item.last_seen ? <Ago at={item.last_seen} /> : '—'),
        },
        { title: t('catalogue.sources'), width: 180, render: (_, item) => item.sources.join(', ') },
      ]}
    />
  );
}

function Rules({ rules }: { rules: Rule[] }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const may = useMay(MAY.writeCatalogue);
  const toggle = useMutation({
    mutationFn: ({ name, enabled }: { name: string; enabled: boolean }) =>
      take(
        api.PUT('/api/v1/catalogue/rules/{name}/switch', { params: { path: { name } }, body: { enabled } }),
      ),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['catalogue'] }),
    onError: (error) => message.error(error.message),
  });
  return (
    <Table<Rule>
      rowKey="name"
      size="small"
      dataSource={rules}
      pagination={{ hideOnSinglePage: true }}
      locale={{ emptyText: t('catalogue.noRules') }}
      scroll={{ x: 700 }}
      expandable={{ expandedRowRender: (rule) => <RuleDetail rule={rule} /> }}
      columns={[
        {
          title: t('catalogue.on'),
          width: 80,
          render: (_, rule) => (
            <Switch
              size="small"
              aria-label={t('drift.enabled', { name: rule.name })}
              checked={rule.enabled}
              disabled={!may}
              onChange={(enabled) => toggle.mutate({ name: rule.name, enabled })}
            />
          ),
        },
        {
          title: t('filterField.rule'),
          render: (_, rule) => (
            <>
              <Hostile wrap>{rule.name}</Hostile> {rule.own && <Badge>{t('catalogue.own')}</Badge>}
            </>
          ),
        },
        {
          title: t('alerts.severity'),
          width: 130,
          render: (_, rule) => <SeverityBadge severity={rule.severity} />,
        },
        { title: t('alert.source'), width: 110, dataIndex: 'source' },
        {
          title: t('catalogue.hits'),
          width: 90,
          align: 'right',
          render: (_, rule) => rule.hits.toLocaleString(),
        },
        {
          title: t('alerts.lastTime'),
          width: 120,
          render: (_, rule) => (rule.last_seen ? <Ago at={rule.last_seen} /> : '—'),
        },
      ]}
    />
  );
}

function RuleDetail({ rule }: { rule: Rule }) {
  const { t } = useTranslation();
  return (
    <Facts
      facts={[
        [t('catalogue.description'), rule.description],
        [t('catalogue.why'), rule.reason],
        [t('alert.remedy'), rule.remedy],
        [
          t('catalogue.condition'),
          <Hostile key="condition" code wrap>
            {rule.condition}
          </Hostile>,
        ],
        [t('alert.techniques'), rule.techniques.join(', ')],
        [t('alert.tags'), rule.tags.join(', ')],
        [t('catalogue.exceptions'), rule.exceptions.join(', ')],
        [t('catalogue.tests'), String(rule.tests)],
        [
          t('catalogue.exceptionHow'),
          <Link key="own" to={`/own-rules?${new URLSearchParams({ except: rule.name }).toString()}`}>
            {t('catalogue.addException')}
          </Link>,
        ],
      ]}
    />
  );
}
