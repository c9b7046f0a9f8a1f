import { CopyOutlined, DeleteOutlined, EditOutlined, HolderOutlined, LockOutlined } from '@ant-design/icons';
import {
  closestCenter,
  DndContext,
  KeyboardSensor,
  PointerSensor,
  useSensor,
  useSensors,
  type Announcements,
  type DragEndEvent,
} from '@dnd-kit/core';
import {
  SortableContext,
  sortableKeyboardCoordinates,
  useSortable,
  verticalListSortingStrategy,
} from '@dnd-kit/sortable';
import { CSS } from '@dnd-kit/utilities';
import { Popconfirm, Select, Switch } from 'antd';
import { useTranslation } from 'react-i18next';
import { useMay } from '../../app/session';
import { MAY } from '../../app/permissions';
import { Badge } from '../../ui/badges';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { ScopeSummary } from '../policy/ScopeSummary';
import { DRIFT_ACTIONS, moved, type DriftAction, type DriftPolicyBody, type DriftRule } from './rules';

interface Handlers {
  onReorder: (rules: DriftRule[]) => void;
  onEdit: (place: number, rule: DriftRule) => void;
  onDuplicate: (place: number, rule: DriftRule) => void;
  onToggle: (place: number, enabled: boolean) => void;
  onRemove: (place: number) => void;
  onDefaultAction: (action: DriftAction) => void;
}

/** Distance in pixels after which a press becomes a drag. */
const DRAG_DISTANCE = 6;

/** The rules in the order in which they are asked, and the default rule, which is always last. */
export function RuleList({ policy, ...handlers }: { policy: DriftPolicyBody } & Handlers) {
  const { t } = useTranslation();
  const may = useMay(MAY.writePolicies);
  const { rules } = policy;
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: DRAG_DISTANCE } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const placeOf = (name: string | number) => rules.findIndex((rule) => rule.name === name);
  const dropped = ({ active, over }: DragEndEvent) => {
    if (over) handlers.onReorder(moved(rules, placeOf(String(active.id)), placeOf(String(over.id))));
  };
  const tell = (
    key: 'lifted' | 'over' | 'dropped' | 'cancelled',
    name: string | number,
    over?: string | number,
  ) =>
    t(`reorder.${key}`, {
      name: String(name),
      place: (over === undefined ? placeOf(name) : placeOf(over)) + 1,
      count: rules.length,
    });
  const announcements: Announcements = {
    onDragStart: ({ active }) => tell('lifted', active.id),
    // Lifting a rule puts it over its own place: that would speak over the announcement of the lift.
    onDragOver: ({ active, over }) =>
      over ? tell(over.id === active.id ? 'lifted' : 'over', active.id, over.id) : undefined,
    onDragEnd: ({ active, over }) => tell('dropped', active.id, over?.id),
    onDragCancel: ({ active }) => tell('cancelled', active.id),
  };
  return (
    <>
      <DndContext
        sensors={sensors}
        collisionDetection={closestCenter}
        onDragEnd={dropped}
        accessibility={{ announcements, screenReaderInstructions: { draggable: t('keys.reorder') } }}
      >
        <SortableContext
          items={rules.map((rule) => rule.name)}
          strategy={verticalListSortingStrategy}
          disabled={!may}
        >
          <ol className="rules" aria-label={t('drift.rules')}>
            {rules.map((rule, place) => (
              <RuleRow key={rule.name} rule={rule} place={place} may={may} {...handlers} />
            ))}
          </ol>
        </SortableContext>
      </DndContext>
      <DefaultRule action={policy.default_action} may={may} onChange={handlers.onDefaultAction} />
    </>
  );
}

