import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Facts, type Fact } from '../../ui/Facts';
import { Hostile } from '../../ui/Hostile';
import { Empty } from '../../ui/states';
import { Time } from '../../ui/Time';
import { commandLine } from './ProcessTree';

/** What was seen: the file, what it was kept from, and the events, in order. */
export function Evidence({ document }: { document: Schema<'AlertDocument'> }) {
  const { t } = useTranslation();
  const { drift, scan, denial, detection } = document;
  const events = detection?.events ?? [];
  if (!drift && !scan && !denial && events.length === 0) return <Empty title={t('alert.noEvidence')} />;
  return (
    <div className="stack">
      {drift && <Drift drift={drift} />}
      {scan && <Scan scan={scan} />}
      {denial && (
        <Section title={t('alert.denial')}>
          <Facts
            facts={[
              [t('alert.outcome'), denial.outcome ?? ''],
              [t('alert.means'), denial.means ?? ''],
              [t('alert.behaviour'), [denial.dimension, denial.behaviour].filter(Boolean).join(' / ')],
              [t('alert.exe'), denial.exe ?? ''],
              [t('alert.file'), denial.file ?? ''],
              [t('alert.target'), denial.target ?? ''],
            ]}
          />
        </Section>
      )}
      {events.length > 0 && <Events events={events} />}
    </div>
  );
}

function Drift({ drift }: { drift: Schema<'AlertDrift'> }) {
  const { t } = useTranslation();
  return (
    <Section title={t('alert.drift')}>
      <Facts
        facts={[
          [t('alert.file'), drift.path ?? ''],
          [t('alert.vector'), (drift.vectors ?? []).join(', ')],
          [t('alert.kind'), drift.kind ?? ''],
          [t('alert.provenance'), drift.provenance ?? ''],
          [t('alert.layer'), drift.layer ?? ''],
          [t('alert.inode'), drift.file ? `${drift.file.device ?? 0}:${drift.file.inode ?? 0}` : ''],
          [t('alert.size'), t('alert.bytes', { count: drift.size ?? 0 })],
          [t('alert.sha256'), drift.sha256 ?? drift.sha256_missing ?? ''],
          [t('alert.imagePath'), drift.image_path ?? ''],
          ...writer(t('alert.writtenBy'), drift.written_by ?? null),
        ]}
      />
    </Section>
  );
}

function Scan({ scan }: { scan: Schema<'AlertScan'> }) {
  const { t } = useTranslation();
  return (
    <Section title={t('alert.scan')}>
      <Facts
        facts={[
          [t('alert.file'), scan.path ?? ''],
          [t('alert.family'), scan.family ?? ''],
          [t('alert.score'), String(scan.score ?? 0)],
          [t('alert.engine'), [scan.engine, scan.scan_rule].filter(Boolean).join(': ')],
          [t('alert.reason'), scan.reason ?? ''],
          [t('alert.size'), t('alert.bytes', { count: scan.size ?? 0 })],
          [t('alert.sha256'), scan.sha256 ?? ''],
          [t('alert.fuzzy'), scan.tlsh ?? ''],
          [t('alert.reasons'), (scan.reasons ?? []).join('\n')],
          ...writer(t('alert.writtenBy'), scan.written_by ?? null),
          ...(scan.run_by ?? []).flatMap((program) => writer(t('alert.runBy'), program)).slice(0, 1),
        ]}
      />
    </Section>
  );
}

function writer(label: string, program: Schema<'AlertProgram'> | null): Fact[] {
  if (!program) return [];
  const line = `${program.exe ?? ''} — ${commandLine(program.argv ?? [])} (${program.pid ?? 0}) ${program.time ?? ''}`;
  return [[label, line]];
}

function Events({ events }: { events: Schema<'AlertEvent'>[] }) {
  const { t } = useTranslation();
  return (
    <Section title={t('alert.events')}>
      <ol className="timeline">
        {events.map((event, index) => (
          <li key={index}>
            {event.time ? <Time at={event.time} /> : <span />}
            <div>
              <strong>
                <Hostile>{event.kind ?? ''}</Hostile>
              </strong>{' '}
              {event.step && (
                <span className="badge">
                  <Hostile>{event.step}</Hostile>
                </span>
              )}
              <Facts facts={Object.entries(event.facts ?? {})} />
            </div>
          </li>
        ))}
      </ol>
    </Section>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="panel">
      <h2>{title}</h2>
      {children}
    </section>
  );
}
