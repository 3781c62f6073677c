/** The WIT package, which lies beside the SDK: `sdk/js` and `wit` of one folder. */
/**
 * All of the package as one text. The tools could read the folder, but do so through a shim of WASI whose version is left
 * to the package manager's luck, and some versions of it find no files.
 */
export declare function wit(): string;
