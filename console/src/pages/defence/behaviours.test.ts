import { describe, expect, it } from 'vitest';
import { coveredOf, type Behaviour } from './behaviours';

const BEHAVIOURS: Behaviour[] = [
  { name: 'namespace-entry', dimension: 'process', covers: '' },
  { name: 'mount', dimension: 'syscall', covers: '' },
  { name: 'bpf', dimension: 'syscall', covers: '' },
];

describe('behaviours', () => {
  it('are covered as the mode says, within the dimension', () => {
    const covered = (mode: string, named: string[] = []) =>
      coveredOf({ mode, behaviours: named }, 'syscall', BEHAVIOURS).map(({ name }) => name);
    expect(covered('none')).toEqual([]);
    expect(covered('all')).toEqual(['mount', 'bpf']);
    expect(covered('only', ['mount', 'unknown', 'namespace-entry'])).toEqual(['mount']);
    expect(covered('except', ['mount'])).toEqual(['bpf']);
  });
});
