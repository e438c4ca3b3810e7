#!/usr/bin/env node
// Starts the command from compiled code, once a process has left some.
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from '../ffi/paths.ts'
import { compiledScript } from './compiled.ts'

/** Milliseconds after which a process may take a hundredth as long to see whether it compiled more than was kept. */
const LONG = 1000

const program = compiledScript(fileURLToPath(new URL('program.js', import.meta.url)), keepingFolder())
process.once('exit', () => {
  if (!program.kept || performance.now() > LONG) program.keep()
})
program.run()

/** None where no home is known, or only in whatever folder this is. */
function keepingFolder(): string | undefined {
  try {
    const folder = cacheFolder()
    return isAbsolute(folder) ? join(folder, 'compiled') : undefined
  } catch {
    return undefined
  }
}
