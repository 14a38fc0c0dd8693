// Before a package is packed, in its folder: its bundles.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from './bundle.mjs'

const lib = join(process.cwd(), 'lib')
rmSync(lib, { recursive: true, force: true })
await bundle(process.cwd(), lib)
