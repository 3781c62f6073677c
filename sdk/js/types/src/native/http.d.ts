/** The host's `http` import under Node. */
/** @type {import("../http/client.js").Send} */
export declare const send: import("../http/client.js").Send;
