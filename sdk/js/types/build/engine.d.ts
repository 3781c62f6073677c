/** ComponentizeJS, with one line of its bindings mended. */
import { componentize } from "@bytecodealliance/componentize-js";
export { componentize };
