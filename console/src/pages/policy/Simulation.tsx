import { Alert, Table } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Schema } from '../../api/types';
import { Hostile } from '../../ui/Hostile';

/** What history would have looked like under a changed policy. */
export function Simulation({ result }: { result: Schema<'SimulationResult'> }) {
  const { t } = useTranslation();
  return (
    <section className="stack" aria-label={t('simulation.title')}>
      <div className="grid-4">
        <Figure label={t('simulation.examined')} value={result.examined} />
        <Figure label={t('simulation.vanish')} value={result.vanish} />
        <Figure label={t('simulation.appear')} value={result.appear} />
        <Figure label={t('simulation.newlyBlocked')} value={result.newly_blocked} />
      </div>
      {result.truncated && <Alert type="info" showIcon title={t('simulation.truncated')} />}
      {result.rules.length > 0 && (
        <Table
          size="small"
          rowKey="rule"
          pagination={false}
          dataSource={result.rules}
          scroll={{ x: 480 }}
          columns={[
            { title: t('filterField.rule'), render: (_, rule) => <Hostile wrap>{rule.rule}</Hostile> },
            { title: t('simulation.before'), dataIndex: 'before', align: 'right' },
            { title: t('simulation.after'), dataIndex: 'after', align: 'right' },
            { title: t('simulation.vanish'), dataIndex: 'vanish', align: 'right' },
            { title: t('simulation.appear'), dataIndex: 'appear', align: 'right' },
            { title: t('simulation.newlyBlocked'), dataIndex: 'newly_blocked', align: 'right' },
          ]}
        />
      )}
      {result.sample.length > 0 && (
        <ul className="plain-list">
          {result.sample.map((one, index) => (
            <li key={`${one.alert}-${index}`}>
              <Link to={`/alerts/${one.alert}`}>
                <Hostile max={120}>{one.title}</Hostile>
              </Link>
              : <Hostile>{one.before}</Hostile> → <Hostile>{one.after}</Hostile>
            </li>
          ))}
        </ul>
      )}
      {result.limits.map((limit, index) => (
        <p key={index} className="secondary">
          <Hostile wrap>{limit}</Hostile>
        </p>
      ))}
    </section>
  );
}

function Figure({ label, value }: { label: string; value: number }) {
  return (
    <div>
      <div className="figure-large">{value.toLocaleString()}</div>
      <div className="secondary">{label}</div>
    </div>
  );
}
