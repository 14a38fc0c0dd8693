/** Who the client is to servers that ask for it. */
export interface Credentials {
  readonly username: string
  readonly password: string
}
