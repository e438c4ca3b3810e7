// `torchless convert`: a model of any format becomes a file of another.
import { extname, sep } from 'node:path'
import { type Command, Option } from 'commander'
import { convertModel, type FormatName, type WritableFormat, writableFormats } from '../api/index.ts'
import { UsageError } from './failure.ts'
import { interruptSignal } from './interrupt.ts'
import { addFormatOption, addTerminalOptions } from './load-options.ts'
import { localModel } from './model-argument.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'

type ConvertFlags = TerminalOptions & { readonly format?: FormatName; readonly to?: WritableFormat }

/** What a name of the new file means without --to. */
const byExtension: Readonly<Record<string, WritableFormat>> = {
  '.gguf': 'gguf',
  '.bin': 'native',
  '': 'safetensors',
}

export function addConvertCommand(program: Command): void {
  const command = program
    .command('convert')
    .description('write a model in another format; tensors stay as they are')
    .argument('<in>', 'model file, or the folder of one')
    .argument(
      '<out>',
      'what to write: NAME.gguf, NAME.bin for the native format, or a folder for safetensors',
    )
    .addOption(new Option('--to <format>', 'what to write, whatever its name').choices(writableFormats))
    .addHelpText('after', '\nExample:\n  $ torchless convert model.gguf model.bin')
  addTerminalOptions(addFormatOption(command)).action(convert)
}

async function convert(from: string, path: string, flags: ConvertFlags): Promise<void> {
  const terminal = new Terminal(flags)
  // Names of models have dots: what ends in a slash is a folder all the same.
  const named = path.endsWith('/') || path.endsWith(sep) ? '' : extname(path).toLowerCase()
  const to = flags.to ?? byExtension[named]
  if (to === undefined)
    throw new UsageError(
      `convert: expected a name that ends in .gguf or .bin or has no ending (a folder), a slash at its end, or --to, found ${path}`,
    )
  const model = await localModel(from, terminal)
  const bar = terminal.progress('writing', 'MB')
  const megabytes = (bytes: number) => Math.round(bytes / 1e6)
  try {
    await convertModel(model, path, {
      to,
      format: flags.format,
      signal: interruptSignal(),
      onProgress: (done, total) => bar.update(megabytes(done), megabytes(total)),
    })
  } finally {
    bar.stop()
  }
  terminal.note(`wrote ${path}`)
}
