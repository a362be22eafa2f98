// An authorization server of the package oidc-provider for one MCP, whose only user consents to everything at once.
// Arguments: the folder with the package, and a JSON object with `document`, the answer for any client document.
// It prints its port, and ends when its standard input is closed.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, options] = process.argv.slice(2);
const { document } = JSON.parse(options);
const { Provider, errors } = await import(pathToFileURL(createRequire(`${folder}/`).resolve("oidc-provider")));

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const mcp = `${issuer}/mcp`;
const scopes = "read write admin";

const provider = new Provider(issuer, {
  scopes: ["openid", "offline_access", ...scopes.split(" ")],
  clientAuthMethods: ["none", "client_secret_basic", "client_secret_post"],
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
        return { scope: scopes, audience: mcp, accessTokenFormat: "jwt", accessTokenTTL: 600 };
      },
    },
  },
  issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
  rotateRefreshToken: true,
  pkce: { required: () => true },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
});

async function consent(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    return provider.interactionFinished(request, response, { login: { accountId: "alice" } });
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

const handle = provider.callback();
server.on("request", (request, response) => {
  if (request.url === "/.well-known/oauth-protected-resource/mcp") {
    json(response, { resource: mcp, authorization_servers: [issuer], scopes_supported: ["read", "write"] });
  } else if (request.url.startsWith("/interaction/")) {
    consent(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else if (request.url.startsWith("/forget/")) {
    // What a server does that loses its database, or cleans up: the client is unknown from now on.
    provider.Client.adapter.destroy(request.url.split("/")[2]).then(() => json(response, {}));
  } else {
    handle(request, response);
  }
});

process.stdin.resume().on("end", () => process.exit(0));
console.log(server.address().port);
