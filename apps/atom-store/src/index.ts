export { checkConfig, type Config, ConfigError, readConfig } from './config.js'
export { type AppOptions, type Call, createApp, type Env, type HtmlPages, type Viewer } from './http/index.js'
export { createPages, type PagesOptions, type StatisticsSource } from './pages/index.js'
export { Problem } from './problem.js'
export { seed } from './seed.js'
export { type AtomServer, startServer } from './server.js'
export {
  AtomStore,
  Collection,
  type Entry,
  type FeedPage,
  type HookEvent,
  type Hooks,
  type PagePlace,
  type Workspace,
} from './store/index.js'
