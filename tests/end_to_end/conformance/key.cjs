// Adds the key of MCP_CONFORMANCE_KEY to every request: the suite has no option for one. All else it sends as it is.
const { subscribe } = require("node:diagnostics_channel");

const key = process.env.MCP_CONFORMANCE_KEY;
if (!key) throw new Error("MCP_CONFORMANCE_KEY is not set");
const value = `Bearer ${key}`;
subscribe("http.client.request.created", ({ request }) => request.setHeader("Authorization", value));
subscribe("undici:request:create", ({ request }) => request.addHeader("Authorization", value));
