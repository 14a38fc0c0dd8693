/** The caller asked for something that makes no sense; nothing was done. */
export class UsageError extends Error {}
