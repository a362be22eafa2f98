// The suite's mock servers listen on every interface; nobody but this machine has business with them.
const { Server } = require("node:net");

const listen = Server.prototype._listen2;
if (typeof listen !== "function") throw new Error("this Node.js listens in another way");
Server.prototype._listen2 = function (address, port, family, ...more) {
  return address ? listen.call(this, address, port, family, ...more) : listen.call(this, "127.0.0.1", port, 4, ...more);
};
