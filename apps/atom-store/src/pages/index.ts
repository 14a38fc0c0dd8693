/** Pages for people. */

export { createPages, type PagesOptions } from './pages.js'
export type { StatisticsSource } from './statistics.js'
