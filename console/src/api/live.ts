import type { QueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, take } from './client';
import { refresh } from './refresh';
import type { Schema } from './types';

/** Shortest time between two refreshes of one kind of data, in milliseconds: floods must not become floods of requests. */
const REFRESH_MS = 1000;
/** Wait before a broken stream is opened anew, in milliseconds; doubled with every failure. */
const RECONNECT_MS_MIN = 1000;
const RECONNECT_MS_MAX = 30_000;

/** The same for what sums up everything and so changes with anything, in milliseconds. */
const SUMMARY_REFRESH_MS = 5000;
const SUMMARIES = new Set(['overview', 'alert-counts', 'nodes', 'clusters']);

/** Which queries show what a kind of event is about, by the first part of their keys. */
export const QUERIES_OF_KIND: Record<string, string[]> = {
  alerts: ['alerts', 'alert', 'alert-counts', 'overview', 'incidents'],
  alert: ['alerts', 'alert', 'alert-counts', 'overview'],
  incident: ['incidents', 'incident', 'overview'],
  'drift-policy': ['drift-policy', 'overview'],
  'defence-policy': ['defence-rules', 'protection', 'overview'],
  'image-policy': ['defence-rules'],
  'detection-settings': ['catalogue', 'overview'],
  'user-rule': ['catalogue'],
  'whitelist-rule': ['whitelist'],
  setting: ['protection'],
  node: ['nodes', 'clusters', 'overview'],
  certificate: ['nodes'],
  command: ['commands', 'alert', 'containers'],
  coverage: ['canaries', 'gaps', 'nodes', 'overview'],
  cluster: ['clusters', 'audit-webhooks'],
  region: ['clusters'],
  output: ['outputs'],
  'output-state': ['outputs'],
  'saved-view': ['saved-views'],
};

/** What the stream of changes is doing. */
export interface Live {
  connected: boolean;
  /** Version of the center if it is another than the one that served this console. */
  newerVersion: string | null;
}

/** Keeps what is shown up to date: each change that the center tells makes the queries about it stale. */
export function useLiveEvents(client: QueryClient): Live {
  const [live, setLive] = useState<Live>({ connected: false, newerVersion: null });
  useEffect(() => {
    const refresher = makeRefresher(client);
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    let firstVersion: string | undefined;

    const open = () => {
      source = new EventSource('/api/v1/events');
      source.onopen = () => {
        const again = failures > 0;
        failures = 0;
        setLive((before) => ({ ...before, connected: true }));
        void take(api.GET('/api/v1/session')).then(
          (session) => {
            firstVersion ??= session.center_version;
            const newer = session.center_version === firstVersion ? null : session.center_version;
            setLive((before) => ({ ...before, newerVersion: newer }));
          },
          () => undefined,
        );
        // What happened in between was not told.
        if (again) refresher.everything();
      };
      source.addEventListener('change', (event: MessageEvent<string>) =>
        refresher.changed(kindOf(event.data)),
      );
      source.onerror = () => {
        source?.close();
        // The center ends every stream after some minutes: that alone is no loss of contact.
        if (failures > 0) setLive((before) => ({ ...before, connected: false }));
        timer = setTimeout(open, Math.min(RECONNECT_MS_MIN * 2 ** failures, RECONNECT_MS_MAX));
        failures += 1;
      };
    };
    open();
    return () => {
      clearTimeout(timer);
      source?.close();
      refresher.stop();
    };
  }, [client]);
  return live;
}

/** The kind of an event; `missed` for one that can't be read, so that everything is read anew. */
export function kindOf(data: string): string {
  try {
    return (JSON.parse(data) as Partial<Schema<'EventBody'>>).kind ?? 'missed';
  } catch {
    return 'missed';
  }
}

function makeRefresher(client: QueryClient) {
  const waiting = new Map<string, ReturnType<typeof setTimeout>>();
  const later = (key: string) => {
    if (waiting.has(key)) return;
    waiting.set(
      key,
      setTimeout(
        () => {
          waiting.delete(key);
          refresh(client, ({ queryKey }) => queryKey[0] === key);
        },
        SUMMARIES.has(key) ? SUMMARY_REFRESH_MS : REFRESH_MS,
      ),
    );
  };
  const everything = () => refresh(client, ({ queryKey }) => queryKey[0] !== 'session');
  return {
    everything,
    changed: (kind: string) => {
      if (kind === 'missed') everything();
      else for (const key of QUERIES_OF_KIND[kind] ?? [kind]) later(key);
    },
    stop: () => {
      for (const timer of waiting.values()) clearTimeout(timer);
    },
  };
}
