// Lays the built packages below a folder's node_modules as an installation of the published ones would. Argument: the folder.
import { resolve } from 'node:path'
import { installBundles, publishedFolders } from './bundle.mjs'
import { root } from './workspace.mjs'

await installBundles(publishedFolders(root), resolve(process.argv[2]))
