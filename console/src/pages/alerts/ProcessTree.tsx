import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Hostile } from '../../ui/Hostile';
import { Empty } from '../../ui/states';
import { Time } from '../../ui/Time';

type Program = Schema<'AlertProgram'>;

/** What a process did something with. */
interface Touched {
  act: string;
  name: string;
}

/** Objects shown at most: a picture of more is none. */
const TOUCHED_MAX = 20;
/** Facts of an event that name what it was about, in the order of preference. */
const OBJECT_FACTS = ['fs.path.target', 'fs.path.name', 'fd.name', 'evt.arg.path'] as const;

/** From the container over the process's ancestors down to the process, and to what it touched. */
export function ProcessTree({ document }: { document: Schema<'AlertDocument'> }) {
  const { t } = useTranslation();
  const { process: program, container } = document;
  if (!program) return <Empty title={t('alert.noProcess')} />;
  const line = [...(program.ancestors ?? [])].reverse();
  const processes = <Branch line={[...line, program]} touched={touchedBy(document)} />;
  return (
    <div className="panel">
      <ul className="tree" aria-label={t('alert.process')}>
        {container ? (
          <li>
            <div className="tree-item">
              {t('filterField.container')} <Hostile code>{container.name || container.id || ''}</Hostile>{' '}
              <span className="secondary">
                <Hostile>{container.image ?? ''}</Hostile>
              </span>
            </div>
            <ul>{processes}</ul>
          </li>
        ) : (
          processes
        )}
      </ul>
    </div>
  );
}

function Branch({ line, touched }: { line: Program[]; touched: Touched[] }) {
  const [first, ...rest] = line;
  if (!first) return null;
  const last = rest.length === 0;
  return (
    <li>
      <Process program={first} current={last} />
      {!last && (
        <ul>
          <Branch line={rest} touched={touched} />
        </ul>
      )}
      {last && touched.length > 0 && (
        <ul>
          {touched.map(({ act, name }) => (
            <li key={`${act} ${name}`}>
              <div className="tree-item">
                <span className="badge">
                  <Hostile>{act}</Hostile>
                </span>{' '}
                <Hostile code wrap max={1000}>
                  {name}
                </Hostile>
              </div>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

function Process({ program, current }: { program: Program; current: boolean }) {
  const { t } = useTranslation();
  return (
    <div className="tree-item" data-current={current}>
      {current && <strong>{t('alert.thisProcess')} </strong>}
      <Hostile code wrap>
        {program.exe ?? ''}
      </Hostile>{' '}
      <span className="secondary">
        {t('alert.pid', { pid: program.pid ?? 0 })} ·{' '}
        {program.user ?? t('alert.uid', { uid: program.uid ?? 0 })}
        {program.start_time && (
          <>
            {' · '}
            <Time at={program.start_time} />
          </>
        )}
      </span>
      <div>
        <Hostile code wrap max={1000}>
          {commandLine(program.argv ?? [])}
        </Hostile>
        {program.argv_truncated && <span className="secondary"> {t('alert.argvTruncated')}</span>}
      </div>
    </div>
  );
}

/** What the process did something with, each object once, in the order in which it was seen. */
export function touchedBy({ detection, drift, denial }: Schema<'AlertDocument'>): Touched[] {
  const touched: Touched[] = (detection?.events ?? []).flatMap((event) => {
    const facts: Record<string, string | undefined> = event.facts ?? {};
    const name = OBJECT_FACTS.map((field) => facts[field]).find((value) => value);
    return name ? [{ act: event.kind ?? '', name }] : [];
  });
  if (drift?.path) touched.push({ act: 'exec', name: drift.path });
  const kept = denial?.target ?? denial?.file;
  if (kept) touched.push({ act: denial?.behaviour ?? '', name: kept });
  const seen = new Map(touched.map((one) => [`${one.act} ${one.name}`, one]));
  return [...seen.values()].slice(0, TOUCHED_MAX);
}

/** Arguments as a shell would take them: those with spaces in quotes. */
export function commandLine(argv: string[]): string {
  return argv.map((one) => (/^[^\s'"]+$/.test(one) ? one : `'${one.replaceAll("'", "'\\''")}'`)).join(' ');
}
