/** What an author can mend; told without a stack. */
export declare class BuildError extends Error {
  /**
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(message: string, options?: ErrorOptions);
}
