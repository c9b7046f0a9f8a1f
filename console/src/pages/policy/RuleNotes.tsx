import { Input } from 'antd';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { DayField, dayOf } from '../../ui/DayField';

interface Notes {
  owner?: string | null;
  reason?: string | null;
  expires?: string | null;
}

/** Who answers for a rule, why it is there, and until when. */
export function RuleNotes({ notes, onChange }: { notes: Notes; onChange: (notes: Notes) => void }) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <>
      <div className="grid-2">
        <div className="field">
          <label htmlFor={`${id}-owner`}>{t('drift.owner')}</label>
          <Input
            id={`${id}-owner`}
            value={notes.owner ?? ''}
            onChange={(event) => onChange({ owner: event.target.value || undefined })}
          />
        </div>
        {/* Policies keep a plain date, which counts to its end in UTC. */}
        <DayField
          label={t('drift.expires')}
          value={
            notes.expires && notes.expires.length === 10 ? `${notes.expires}T00:00:00` : (notes.expires ?? '')
          }
          onChange={(value) => onChange({ expires: value ? dayOf(value) : undefined })}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-reason`}>{t('drift.reason')}</label>
        <Input.TextArea
          id={`${id}-reason`}
          rows={2}
          value={notes.reason ?? ''}
          onChange={(event) => onChange({ reason: event.target.value || undefined })}
        />
      </div>
    </>
  );
}
