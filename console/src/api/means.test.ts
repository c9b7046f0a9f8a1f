import { afterEach, describe, expect, it, vi } from 'vitest';
import { provider, providerAddress, refusal } from './means';

function answer(status: number, body: unknown): void {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify(body), { status })));
}

describe('the identity provider', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('is taken from the center', async () => {
    const oidc = { label: 'Example Corp', path: '/api/v1/session/oidc' };
    answer(200, { password: true, oidc });
    expect(await provider()).toEqual(oidc);
  });

  it('is nobody where the center names none, is older, or leads elsewhere', async () => {
    answer(200, { password: true, oidc: null });
    expect(await provider()).toBeNull();
    answer(404, { title: 'no such endpoint' });
    expect(await provider()).toBeNull();
    answer(200, { password: true, oidc: { label: 'x', path: 'https://elsewhere.example/' } });
    expect(await provider()).toBeNull();
  });

  it('sends back to where one was, without the last refusal', () => {
    const here = { pathname: '/alerts', search: '?status=all&log_in_refused=expired' };
    expect(providerAddress({ label: '', path: '/api/v1/session/oidc' }, here)).toBe(
      '/api/v1/session/oidc?return_to=%2Falerts%3Fstatus%3Dall',
    );
  });

  it('may refuse, for a reason that is known or not', () => {
    expect(refusal('')).toBeNull();
    expect(refusal('?log_in_refused=too-many')).toBe('too-many');
    expect(refusal('?log_in_refused=%3Cb%3E')).toBe('provider');
  });
});
