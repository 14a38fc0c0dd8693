/**
 * For what clients have stored, in a browser no page of this server's: it runs no script and embeds nothing. XML may
 * hold XHTML with scripts of its own.
 */
export const UNTRUSTED = Object.freeze({
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'X-Content-Type-Options': 'nosniff',
})
