#!/usr/bin/env node
// Starts the command from compiled code, once a process has left some.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from '../ffi/paths.ts'
import { compiledScript } from './compiled.ts'

/** Milliseconds after which a process may take a hundredth as long to see whether it compiled more than was kept. */
const LONG = 1000

const program = compiledScript(
  fileURLToPath(new URL('program.js', import.meta.url)),
  join(cacheFolder(), 'compiled'),
)
process.once('exit', () => {
  if (!program.kept || performance.now() > LONG) program.keep()
})
program.run()
