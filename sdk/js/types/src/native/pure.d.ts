/** Under Node there is nothing to withhold when a plugin is defined: see `testing/fetch.js`. */
export declare function withholdFetch(): void;
export declare function withholdTimeAndRandomness(): void;
