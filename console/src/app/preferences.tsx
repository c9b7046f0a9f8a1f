import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App } from 'antd';
import { createContext, use, useEffect, useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../api/client';
import { changeLanguage, languageNamed, type Language } from '../i18n';
import { appearanceNamed, useAppearance, type AppearanceChoice } from './theme';

/** What a user chooses for the whole console, by the names under which the center keeps it. */
export interface Chosen {
  language?: Language;
  theme?: AppearanceChoice;
}

interface ChoosingContext {
  choose: (fresh: Chosen) => void;
  /** Chosen, and not kept by the center yet: before log-in there is nobody to keep it for. */
  unkept: Chosen | null;
  /** What was chosen up to then is kept. */
  kept: (chosen: Chosen) => void;
}

const Context = createContext<ChoosingContext | null>(null);

function useChoosing(): ChoosingContext {
  const context = use(Context);
  if (!context) throw new Error('useChoosing outside Choosing');
  return context;
}

/** Changes what the user chooses, at once here; the center keeps it for every other browser. */
export function useChoose(): (fresh: Chosen) => void {
  return useChoosing().choose;
}

/** Lets language and theme be chosen below it, whether somebody is logged in or not. */
export function Choosing({ children }: { children: ReactNode }) {
  const { show } = useAppearance();
  const [unkept, setUnkept] = useState<Chosen | null>(null);
  const context = useMemo(
    () => ({
      unkept,
      choose: (fresh: Chosen) => {
        display(fresh, show);
        setUnkept((before) => ({ ...before, ...fresh }));
      },
      kept: (chosen: Chosen) => setUnkept((before) => (before === chosen ? null : before)),
    }),
    [unkept, show],
  );
  return <Context value={context}>{children}</Context>;
}

const KEY = ['preferences'];

/** Takes over what the center keeps for whoever is logged in, and gives it what they choose. */
export function KeepChoices() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const { show } = useAppearance();
  const { unkept, kept } = useChoosing();
  const { data } = useQuery({
    queryKey: KEY,
    staleTime: Infinity,
    queryFn: () => take(api.GET('/api/v1/me/preferences')),
  });
  const { mutate } = useMutation({
    mutationFn: async (fresh: Chosen) => {
      // All preferences are saved at once: those that another browser has changed meanwhile stay as they are there.
      const { values } = await take(api.GET('/api/v1/me/preferences'));
      return take(api.PUT('/api/v1/me/preferences', { body: { values: { ...values, ...fresh } } }));
    },
    onSuccess: (saved, chosen) => {
      client.setQueryData(KEY, saved);
      kept(chosen);
    },
    onError: () => void message.warning(t('account.notKept')),
  });
  useEffect(() => {
    if (unkept) mutate(unkept);
  }, [unkept, mutate]);
  useEffect(() => {
    if (data) display({ ...readChoices(data.values), ...unkept }, show);
    // What is chosen here is on show already: this is for what arrives from the center.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [data]);
  return null;
}

/** The choices among preferences; what another version of the console kept in words unknown here is left out. */
export function readChoices(values: Record<string, string> | undefined): Chosen {
  const language = languageNamed(values?.language);
  const theme = appearanceNamed(values?.theme);
  return { ...(language && { language }), ...(theme && { theme }) };
}

function display({ language, theme }: Chosen, show: (choice: AppearanceChoice) => void): void {
  if (language) void changeLanguage(language);
  if (theme) show(theme);
}
