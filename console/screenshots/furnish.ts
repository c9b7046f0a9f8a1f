import type { APIRequestContext, Page } from '@playwright/test';

/** The API of a center, for somebody who is logged in. */
export class Client {
  constructor(
    private readonly request: APIRequestContext,
    private readonly csrfToken: string,
  ) {}

  async read<Body>(path: string): Promise<Body> {
    const answer = await this.request.get(path);
    if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
    return (await answer.json()) as Body;
  }

  async send(method: 'POST' | 'PUT', path: string, data: unknown, etag?: string): Promise<void> {
    const headers = {
      'X-CSRF-Token': this.csrfToken,
      Origin: new URL(process.env.YAGURA_URL ?? '').origin,
      ...(etag && { 'If-Match': etag }),
    };
    const answer = await this.request.fetch(path, { method, data, headers });
    if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
  }

  async count(path: string): Promise<number> {
    return (await this.read<{ items: unknown[] }>(path)).items.length;
  }

  async firstId(path: string): Promise<string | undefined> {
    return (await this.read<{ items: { id: string }[] }>(path)).items[0]?.id;
  }
}

/** Logs in for the first time, which takes a password of one's own. */
export async function setPassword(page: Page, first: string, fresh: string): Promise<Client> {
  const { request } = page.context();
  await page.goto('/');
  const origin = new URL(page.url()).origin;
  const logIn = async (password: string) => {
    const answer = await request.post('/api/v1/session', {
      data: { name: 'admin', password },
      headers: { Origin: origin },
    });
    if (!answer.ok()) throw new Error(`log-in: ${answer.status()} ${await answer.text()}`);
    const { csrf_token } = (await answer.json()) as { csrf_token: string };
    return new Client(request, csrf_token);
  };
  const client = await logIn(first);
  await client.send('PUT', '/api/v1/session/password', { current: first, new: fresh });
  return logIn(fresh);
}

interface DriftVersion {
  etag: string;
  policy: { rules: object[]; default_action: string };
}

/** What a small team would have set up. */
export async function furnish(client: Client): Promise<void> {
  const drift = await client.read<DriftVersion>('/api/v1/drift-policy');
  const rules = [
    ...drift.policy.rules,
    {
      name: 'Web shop runs what its images hold',
      action: 'block',
      observe: true,
      owner: 'shop team',
      scope: { conditions: [{ field: 'namespace', operator: 'starts-with', values: ['shop-'] }] },
      allow: [{ process: '/opt/agent/*' }],
    },
    {
      name: 'Batch jobs unpack tools',
      action: 'ignore',
      scope: { conditions: [{ field: 'image-name', operator: 'contains', values: ['batch', 'etl'] }] },
    },
  ];
  await client.send(
    'PUT',
    '/api/v1/drift-policy',
    {
      policy: { ...drift.policy, rules, default_action: 'alert' },
      comment: 'the shop',
      accept_warnings: true,
    },
    drift.etag,
  );
  for (const [name, role] of [
    ['keiko', 'security-operator'],
    ['marc', 'security-reader'],
  ])
    await client.send('POST', '/api/v1/users', { name, role, scope: { clusters: [], namespaces: [] } });
  await client.send('POST', '/api/v1/outputs', {
    name: 'On call',
    kind: 'webhook',
    enabled: false,
    filter: { severity: 'urgent' },
    settings: { url: 'https://hooks.example/alerts' },
    secrets: {},
  });
  await client.send('POST', '/api/v1/whitelist-rules', {
    rule: 'Connection to a port of miners, command servers or Tor',
    enabled: true,
    conditions: [{ field: 'container-name', operator: 'equals', value: 'relay' }],
    nodes: [],
    owner: 'network team',
    reason: 'the relay is meant to',
    expires_at: null,
    apply_to_open: false,
  });
}
