// The format of a file of vectors, and what every scheme's file has in common. README.md describes both.

import { readFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { mock } from "node:test";

/** The time of every vector. */
export const NOW = "2026-01-02T03:04:05Z";
export const SECONDS = Date.parse(NOW) / 1000;
const DAY = 24 * 3600;

/** Where the senders' requests go. */
export const URL_OF = (provider) => `https://hooks.example.com/${provider}`;

/** Bytes that are no UTF-8: "Zoë" as Latin-1 has it. */
export const LATIN1 = Buffer.from('{"name":"Zo\xeb"}', "latin1");
export const BEYOND_ASCII = '{"name":"Zoë Müller","note":"naïve – 日本語 🚚 \\u00e9"}';

/** A key or a certificate of these vectors. */
export const pem = (name) => readFileSync(path.join(import.meta.dirname, "providers/keys", `${name}.pem`), "utf8");

/** Name and version of an installed package. */
export function sdk(name) {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name)) {
    try {
      const { version } = JSON.parse(readFileSync(path.join(folder, name, "package.json"), "utf8"));
      return `${name} ${version} (npm)`;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`${name} is not installed: run tests/senders/install`);
}

/** Runs `work` while every clock in the process stands at `seconds`. */
export async function at(seconds, work) {
  mock.timers.enable({ apis: ["Date"], now: seconds * 1000 });
  try {
    return await work();
  } finally {
    mock.timers.reset();
  }
}

export function must(holds, what) {
  if (!holds) throw new Error(what);
}

const written = (body) => {
  const bytes = Buffer.from(body);
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : { base64: bytes.toString("base64") };
};

/** A case. `request` is `{ method, url, headers: [[name, value]], body: string | Buffer }`. */
export function one(name, request, expect, more = {}) {
  const { method = "POST", url, headers, body } = request;
  return { name, ...more, request: { method, url, headers, body: written(body) }, expect };
}

const isoOf = (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

/**
 * The cases of one scheme. `sign({ body, secret, seconds })` makes a signed request;
 * `accepts({ request, secret, seconds })` asks the provider's own verifier, where there is one. Each plain case is
 * put to it, and so is each wrong one: the vectors say what the SDK says.
 *
 * - `bodies`: name → body (text), each a case that must be accepted
 * - `bytes`: signs a body that is no UTF-8, unless false; `asked` says whether the SDK can be asked about it
 * - `timed`: the scheme has a replay window; `timesAsked` says whether the SDK looks at the time
 * - `id`: (request) → the id for deduplication
 */
export async function cases({
  sign,
  accepts,
  bodies,
  secret,
  other,
  bytes = true,
  asked = true,
  timed = false,
  timesAsked = timed,
  id,
}) {
  const all = [];
  const add = async (name, { body, key = secret, seconds = SECONDS, expect = "accepted", ask = true }) => {
    const request = await sign({ body, secret: key, seconds });
    if (accepts && ask) {
      const yes = await at(SECONDS, () => accepts({ request, secret, seconds: SECONDS }));
      must(yes === (expect === "accepted"), `the SDK says ${yes} to "${name}", which is to be ${expect}`);
    }
    const found = expect === "accepted" && id ? id(request) : undefined;
    all.push(one(name, request, expect, found === undefined ? {} : { id: found }));
  };
  for (const [name, body] of Object.entries(bodies)) await add(name, { body });
  if (bytes) await add("bytes that are not UTF-8", { body: LATIN1, ask: asked });
  const [first] = Object.values(bodies);
  await add("signed with another secret", { body: first, key: other, expect: "mismatch" });
  if (timed) {
    await add("signed a day ago", { body: first, seconds: SECONDS - DAY, expect: "too-old", ask: timesAsked });
    // Not every SDK refuses the future.
    await add("signed a day ahead", { body: first, seconds: SECONDS + DAY, expect: "too-new", ask: false });
  }
  return all;
}

/** A case from a provider's documentation, at the time that it has there. */
export function published(name, request, { seconds = SECONDS, from, expect = "accepted", ...more }) {
  return one(name, request, expect, { now: isoOf(seconds), from, ...more });
}

const onePairALine = (json) => json.replace(/\[\s+("(?:[^"\\]|\\.)*"),\s+("(?:[^"\\]|\\.)*")\s+\]/g, "[$1, $2]");

/** Writes a scheme's or a handshake's file. */
export function write(folder, name, { scheme, handshake, verify, secrets, keys, from, cases }) {
  const file = path.join(folder, `${name}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  const text = JSON.stringify({ scheme, handshake, verify, secrets, keys, from, now: NOW, cases }, null, 2);
  writeFileSync(file, `${onePairALine(text)}\n`);
}
