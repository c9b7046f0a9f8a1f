import { describe, expect, it } from 'vitest';
import type { Schema } from '../../api/types';
import { touchedBy } from './ProcessTree';

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
