// `torchless imatrix`: which columns of a model's matrices matter, for `torchless quantize --imatrix`.
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { computeImportance, type FormatName, type LoadOptions } from '../api/index.ts'
import { interruptSignal } from './interrupt.ts'
import { addFormatOption, addTerminalOptions } from './load-options.ts'
import { whole } from './numbers.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'
import { readText } from './text-file.ts'

type ImatrixFlags = TerminalOptions & {
  readonly file: string
  readonly ctx?: number
  readonly backend?: NonNullable<LoadOptions['backend']>
  readonly threads?: number
  readonly arch?: string
  readonly format?: FormatName
}

export function addImatrixCommand(program: Command): void {
  const command = program
    .command('imatrix')
    .description('write an importance matrix: how much each column of a model counts while it reads a text')
    .argument('<model>', 'model file, best one of F16 or Q8_0')
    .argument('<out>', 'file to write, as llama-imatrix does: NAME.gguf')
    .requiredOption('--file <path>', 'the text: some hundred thousand characters of what the model is for')
    .option('--ctx <n>', 'tokens in a chunk (default: 512, or the context if shorter)', whole(4))
    .addOption(
      new Option('--backend <name>', 'what computes (default: cpu, or reference)').choices([
        'cpu',
        'reference',
        'auto',
      ]),
    )
    .option('--threads <n>', 'CPU threads (default: physical cores)', whole(1, 1024))
    .option('--arch <name>', 'take the model for this architecture, whatever the file says')
    .addHelpText('after', '\nExample:\n  $ torchless imatrix model-f16.gguf --file text.txt imatrix.gguf')
  addTerminalOptions(addFormatOption(command)).action(run)
}

async function run(model: string, path: string, flags: ImatrixFlags): Promise<void> {
  const terminal = new Terminal(flags)
  const signal = interruptSignal()
  const text = await readText(flags.file)
  const bar = terminal.progress('reading', 'chunks')
  try {
    await computeImportance(model, text, path, {
      ...{ backend: flags.backend, threads: flags.threads, architecture: flags.arch, format: flags.format },
      ...{ contextLength: flags.ctx, dataset: basename(flags.file), signal },
      notice: line => terminal.warn(line),
      onProgress: (done, total) => bar.update(done, total),
    })
  } finally {
    bar.stop()
  }
  terminal.note(`wrote ${path}`)
}
