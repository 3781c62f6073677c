/** Under Node there is nothing to withhold when a plugin is defined: see `testing/fetch.js`. */

export function withholdFetch() {}

export function withholdTimeAndRandomness() {}
