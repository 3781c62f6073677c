/** The host's `log` import. */
export { write } from "stepmill:plugin/log@0.1.0";
