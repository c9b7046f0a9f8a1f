import { Tabs } from 'antd';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { MAY } from '../../app/permissions';
import { Page } from '../../ui/Page';
import { AuditWebhooks } from './AuditWebhooks';
import { Enrolment } from './Enrolment';
import { Outputs } from './Outputs';

/** What the center is connected to: where alerts go, and where sensors and audit events come from. */
export function Integrations() {
  const { t } = useTranslation();
  const [parameters, setParameters] = useSearchParams();
  return (
    <Page title={t('nav.integrations')} about={t('integrations.about')} permission={MAY.writeOutputs}>
      <Tabs
        activeKey={parameters.get('tab') ?? 'outputs'}
        onChange={(tab) => setParameters({ tab }, { replace: true })}
        items={[
          { key: 'outputs', label: t('integrations.outputs'), children: <Outputs /> },
          { key: 'enrolment', label: t('integrations.enrolment'), children: <Enrolment /> },
          { key: 'audit', label: t('integrations.audit'), children: <AuditWebhooks /> },
        ]}
      />
    </Page>
  );
}
