/** The host's `storage` import. On its own, so that pure components do not import it. */
import * as host from "stepmill:plugin/storage@0.1.0";

export const { get, put, listKeys, add, counter } = host;
export const remove = host.delete;
