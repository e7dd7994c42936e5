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
// A line on standard input changes its keys: `rotate` signs with a new key and still publishes the old one,
// `retire` stops publishing all but the newest; each is answered by a line. It ends when its input does.

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
let keysMade = 0;
let keys = [newKey()];
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
    ],
    scopes: ["orders:read", "orders:write"],
    jwks: { keys },
    cookies: { keys: ["tests only"] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
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
  };
  const input = createInterface({ input: process.stdin });
  input.on("line", (line) => {
    const command = commands[line.trim()];
    if (command) {
      command();
      serve(issuer);
    }
    console.log(JSON.stringify({ keys: keys.map((key) => key.kid), known: Boolean(command) }));
  });
  input.on("close", () => process.exit(0));
});
