/** The platform's `fetch` in tests. */

import { world } from "../native/world.js";

/** What to call outside of a run, and whether `fetch` is answered here. */
const platform = globalThis.fetch;

/**
 * Has `fetch` of a run answered by its `FakeHttp`, as the host has it answered by its egress. Outside of runs it is the
 * platform's.
 */
export function answerFetch() {
  globalThis.fetch = fetchOfRun;
}

/**
 * @param {RequestInfo | URL} resource
 * @param {RequestInit} [init]
 */
async function fetchOfRun(resource, init) {
  const run = world();
  if (!run) return platform(resource, init);
  if (!run.send) throw new TypeError("a pure step has no `fetch`: make it a connector");
  const request = new Request(resource, init);
  const sent = await bodyOf(request);
  let answer;
  try {
    answer = run.send({
      method: request.method,
      target: { tag: "url", val: request.url },
      headers: [...request.headers].map(([name, value]) => ({
        name,
        value: new TextEncoder().encode(value),
      })),
      ...sent,
    });
  } catch (cause) {
    // All that the host's `fetch` says of it, too.
    throw new TypeError("NetworkError when attempting to fetch resource", { cause });
  }
  const headers = new Headers(
    answer.headers.map(({ name, value }) => [name, new TextDecoder().decode(value)]),
  );
  // The standard refuses a body, even an empty one, with these.
  const isNull = [101, 204, 205, 304].includes(answer.status);
  return new Response(isNull ? null : Uint8Array.from(answer.body), { status: answer.status, headers });
}

/** @param {Request} request */
async function bodyOf(request) {
  return request.body ? { body: new Uint8Array(await request.arrayBuffer()) } : {};
}
