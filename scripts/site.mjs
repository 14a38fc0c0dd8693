// Installs, and makes the site of the pages and the comments in the sources, in the folder `site`.
import { binary, install, runNode, scriptArguments } from './workspace.mjs'

const made =
  install() && runNode(binary('typedoc'), ['--options', 'docs/site/typedoc.config.mjs', ...scriptArguments])
if (!made) process.exitCode = 1
