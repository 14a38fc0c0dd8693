/** Calls `onError`; without it, warns the process once for each kind of error. */
export function errorReports(onError: ((error: unknown) => void) | undefined): (error: unknown) => void {
  if (onError !== undefined) return onError
  const warned = new Set<string>()
  return (error) => {
    const kind = kindOf(error)
    if (warned.has(kind)) return
    warned.add(kind)
    const message = error instanceof Error ? error.message : String(error)
    const advice = 'Further errors of this kind are not shown: pass onError to handle them'
    process.emitWarning(`onTableChanges: ${message}. ${advice}`, {
      type: 'LarderWarning',
      code: 'LARDER_TABLE_CHANGES',
    })
  }
}

function kindOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown }
  return [code, name].find((kind): kind is string => typeof kind === 'string') ?? typeof error
}
