/** For a cache that is well, on a machine that may not be: what is late is not lost. */
export const PATIENT = Object.freeze({ timeoutMs: 60_000, connectTimeoutMs: 60_000 })
