// An OpenID provider for the tests: its accounts, one client, and on request keys that are not those it signs with.
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import Provider from 'oidc-provider';

const [redirectUri, keys] = process.argv.slice(2);
const accounts = {
  ann: { preferred_username: 'ann', groups: ['everybody', 'sec-admins'] },
  ben: { preferred_username: 'ben', groups: ['team-a'] },
  carl: { preferred_username: 'carl', groups: ['sec-admins'] },
  eve: { preferred_username: 'eve', groups: ['everybody'] },
};

function jwk(pair) {
  return { ...pair.privateKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' };
}

const signing = jwk(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const { n, e, kty, kid, use, alg } = jwk(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'yagura',
        client_secret: 'a secret of the tests',
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email'] },
    cookies: { keys: ['a key of the tests'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id] }) }),
    jwks: { keys: [signing] },
    pkce: { required: () => true },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (keys === 'other-keys' && request.url === '/jwks') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ keys: [{ n, e, kty, kid, use, alg }] }));
    } else {
      answer(request, response);
    }
  });
  console.log(issuer);
});
// The test holds the other end: its end is this one's.
process.stdin.on('end', () => process.exit(0)).resume();
