// An authorization server of the package oidc-provider for one MCP, whose users consent to everything at once; the
// cookie `account` names the user. It passes requests with a token of its own on to the MCP at `target`.
// Arguments: the folder with the package, and a JSON object with `document`, the answer for any client document,
// `target`, `seconds`, the lifetime of a token, `resource`, another server that tokens are for, `groups`, which tokens
// name, and `format`, which is `jwt` or `opaque`. POST `/rotate` replaces the key that signs, and with `?drop` also takes
// the earlier keys away; `/keys-asked` tells how often the keys were fetched.
// It prints its port, and ends when its standard input is closed.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer, request as send } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, options] = process.argv.slice(2);
const { document, target, seconds, resource: other, groups, format } = JSON.parse(options);
const inFolder = createRequire(`${folder}/`);
const { Provider, errors } = await import(pathToFileURL(inFolder.resolve("oidc-provider")));
const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(inFolder.resolve("jose")));

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const mcp = other ?? `${issuer}/mcp`;
const scopes = "read write admin";

const configuration = {
  scopes: ["openid", "offline_access", ...scopes.split(" ")],
  clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
  fetch: async () => new Response(JSON.stringify(document), { headers: { "content-type": "application/json" } }),
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    clientCredentials: { enabled: true },
    clientIdMetadataDocument: { enabled: true, ack: "draft-02" },
    deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => {
        if (resource !== mcp) throw new errors.InvalidTarget();
        return { scope: scopes, audience: mcp, accessTokenFormat: format ?? "jwt", accessTokenTTL: seconds ?? 600 };
      },
    },
  },
  extraTokenClaims: () => (groups ? { groups } : undefined),
  issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
  rotateRefreshToken: true,
  pkce: { required: () => true },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
};

const jwks = { keys: [newKey()] };
let keysAsked = 0;
let provider, handle;
start();

function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
}

// The package reads its keys once, so that another one takes over; what was issued is stored outside of it.
function start() {
  provider = new Provider(issuer, { ...configuration, jwks });
  handle = provider.callback();
}

function rotate(drops) {
  jwks.keys = [newKey(), ...(drops ? [] : jwks.keys)];
  start();
}

async function consent(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    const accountId = /(?:^|; )account=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1] ?? "alice";
    return provider.interactionFinished(request, response, { login: { accountId } });
  }
  const owner = { accountId: session.accountId, clientId: params.client_id };
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant(owner);
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(" "));
  for (const [resource, missing] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, missing.join(" "));
  }
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

function json(response, body) {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));

async function passOn(request, response) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  let subject;
  try {
    ({ sub: subject } = (await jwtVerify(token, keys, { issuer, audience: mcp })).payload);
  } catch {
    const challenge = `Bearer error="invalid_token", resource_metadata="${issuer}/.well-known/oauth-protected-resource/mcp"`;
    return response.writeHead(401, { "www-authenticate": challenge }).end();
  }
  const headers = { ...request.headers, host: new URL(target).host, "X-Subject": subject };
  const onward = send(target, { method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}

server.on("request", (request, response) => {
  if (request.url === "/.well-known/oauth-protected-resource/mcp") {
    json(response, { resource: mcp, authorization_servers: [issuer], scopes_supported: ["read", "write"] });
  } else if (request.url.startsWith("/interaction/")) {
    consent(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else if (target && request.url === "/mcp") {
    passOn(request, response);
  } else if (request.url.startsWith("/forget/")) {
    // What a server does that loses its database, or cleans up: the client is unknown from now on.
    provider.Client.adapter.destroy(request.url.split("/")[2]).then(() => json(response, {}));
  } else if (request.url.startsWith("/rotate")) {
    rotate(request.url.endsWith("?drop"));
    json(response, {});
  } else if (request.url === "/keys-asked") {
    json(response, { asked: keysAsked });
  } else {
    keysAsked += request.url === "/jwks";
    handle(request, response);
  }
});

process.stdin.resume().on("end", () => process.exit(0));
console.log(server.address().port);