function RuleRow({
  rule,
  place,
  may,
  ...handlers
}: { rule: DriftRule; place: number; may: boolean } & Handlers) {
  const { t } = useTranslation();
  const { attributes, listeners, setNodeRef, setActivatorNodeRef, transform, transition, isDragging } =
    useSortable({
      id: rule.name,
    });
  const enabled = rule.enabled ?? true;
  return (
    <li
      ref={setNodeRef}
      className="rule"
      data-off={!enabled}
      data-dragging={isDragging}
      data-rule={rule.name}
      style={{ transform: CSS.Translate.toString(transform), transition }}
    >
      <button
        type="button"
        ref={setActivatorNodeRef}
        className="handle"
        {...attributes}
        {...listeners}
        disabled={!may}
        aria-label={t('drift.move', { name: rule.name, place: place + 1 })}
      >
        <HolderOutlined />
      </button>
      <span className="number">{place + 1}</span>
      <div>
        <div className="row">
          <span className="rule-name">
            <Hostile>{rule.name}</Hostile>
          </span>
          <ActionMark
            action={rule.action}
            observe={rule.observe ?? false}
            percent={rule.nodes_percent ?? 100}
          />
          {!enabled && <Badge>{t('drift.off')}</Badge>}
          {(rule.allow?.length ?? 0) > 0 && (
            <Badge>{t('drift.allowed', { count: rule.allow?.length ?? 0 })}</Badge>
          )}
          {rule.expires && <Badge tone="busy">{t('drift.until', { day: rule.expires })}</Badge>}
        </div>
        <ScopeSummary scope={rule.scope} />
      </div>
      <div className="row">
        <Switch
          checked={enabled}
          disabled={!may}
          aria-label={t('drift.enabled', { name: rule.name })}
          onChange={(on) => handlers.onToggle(place, on)}
        />
        <MayButton
          permission={MAY.writePolicies}
          icon={<EditOutlined />}
          aria-label={t('drift.editOne', { name: rule.name })}
          onClick={() => handlers.onEdit(place, rule)}
        />
        <MayButton
          permission={MAY.writePolicies}
          icon={<CopyOutlined />}
          aria-label={t('drift.duplicateOne', { name: rule.name })}
          onClick={() => handlers.onDuplicate(place, rule)}
        />
        <Popconfirm
          title={t('drift.removeSure', { name: rule.name })}
          okText={t('action.remove')}
          disabled={!may}
          onConfirm={() => handlers.onRemove(place)}
        >
          <MayButton
            permission={MAY.writePolicies}
            danger
            icon={<DeleteOutlined />}
            aria-label={t('drift.removeOne', { name: rule.name })}
          />
        </Popconfirm>
      </div>
    </li>
  );
}

/** What a rule does, with how far it does it. */
export function ActionMark({
  action,
  observe,
  percent,
}: {
  action: string;
  observe: boolean;
  percent: number;
}) {
  const { t } = useTranslation();
  return (
    <>
      <Badge tone={action === 'block' ? 'bad' : action === 'alert' ? 'busy' : 'neutral'}>
        {t(`policyAction.${action as DriftAction}`)}
      </Badge>
      {action === 'block' && observe && <Badge tone="busy">{t('blocking.observing')}</Badge>}
      {action === 'block' && percent < 100 && <Badge tone="busy">{t('blocking.share', { percent })}</Badge>}
    </>
  );
}

function DefaultRule({
  action,
  may,
  onChange,
}: {
  action: string;
  may: boolean;
  onChange: (action: DriftAction) => void;
}) {
  const { t } = useTranslation();
  return (
    <div className="rule" style={{ marginTop: 8 }}>
      <span className="handle">
        <LockOutlined aria-hidden />
      </span>
      <span className="number" aria-hidden>
        ∗
      </span>
      <div>
        <div className="rule-name">{t('drift.defaultRule')}</div>
        <span className="rule-scope">{t('drift.defaultAbout')}</span>
      </div>
      <Select
        aria-label={t('drift.defaultAction')}
        style={{ width: 150 }}
        disabled={!may}
        value={action as DriftAction}
        options={DRIFT_ACTIONS.map((value) => ({ value, label: t(`policyAction.${value}`) }))}
        onChange={onChange}
      />
    </div>
  );
}
