/** What an author can mend; told without a stack. */
export class BuildError extends Error {
  /**
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(message, options) {
    super(message, options);
    this.name = "BuildError";
  }
}
