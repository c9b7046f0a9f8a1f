import type { Schema } from '../../api/types';

export type DriftRule = Schema<'DriftRuleBody'>;
export type DriftPolicyBody = Schema<'DriftPolicyBody'>;

export const DRIFT_ACTIONS = ['alert', 'ignore', 'block'] as const;
export type DriftAction = (typeof DRIFT_ACTIONS)[number];
export const KINDS = ['binaries', 'libraries', 'scripts'] as const;
export const PROVENANCES = [
  'copied',
  'modified',
  'package-manager',
  'written',
  'volume',
  'memfd',
  'deleted',
] as const;

export function newRule(names: string[], name: string): DriftRule {
  return {
    name: freeName(name, names),
    action: 'alert',
    enabled: true,
    scope: {},
    observe: false,
    nodes_percent: 100,
  };
}

/** A name that no rule has: with a number behind it if need be. */
export function freeName(wished: string, taken: string[]): string {
  if (!taken.includes(wished)) return wished;
  for (let number = 2; ; number += 1) {
    const name = `${wished} (${number})`;
    if (!taken.includes(name)) return name;
  }
}

/** A list with one entry at another place. */
export function moved<Entry>(list: Entry[], from: number, to: number): Entry[] {
  const entry = list[from];
  if (entry === undefined || from === to || to < 0 || to >= list.length) return list;
  const rest = list.filter((_, place) => place !== from);
  return [...rest.slice(0, to), entry, ...rest.slice(to)];
}
