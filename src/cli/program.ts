// The command `torchless`: parses arguments, runs a command, ends with the right exit code.
import { createRequire } from 'node:module'
import { Command } from 'commander'
import { addAttachCommand } from './attach.ts'
import { addBenchCommand } from './bench.ts'
import { addConvertCommand } from './convert.ts'
import { reportFailure } from './failure.ts'
import { addImatrixCommand } from './imatrix.ts'
import { addInspectCommand } from './inspect.ts'
import { addLogitsCommand } from './logits.ts'
import { addPerplexityCommand } from './perplexity.ts'
import { addPullCommand } from './pull.ts'
import { addQuantizeCommand } from './quantize.ts'
import { addRunCommand } from './run.ts'
import { addTemplateCommand } from './template.ts'
import { addTokenizeCommand } from './tokenize.ts'

const { version, description } = createRequire(import.meta.url)('../../package.json') as {
  version: string
  description: string
}

const program = new Command('torchless')
  .description(description)
  .version(version)
  .enablePositionalOptions()
  .showHelpAfterError(false)
  .exitOverride()
  // A suggestion would be a line of its own.
  .configureOutput({ outputError: (text, write) => write(`${text.trimEnd().replaceAll('\n', ' ')}\n`) })
addRunCommand(program)
addInspectCommand(program)
addTokenizeCommand(program)
addLogitsCommand(program)
addPerplexityCommand(program)
addBenchCommand(program)
addTemplateCommand(program)
addConvertCommand(program)
addQuantizeCommand(program)
addImatrixCommand(program)
addPullCommand(program)
addAttachCommand(program)

const has = (flag: string) => process.argv.includes(flag)
const how = { json: has('--json'), debug: has('--debug'), color: !has('--no-color') }

// A reader that has seen enough closes the pipe; that is no failure.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    // Not as JSON: there is nowhere to write that to.
    void reportFailure(error, { ...how, json: false }).then(code => process.exit(code))
  })

program.parseAsync().catch(async error => {
  process.exitCode = await reportFailure(error, how)
})
