import { CopyOutlined, DeleteOutlined, EditOutlined } from '@ant-design/icons';
import { Popconfirm, Switch } from 'antd';
import { useTranslation } from 'react-i18next';
import { MAY } from '../../app/permissions';
import { useMay } from '../../app/session';
import { Badge } from '../../ui/badges';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { ScopeSummary } from '../policy/ScopeSummary';
import { coveredOf, DIMENSIONS, useBehaviours, type DefenceRule, type ImageRule } from './behaviours';

/** A defence rule or a rule on images, in the list. */
export function RuleCard({
  rule,
  onEdit,
  onToggle,
  onDuplicate,
  onRemove,
}: {
  rule: DefenceRule | ImageRule;
  onEdit: () => void;
  onToggle: (enabled: boolean) => void;
  onDuplicate: () => void;
  onRemove: () => void;
}) {
  const { t } = useTranslation();
  const may = useMay(MAY.writePolicies);
  const enabled = rule.enabled ?? true;
  const { name } = rule;
  return (
    <li className="rule rule-unordered" data-off={!enabled}>
      <div>
        <div className="row">
          <span className="rule-name">
            <Hostile>{name}</Hostile>
          </span>
          <Badge tone={rule.action === 'block' ? 'bad' : rule.action === 'alert' ? 'busy' : 'good'}>
            {t(`defenceAction.${rule.action as 'alert' | 'block' | 'allow'}`)}
          </Badge>
          {'observe' in rule && rule.observe && rule.action === 'block' && (
            <Badge tone="busy">{t('blocking.observing')}</Badge>
          )}
          {'nodes_percent' in rule && rule.action === 'block' && (rule.nodes_percent ?? 100) < 100 && (
            <Badge tone="busy">{t('blocking.share', { percent: rule.nodes_percent ?? 100 })}</Badge>
          )}
          {!enabled && <Badge>{t('drift.off')}</Badge>}
          {rule.expires && <Badge tone="busy">{t('drift.until', { day: rule.expires })}</Badge>}
        </div>
        <ScopeSummary scope={rule.scope} />
        {'process' in rule ? <Covered rule={rule} /> : <Criteria rule={rule} />}
      </div>
      <div className="row">
        <Switch
          checked={enabled}
          disabled={!may}
          aria-label={t('drift.enabled', { name })}
          onChange={onToggle}
        />
        <MayButton
          permission={MAY.writePolicies}
          icon={<EditOutlined />}
          aria-label={t('drift.editOne', { name })}
          onClick={onEdit}
        />
        <MayButton
          permission={MAY.writePolicies}
          icon={<CopyOutlined />}
          aria-label={t('drift.duplicateOne', { name })}
          onClick={onDuplicate}
        />
        <Popconfirm
          title={t('drift.removeSure', { name })}
          okText={t('action.remove')}
          disabled={!may}
          onConfirm={onRemove}
        >
          <MayButton
            permission={MAY.writePolicies}
            danger
            icon={<DeleteOutlined />}
            aria-label={t('drift.removeOne', { name })}
          />
        </Popconfirm>
      </div>
    </li>
  );
}

function Covered({ rule }: { rule: DefenceRule }) {
  const { t } = useTranslation();
  const behaviours = useBehaviours();
  return (
    <div className="row secondary">
      {DIMENSIONS.map((dimension) => (
        <span key={dimension}>
          {t(`dimension.${dimension}`)}: {coveredOf(rule[dimension], dimension, behaviours).length}
        </span>
      ))}
      <span>{t('defence.allowCount', { count: rule.allow?.length ?? 0 })}</span>
    </div>
  );
}

function Criteria({ rule }: { rule: ImageRule }) {
  const { t } = useTranslation();
  const parts = [
    ...(rule.images ?? []),
    ...(rule.digests ?? []),
    ...(rule.scan_older_than ? [t('defence.olderThan', { age: rule.scan_older_than })] : []),
  ];
  return (
    <div className="secondary">
      <Hostile wrap max={300}>
        {parts.join(' · ')}
      </Hostile>
    </div>
  );
}
