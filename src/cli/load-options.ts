// The options of every command that computes: which backend, how much context, what cache.
import { type Command, Option } from 'commander'
import {
  type FormatName,
  formatNames,
  type LoadOptions,
  loadModel,
  type Model,
  type PrecisionName,
  precisionNames,
} from '../api/index.ts'
import { localModel } from './model-argument.ts'
import { bytes, whole } from './numbers.ts'
import type { Terminal } from './terminal.ts'

export type LoadFlags = {
  readonly maxSeqLen?: number
  readonly kvDtype: 'f16' | 'f32'
  readonly backend?: NonNullable<LoadOptions['backend']>
  readonly threads?: number
  readonly numa?: boolean
  readonly lazy?: boolean
  readonly lazyMemory?: number
  readonly arch?: string
  readonly format?: FormatName
  readonly precision?: PrecisionName
  readonly tokenizer?: string
}

export function addFormatOption(command: Command): Command {
  return command.addOption(
    new Option('--format <name>', 'read the file as this, where its content does not tell').choices(
      formatNames,
    ),
  )
}

export function addLoadOptions(command: Command): Command {
  return addFormatOption(command)
    .option(
      '--max-seq-len <n>',
      "context window: prompt, history and response (default: the model's)",
      whole(1),
    )
    .addOption(new Option('--kv-dtype <type>', 'type of the cache').choices(['f16', 'f32']).default('f16'))
    .addOption(
      new Option(
        '--backend <name>',
        'what computes (default: cpu, or reference where that cannot be had)',
      ).choices(['cpu', 'reference', 'auto']),
    )
    .option('--threads <n>', 'CPU threads (default: physical cores)', whole(1, 1024))
    .option('--numa', 'keep threads, and what they touch first, on their NUMA nodes (Linux)')
    .option('--lazy', 'keep weights on disk and read them as they are needed: for models larger than memory')
    .addOption(
      new Option('--lazy-memory <size>', 'memory for weights with --lazy, which this implies (default: 1.5G)')
        .argParser(bytes)
        .implies({ lazy: true }),
    )
    .option('--arch <name>', 'take the model for this architecture, whatever the file says')
    .addOption(
      new Option(
        '--precision <preset>',
        'requantize while loading: full (F32), balanced (Q8_0), memory (Q4_K_M), gpu (Q4_0)',
      ).choices(precisionNames),
    )
    .option(
      '--tokenizer <file>',
      "tokenizer.json, tokenizer.model, tokenizer.bin or a model (default: the model's own)",
    )
}

export function addTerminalOptions(command: Command): Command {
  return command
    .option('--debug', 'say more, and show stack traces')
    .option('--quiet', 'only what was asked for: no timings, notes or progress')
    .option('--no-color', 'no colours (NO_COLOR is honoured too)')
}

/** Loads the model that a command was given, a path or a name on a hub. */
export async function load(
  given: string,
  flags: LoadFlags,
  terminal: Terminal,
  more: Pick<LoadOptions, 'repeatable'> = {},
): Promise<Model> {
  const path = await localModel(given, terminal)
  const started = performance.now()
  const { backend, maxSeqLen, kvDtype, threads, numa, lazy, lazyMemory, arch, format, precision } = flags
  const tokenizer = flags.tokenizer && (await localModel(flags.tokenizer, terminal))
  const notice = (line: string) => terminal.warn(line)
  const model = await loadModel(path, {
    ...{ backend, maxSeqLen, kvDType: kvDtype, threads, numa, lazy, lazyMemory, notice },
    ...{ architecture: arch, format, precision, tokenizer, ...more },
  })
  if (model.contextLength > model.trainedContextLength)
    terminal.warn(
      `the model was trained for ${model.trainedContextLength} tokens, fewer than ${model.contextLength}`,
    )
  const took = Math.round(performance.now() - started)
  terminal.debug(`${model.architecture} model loaded in ${took} ms on backend ${model.backend}`)
  return model
}
