/** A server in a thread of its own, as a component's `fetch` under Node blocks the thread that it is called in. */

import { createServer } from "node:http";
import { parentPort } from "node:worker_threads";

const server = createServer((request, response) => {
  request.setEncoding("utf8").on("data", (text) => response.writeHead(201).end(`${request.method} ${text}`));
});

server.listen(0, "127.0.0.1", () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  parentPort?.postMessage(port);
});
