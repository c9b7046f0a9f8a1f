import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Graph, type GraphLink, type GraphPart } from '../../ui/Graph';
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
/** Distances in the picture: from a process to the next, and between what a process touched. */
const STEP = 180;
const SPREAD = 60;

/** The part of the picture, and the entry of the list, that the container is. */
const CONTAINER = 'container';
const processId = (at: number) => `process-${at}`;
const touchedId = (at: number) => `touched-${at}`;

/** From the container over the process's ancestors down to the process, and to what it touched: a picture, and as text. */
export function ProcessTree({ document }: { document: Schema<'AlertDocument'> }) {
  const { t } = useTranslation();
  const [picked, setPicked] = useState('');
  const { parts, links } = useMemo(() => pictureOf(document), [document]);
  const { process: program, container } = document;
  if (!program) return <Empty title={t('alert.noProcess')} />;
  const processes = <Branch line={lineOf(program)} from={0} touched={touchedBy(document)} picked={picked} />;
  return (
    <div className="panel">
      <Graph
        parts={parts}
        links={links}
        label={t('alert.processGraph', { count: parts.length })}
        mark={t('graphMark.current')}
        onPick={setPicked}
      />
      <ul className="tree" aria-label={t('alert.process')}>
        {container ? (
          <li>
            <Item id={CONTAINER} picked={picked}>
              {t('filterField.container')} <Hostile code>{container.name || container.id || ''}</Hostile>{' '}
              <span className="secondary">
                <Hostile>{container.image ?? ''}</Hostile>
              </span>
            </Item>
            <ul>{processes}</ul>
          </li>
        ) : (
          processes
        )}
      </ul>
    </div>
  );
}

function Branch({
  line,
  from,
  touched,
  picked,
}: {
  line: Program[];
  from: number;
  touched: Touched[];
  picked: string;
}) {
  const program = line[from];
  if (!program) return null;
  const last = from === line.length - 1;
  return (
    <li>
      <Process program={program} current={last} id={processId(from)} picked={picked} />
      {!last && (
        <ul>
          <Branch line={line} from={from + 1} touched={touched} picked={picked} />
        </ul>
      )}
      {last && touched.length > 0 && (
        <ul>
          {touched.map(({ act, name }, at) => (
            <li key={`${act} ${name}`}>
              <Item id={touchedId(at)} picked={picked}>
                <span className="badge">
                  <Hostile>{act}</Hostile>
                </span>{' '}
                <Hostile code wrap max={1000}>
                  {name}
                </Hostile>
              </Item>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

/** An entry of the list; it comes into view when it is picked in the picture. */
function Item({
  id,
  picked,
  current = false,
  children,
}: {
  id: string;
  picked: string;
  current?: boolean;
  children: React.ReactNode;
}) {
  const isPicked = id === picked;
  return (
    <div
      className="tree-item"
      data-current={current}
      data-picked={isPicked}
      ref={isPicked ? bringIntoView : null}
    >
      {children}
    </div>
  );
}

function bringIntoView(item: HTMLElement | null): void {
  item?.scrollIntoView({ block: 'nearest' });
}

function Process({
  program,
  current,
  id,
  picked,
}: {
  program: Program;
  current: boolean;
  id: string;
  picked: string;
}) {
  const { t } = useTranslation();
  return (
    <Item id={id} picked={picked} current={current}>
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
    </Item>
  );
}

/** A process below its ancestors, the oldest first. */
function lineOf(program: Program & { ancestors?: Program[] | null }): Program[] {
  return [...(program.ancestors ?? [])].reverse().concat(program);
}

/** The same as parts of a picture: a row from left to right, at whose end what the process touched fans out. */
export function pictureOf(document: Schema<'AlertDocument'>): { parts: GraphPart[]; links: GraphLink[] } {
  const { process: program, container } = document;
  const parts: GraphPart[] = [];
  const links: GraphLink[] = [];
  if (!program) return { parts, links };
  const add = (part: Omit<GraphPart, 'place'>, label = '') => {
    const before = parts.at(-1);
    if (before) links.push({ from: before.id, to: part.id, label });
    parts.push({ ...part, place: { x: parts.length * STEP, y: 0 } });
  };
  if (container) {
    const label = container.name || container.id || '';
    add({ id: CONTAINER, label, kind: 'container', marked: false });
  }
  const line = lineOf(program);
  line.forEach(({ exe, pid }, at) => {
    const name = (exe ?? '').split('/').at(-1);
    const label = `${name} (${pid ?? 0})`;
    add({ id: processId(at), label, kind: 'process', marked: at === line.length - 1 });
  });
  const touched = touchedBy(document);
  const x = parts.length * STEP;
  const from = processId(line.length - 1);
  touched.forEach(({ act, name }, at) => {
    const y = (at - (touched.length - 1) / 2) * SPREAD;
    const isPeer = /^[^/]*:\d+/.test(name);
    const id = touchedId(at);
    parts.push({ id, label: name, kind: isPeer ? 'peer' : 'file', marked: false, place: { x, y } });
    links.push({ from, to: id, label: act });
  });
  return { parts, links };
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
