// `torchless quantize`: a model becomes a file of smaller weights.
import { extname } from 'node:path'
import type { Command } from 'commander'
import {
  type FormatName,
  type QuantizationName,
  type QuantizeOptions,
  quantizationNames,
  quantizeModel,
} from '../api/index.ts'
import { UsageError } from './failure.ts'
import { interruptSignal } from './interrupt.ts'
import { addFormatOption, addTerminalOptions } from './load-options.ts'
import { localModel } from './model-argument.ts'
import { whole } from './numbers.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'

type QuantizeFlags = TerminalOptions & {
  readonly format?: FormatName
  readonly imatrix?: string
  readonly threads?: number
}

/** What a name of the new file means. */
const byExtension: Readonly<Record<string, QuantizeOptions['to']>> = { '.gguf': 'gguf', '.bin': 'native' }

export function addQuantizeCommand(program: Command): void {
  const command = program
    .command('quantize')
    .description("write a model with smaller weights, with llama.cpp's choice of format for each tensor")
    .argument('<in>', 'model file')
    .argument('<out>', 'file to write: NAME.gguf, or NAME.bin for the native format')
    .argument('<type>', `one of ${quantizationNames.join(', ')}`, typeOf)
    .option('--imatrix <file>', 'how much each column counts: made by torchless imatrix or llama-imatrix')
    .option('--threads <n>', 'CPU threads (default: physical cores)', whole(1, 1024))
    .addHelpText('after', '\nExample:\n  $ torchless quantize model-f16.gguf model-q4.gguf Q4_K_M')
  addTerminalOptions(addFormatOption(command)).action(quantize)
}

/** In any case; Q3_K, Q4_K and Q5_K stand for the mixes of medium size, as they do in llama.cpp. */
function typeOf(text: string): QuantizationName {
  const upper = text.toUpperCase()
  const name = quantizationNames.find(known => known === upper || known === `${upper}_M`)
  if (name === undefined)
    throw new UsageError(`quantize: expected a type of ${quantizationNames.join(', ')}, found ${text}`)
  return name
}

async function quantize(
  from: string,
  path: string,
  type: QuantizationName,
  flags: QuantizeFlags,
): Promise<void> {
  const terminal = new Terminal(flags)
  const to = byExtension[extname(path).toLowerCase()]
  if (to === undefined)
    throw new UsageError(`quantize: expected a name that ends in .gguf or .bin, found ${path}`)
  const model = await localModel(from, terminal)
  const bar = terminal.progress('writing', 'MB')
  const megabytes = (bytes: number) => Math.round(bytes / 1e6)
  try {
    await quantizeModel(model, path, {
      ...{ type, to, format: flags.format, importance: flags.imatrix, threads: flags.threads },
      signal: interruptSignal(),
      notice: line => terminal.warn(line),
      onProgress: (done, total) => bar.update(megabytes(done), megabytes(total)),
    })
  } finally {
    bar.stop()
  }
  terminal.note(`wrote ${path}`)
}
