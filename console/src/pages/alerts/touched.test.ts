import { describe, expect, it } from 'vitest';
import type { Schema } from '../../api/types';
import { pictureOf, touchedBy } from './ProcessTree';

function document(part: Partial<Schema<'AlertDocument'>>): Schema<'AlertDocument'> {
  return { explanation: '', gaps: [], remedy: '', techniques: [], ...part };
}

describe('what a process touched', () => {
  it('is told once for each object, by the most telling fact', () => {
    const events = [
      { kind: 'openat', facts: { 'fd.name': '/etc/ld.so.preload' } },
      { kind: 'openat', facts: { 'fd.name': '/etc/ld.so.preload', 'proc.name': 'sh' } },
      { kind: 'rename', facts: { 'fd.name': '/tmp/a', 'fs.path.target': '/etc/cron.d/a' } },
      { kind: 'fork', facts: { 'proc.name': 'sh' } },
    ] as Schema<'AlertEvent'>[];
    const detection = { events } as Schema<'AlertDetection'>;
    expect(touchedBy(document({ detection }))).toEqual([
      { act: 'openat', name: '/etc/ld.so.preload' },
      { act: 'rename', name: '/etc/cron.d/a' },
    ]);
  });

  it('is a bounded list', () => {
    const events = Array.from({ length: 500 }, (_, index) => ({
      kind: 'openat',
      facts: { 'fd.name': `/tmp/${index}` },
    })) as Schema<'AlertEvent'>[];
    expect(touchedBy(document({ detection: { events } }))).toHaveLength(20);
  });
});

describe('the picture of a process', () => {
  it('is a row from the container to the process, and a fan of what it touched', () => {
    const process = {
      pid: 7,
      exe: '/tmp/x',
      ancestors: [
        { pid: 6, exe: '/bin/sh' },
        { pid: 1, exe: '/sbin/init' },
      ],
    } as Schema<'AlertDocument'>['process'];
    const events = [
      { kind: 'openat', facts: { 'fd.name': '/etc/shadow' } },
      { kind: 'connect', facts: { 'fd.name': '10.0.0.2:40000->192.0.2.7:443' } },
    ] as Schema<'AlertEvent'>[];
    const { parts, links } = pictureOf(
      document({
        process,
        container: { name: 'web' },
        detection: { events },
      }),
    );
    expect(parts.map(({ label, kind, marked }) => [label, kind, marked])).toEqual([
      ['web', 'container', false],
      ['init (1)', 'process', false],
      ['sh (6)', 'process', false],
      ['x (7)', 'process', true],
      ['/etc/shadow', 'file', false],
      ['10.0.0.2:40000->192.0.2.7:443', 'peer', false],
    ]);
    expect(links.map(({ from, to, label }) => [from, to, label])).toEqual([
      ['container', 'process-0', ''],
      ['process-0', 'process-1', ''],
      ['process-1', 'process-2', ''],
      ['process-2', 'touched-0', 'openat'],
      ['process-2', 'touched-1', 'connect'],
    ]);
    expect(new Set(parts.map(({ place }) => `${place?.x} ${place?.y}`)).size).toBe(parts.length);
  });

  it('is empty without a process', () => {
    expect(pictureOf(document({}))).toEqual({ parts: [], links: [] });
  });
});
