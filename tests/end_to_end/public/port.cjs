// Prints the port on which a server listens that was told to choose a free one.
const { subscribe } = require("node:diagnostics_channel");

subscribe("tracing:net.server.listen:asyncEnd", ({ server }) => {
  process.stdout.write(JSON.stringify({ port: server.address().port }) + "\n");
});
