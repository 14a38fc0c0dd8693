export { checkFloors } from './check.js'
export { readConfig, type FloorsConfig, type PackageRules } from './config.js'
