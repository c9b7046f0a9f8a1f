import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';

export type DefenceRule = Schema<'DefenceRuleBody'>;
export type ImageRule = Schema<'ImageRuleBody'>;
export type DefencePolicyBody = Schema<'DefencePolicyBody'>;
export type Cover = Schema<'CoverBody'>;

export const DIMENSIONS = ['process', 'file', 'syscall'] as const;
export type Dimension = (typeof DIMENSIONS)[number];
export const COVER_MODES = ['none', 'all', 'only', 'except'] as const;
export type CoverMode = (typeof COVER_MODES)[number];

/** A behaviour that rules can name, as the center lists it. */
export type Behaviour = Schema<'BehaviourBody'>;

/** The behaviours that rules can name. They are the center's: it may know more than this console has words for. */
export function useBehaviours(): Behaviour[] {
  const { data } = useQuery({
    queryKey: ['behaviours'],
    staleTime: Infinity,
    queryFn: () => take(api.GET('/api/v1/defence-rules/behaviours')),
  });
  return data?.items ?? [];
}

/** A function that says what a behaviour is: in the viewer's language, or in the center's words where there are none. */
export function useBehaviourLabel(): (behaviour: Behaviour) => string {
  const { t, i18n } = useTranslation();
  return ({ name, covers }) =>
    i18n.exists(`behaviour.${name}`) ? t(`behaviour.${name as 'mount'}`) : `${name}: ${covers}`;
}

export function newDefenceRule(name: string): DefenceRule {
  return {
    name,
    action: 'block',
    enabled: true,
    observe: true,
    nodes_percent: 100,
    scope: {},
    process: { mode: 'all', behaviours: [] },
    file: { mode: 'all', behaviours: [] },
    syscall: { mode: 'none', behaviours: [] },
    allow: [],
  };
}

export function newImageRule(name: string): ImageRule {
  return { name, action: 'alert', enabled: true, scope: {}, scan_older_than: '30d' };
}

/** The behaviours of a dimension that its cover holds. */
export function coveredOf(cover: Cover, dimension: Dimension, behaviours: Behaviour[]): Behaviour[] {
  const named = new Set(cover.behaviours ?? []);
  const all = behaviours.filter((one) => one.dimension === dimension);
  if (cover.mode === 'all') return all;
  if (cover.mode === 'only') return all.filter((one) => named.has(one.name));
  if (cover.mode === 'except') return all.filter((one) => !named.has(one.name));
  return [];
}
