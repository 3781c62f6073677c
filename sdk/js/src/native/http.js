/** The host's `http` import under Node. */

import { reach } from "./world.js";

/** @type {import("../http/client.js").Send} */
export const send = (request) => reach("send")(request);
