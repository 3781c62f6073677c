// What a file of handshakes has besides that of a scheme: as in handshake.py.

/** The longest token that any of the providers documents has less than a tenth of it. */
export const OVER_LONG = "a".repeat(4096);

/** An answer that echoes what the caller has chosen: no browser may take it for a page. */
export const text = (body) => ({
  status: 200,
  headers: { "content-type": "text/plain", "x-content-type-options": "nosniff" },
  body,
});

export const json = (body) => ({ status: 200, headers: { "content-type": "application/json" }, body });
