import type { Context } from 'hono'

/** Who asks. */
export interface Viewer {
  /** Who is signed in. */
  readonly user: string | undefined
  readonly mayRead: boolean
  /** May write, and read drafts. */
  readonly isEditor: boolean
}

export interface Env {
  readonly Variables: {
    viewer: Viewer
    /** Without a slash at the end. */
    base: string
  }
}

export type Call = Context<Env>
