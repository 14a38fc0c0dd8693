export { checkLayers } from './check.js'
export { readConfig, type LayersConfig, type PackageRules } from './config.js'
