import type { Context } from 'hono'

/** Who asks. */
export interface Viewer {
  /** Who is signed in. */
  readonly user: string | undefined
  readonly mayRead: boolean
  /** May write, and read drafts. */
  readonly isEditor: boolean
  /** Sees no more than everybody does. */
  readonly isPublic: boolean
}

/** As long as nothing is known of who asks. */
export const NOBODY: Viewer = Object.freeze({
  user: undefined,
  mayRead: false,
  isEditor: false,
  isPublic: false,
})

export interface Env {
  readonly Variables: {
    viewer: Viewer
    /** Without a slash at the end. */
    base: string
  }
}

export type Call = Context<Env>
