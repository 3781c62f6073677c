/** One module of the author's sources, the SDK and the packages that they import. */
export type Bundle = {
  code: string;
  exports: string[];
  /**
   * - of the host
   */
  imports: { path: string; importer: string }[];
};
/**
 * The bundle that becomes a component.
 *
 * @param {string} entry
 * @param {string} cwd
 * @returns {Promise<Bundle>}
 */
export declare function bundle(entry: string, cwd: string): Promise<Bundle>;
/**
 * What the entry exports, evaluated here with doubles of the host, so that mistakes are found where there are stacks.
 *
 * @param {string} entry
 * @param {string} cwd
 * @returns {Promise<Record<string, any>>}
 */
export declare function evaluate(entry: string, cwd: string): Promise<Record<string, any>>;
