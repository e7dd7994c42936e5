// A real identity provider for tests: oidc-provider, which nobody here wrote.
//
//   node tests/peers/identity-provider.mjs [--certificate FILE --key FILE]
//
// Listens on a free loopback port (HTTPS when a certificate is given) and prints one line of JSON when ready:
//   {"issuer": "https://localhost:41234", "jwks": "…/jwks", "token": "…/token"}
// Clients take ES256 access tokens (RFC 9068) for the resource `shop-api` by client_credentials, with the
// client `robot` and the secret `robot-secret-that-nobody-may-reuse`; with `resource=urn:shop-opaque` tokens that
// say nothing, and with a DPoP proof tokens that are bound to its key. The client `gateway` with the secret
// `gateway-secret-that-nobody-may-reuse` may ask about tokens (RFC 7662) and revoke them (RFC 7009).
//
// Users of browsers sign in by any name and password for the client `shop-web`, whose secret is
// `web-secret-that-nobody-may-reuse`; requests may be pushed, and a logout is told by back channel.
//
// A line on standard input changes it: `rotate` signs with a new key and still publishes the old one, `retire`
// stops publishing all but the newest, `web ORIGIN ORIGIN` says where `shop-web` is for browsers and for the
// provider itself; each is answered by a line. It ends when its input does.

import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const peers = process.env.PORTCULLIS_PEERS ?? `${process.env.HOME}/.cache/portcullis/peers`;
const { Provider } = await import(pathToFileURL(`${peers}/node_modules/oidc-provider/lib/index.js`)).catch(() => {
  console.error("oidc-provider is not installed: run scripts/peers");
  process.exit(1);
});

const { values: options } = parseArgs({
  options: { certificate: { type: "string" }, key: { type: "string" } },
});

const RESOURCE = "shop-api";
// The gateway of a test has a certificate of the test's own; whom the provider trusts is not what is tested.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
let keysMade = 0;
let keys = [newKey()];
let web = { page: "https://web.invalid", backchannel: "https://web.invalid" };
let handler;

function newKey() {
  keysMade += 1;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid: `key-${keysMade}`, alg: "ES256", use: "sig" };
}

function serve(issuer) {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "robot",
        client_secret: "robot-secret-that-nobody-may-reuse",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "ES256",
        scope: "orders:read orders:write",
      },
      {
        client_id: "gateway",
        client_secret: "gateway-secret-that-nobody-may-reuse",
        grant_types: [],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "ES256",
      },
      {
        client_id: "shop-web",
        client_secret: "web-secret-that-nobody-may-reuse",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: [`${web.page}/.portcullis/callback`],
        post_logout_redirect_uris: [`${web.page}/public`],
        backchannel_logout_uri: `${web.backchannel}/.portcullis/backchannel-logout`,
        backchannel_logout_session_required: true,
        response_types: ["code"],
        id_token_signed_response_alg: "ES256",
        scope: "openid offline_access orders:read orders:write",
      },
    ],
    scopes: ["openid", "offline_access", "orders:read", "orders:write"],
    jwks: { keys },
    // It would speak to no address of this machine, and here everybody lives on it.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    cookies: { keys: ["tests only"] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      dPoP: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:shop-api",
        getResourceServerInfo: (_, resource) => ({
          scope: "orders:read orders:write",
          audience: RESOURCE,
          accessTokenFormat: resource === "urn:shop-opaque" ? "opaque" : "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  provider.on("backchannel.error", (_, error) => console.error("back channel:", error, error.cause));
  handler = provider.callback();
}

const answer = (request, response) => handler(request, response);
const secure = options.certificate && options.key;
const server = secure
  ? createHttps({ cert: readFileSync(options.certificate), key: readFileSync(options.key) }, answer)
  : createHttp(answer);

server.listen(0, "127.0.0.1", () => {
  const issuer = `${secure ? "https" : "http"}://localhost:${server.address().port}`;
  serve(issuer);
  console.log(JSON.stringify({ issuer, jwks: `${issuer}/jwks`, token: `${issuer}/token` }));

  const commands = {
    // The first key that fits is the one that signs.
    rotate: () => (keys = [newKey(), ...keys]),
    retire: () => (keys = keys.slice(0, 1)),
    web: (page, backchannel) => (web = { page, backchannel }),
  };
  const input = createInterface({ input: process.stdin });
  input.on("line", (line) => {
    const [name, ...words] = line.trim().split(" ");
    const command = commands[name];
    if (command) {
      command(...words);
      serve(issuer);
    }
    console.log(JSON.stringify({ keys: keys.map((key) => key.kid), known: Boolean(command) }));
  });
  input.on("close", () => process.exit(0));
});
