/** The platform's `fetch` in tests. */
/**
 * Has `fetch` of a run answered by its `FakeHttp`, as the host has it answered by its egress. Outside of runs it is the
 * platform's.
 */
export declare function answerFetch(): void;
