/** The host's `http` import. On its own, so that pure components do not import it. */
export { send } from "stepmill:plugin/http@0.1.0";
