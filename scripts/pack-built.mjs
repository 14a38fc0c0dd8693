// Packs the built packages, without another build. Argument: a folder for the tarballs. Prints names and paths as JSON.
import { resolve } from 'node:path'
import { packAll } from './packed.mjs'

console.log(JSON.stringify(packAll(resolve(process.argv[2]), { isBuilt: true })))
