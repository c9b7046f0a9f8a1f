import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Drawer } from 'antd';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { MAY } from '../../app/permissions';
import { Facts } from '../../ui/Facts';
import { MayButton } from '../../ui/MayButton';
import { ProblemNotice, QueryView } from '../../ui/states';
import { Simulation } from '../policy/Simulation';

/** Lets a drifted program run: the narrowest entry, with its effect, before anything is saved. */
export function AllowDrawer({ alert, onClose }: { alert: string; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const proposal = useQuery({
    queryKey: ['drift-allow-proposal', alert],
    staleTime: 0,
    queryFn: () =>
      take(api.GET('/api/v1/alerts/{id}/drift-allow-proposal', { params: { path: { id: alert } } })),
  });
  const save = useMutation({
    mutationFn: async () => {
      if (!proposal.data) return;
      await take(
        api.PUT('/api/v1/drift-policy', {
          params: { header: { 'If-Match': proposal.data.etag } },
          body: {
            policy: proposal.data.policy,
            comment: t('allow.comment', { alert }),
            accept_warnings: true,
          },
        }),
      );
    },
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['drift-policy'] });
      message.success(t('allow.done'));
      onClose();
    },
  });
  return (
    <Drawer
      open
      size={640}
      onClose={onClose}
      title={t('alert.allow')}
      footer={
        <div className="row">
          <MayButton
            permission={MAY.writePolicies}
            type="primary"
            loading={save.isPending}
            disabled={!proposal.data}
            onClick={() => save.mutate()}
          >
            {t('allow.save')}
          </MayButton>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
        </div>
      }
    >
      <ProblemNotice error={save.error} />
      <QueryView query={proposal}>
        {(data) => (
          <div className="stack">
            <p>
              {data.rule_index == null
                ? t('allow.newRule', { rule: data.rule })
                : t('allow.entry', { rule: data.rule })}
            </p>
            <Facts
              facts={[
                [t('drift.allowProcess'), data.entry.process],
                [t('drift.allowParent'), data.entry.parent ?? ''],
                [t('drift.allowAncestor'), data.entry.ancestor ?? ''],
                [t('drift.reason'), data.entry.reason ?? ''],
              ]}
            />
            <Simulation result={data.effect} />
          </div>
        )}
      </QueryView>
    </Drawer>
  );
}
