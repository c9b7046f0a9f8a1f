import type { Schema } from '../../api/types';

type Kind = Schema<'OutputKind'>;

export const OUTPUT_KINDS: Kind[] = [
  'webhook',
  'syslog',
  'falco',
  'alertmanager',
  'otlp',
  'email',
  'json-lines',
];

export type SettingName =
  | 'url'
  | 'path'
  | 'address'
  | 'protocol'
  | 'server'
  | 'port'
  | 'tls'
  | 'from'
  | 'to'
  | 'user'
  | 'subject'
  | 'content_type'
  | 'batch_max'
  | 'backlog_max'
  | 'template'
  | 'ca';
export type SecretName = 'secret' | 'token' | 'password' | 'url';

/** Settings of each kind (docs/reference/outputs.md). */
export const SETTINGS: Record<Kind, SettingName[]> = {
  'json-lines': ['path', 'template', 'backlog_max'],
  syslog: ['address', 'protocol', 'template', 'ca', 'backlog_max'],
  webhook: ['url', 'content_type', 'batch_max', 'template', 'ca', 'backlog_max'],
  falco: ['url', 'template', 'ca', 'backlog_max'],
  alertmanager: ['url', 'template', 'ca', 'backlog_max'],
  otlp: ['url', 'template', 'ca', 'backlog_max'],
  email: [
    'server',
    'port',
    'tls',
    'from',
    'to',
    'user',
    'subject',
    'batch_max',
    'template',
    'ca',
    'backlog_max',
  ],
};

/** Settings that have several lines. */
export const LONG_SETTINGS: ReadonlySet<SettingName> = new Set(['template', 'ca']);

/** Settings of each kind that are never shown again. */
export const SECRETS: Record<Kind, SecretName[]> = {
  'json-lines': [],
  syslog: [],
  webhook: ['secret', 'token', 'url'],
  falco: ['token', 'url'],
  alertmanager: ['token', 'url'],
  otlp: ['token', 'url'],
  email: ['password'],
};
