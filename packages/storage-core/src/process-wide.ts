/**
 * State that all copies of a package share, such as those of nested `node_modules`, of bundles and of a hot reload:
 * what one copy registers is found by the others. `name` ends in the number of its layout, which changes with it, so
 * that two versions of a package never read each other's state wrongly.
 */
export function processWide<T extends object>(name: `${string}@${number}`, make: () => T): T {
  const shared = globalThis as { [name: symbol]: unknown }
  return (shared[Symbol.for(`@larder/${name}`)] ??= make()) as T
}
