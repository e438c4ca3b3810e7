// `torchless inspect`: what a model file is, without loading its weights.
import { type Command, Option } from 'commander'
import { type FormatName, inspectModel, type ModelInspection, UnsupportedModelError } from '../api/index.ts'
import { addFormatOption, addTerminalOptions } from './load-options.ts'
import { localModel } from './model-argument.ts'
import { bytes } from './numbers.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'

type InspectFlags = TerminalOptions & {
  readonly tensors?: boolean
  readonly program?: boolean
  readonly format?: FormatName
  readonly lazyMemory?: number
}

export function addInspectCommand(program: Command): void {
  const command = program
    .command('inspect')
    .description('metadata, architecture, quantization and memory of a model')
    .argument('<model>', 'model file')
    .option('--tensors', 'list the tensors')
    .option('--program', 'print the recorded program')
    .addOption(
      new Option('--lazy-memory <size>', 'memory for weights with --lazy (default: 1.5G)').argParser(bytes),
    )
    .option('--json', 'one JSON value')
    .addHelpText('after', '\nExample:\n  $ torchless inspect model.gguf --tensors')
  addTerminalOptions(addFormatOption(command)).action(inspect)
}

async function inspect(given: string, flags: InspectFlags): Promise<void> {
  const terminal = new Terminal(flags)
  const path = await localModel(given, terminal)
  const { program, unsupported, ...found } = await inspectModel(path, {
    format: flags.format,
    lazyMemory: flags.lazyMemory,
  })
  if (flags.program && program === undefined)
    throw new UnsupportedModelError(unsupported ?? 'the model cannot be recorded')
  if (flags.json)
    return terminal.json({ ...found, ...(unsupported && { unsupported }), ...(flags.program && { program }) })
  if (flags.program) return terminal.write(program!)
  await terminal.write(describe(found, unsupported))
  if (flags.tensors)
    for (const { name, type, shape, offset, bytes } of found.tensors)
      await terminal.write(`  ${name}  ${type} [${shape.join(', ')}]  ${bytes} bytes at ${offset}\n`)
}

type Found = Omit<ModelInspection, 'program' | 'unsupported'>

function describe(found: Found, unsupported: string | undefined): string {
  const { format, architecture, parameters, contextLength, quantization, memory, metadata } = found
  const lines = [
    `format:        ${format}`,
    `architecture:  ${architecture}`,
    `parameters:    ${parameters.toLocaleString('en')}`,
    `context:       ${contextLength === undefined ? 'unknown' : `${contextLength} tokens`}`,
    `quantization:  ${Object.entries(quantization)
      .map(([type, count]) => `${count} ${type}`)
      .join(', ')}`,
    memory
      ? `memory:        ${size(memory.eager)} with a full context, ${size(memory.lazy)} with --lazy; ${size(memory.kvPerToken)} a token`
      : `not supported: ${unsupported}`,
    'metadata:',
    ...Object.entries(metadata).map(([key, value]) => `  ${key} = ${printValue(value)}`),
  ]
  return `${lines.join('\n')}\n`
}

function printValue(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 90 ? `${text.slice(0, 87)}...` : text
}

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}
