// `torchless logits`: what the model says next, as numbers.
import type { Command } from 'commander'
import type { Logits, Model } from '../api/index.ts'
import { UsageError } from './failure.ts'
import { interruptSignal } from './interrupt.ts'
import { addLoadOptions, addTerminalOptions, type LoadFlags, load } from './load-options.ts'
import { tokenIds, whole } from './numbers.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'

type LogitsFlags = LoadFlags &
  TerminalOptions & {
    readonly tokens?: readonly number[]
    readonly prompt?: string
    readonly all?: boolean
    readonly top?: number
  }

/** Rows of best tokens that a person gets to see without --top. */
const SHOWN = 10

export function addLogitsCommand(program: Command): void {
  const command = program
    .command('logits')
    .description('logits after the last token, or after each')
    .argument('<model>', 'model file, or the folder of one')
    .option('--tokens <list>', 'token ids, as they are: 1,2,3', tokenIds)
    .option('--prompt <text>', 'a text instead')
    .option('--all', 'every position, not only the last')
    .option('--top <n>', 'only the n best tokens of each', whole(1))
    .option('--json', 'one JSON value')
    .addHelpText('after', '\nExample:\n  $ torchless logits model.gguf --prompt "The sky is" --top 5')
  addTerminalOptions(addLoadOptions(command)).action(logits)
}

async function logits(path: string, flags: LogitsFlags): Promise<void> {
  const terminal = new Terminal(flags)
  const { tokens: given, prompt } = flags
  if ((given === undefined) === (prompt === undefined))
    throw new UsageError('logits: give either --tokens or --prompt')
  const signal = interruptSignal()
  const model = await load(path, flags, terminal)
  const bar = terminal.progress('logits', 'tokens')
  try {
    const tokens = given ?? model.tokenizer.encode(prompt!, { bos: true, special: true })
    const positions = flags.all ? tokens.map((_, i) => i) : [tokens.length - 1]
    const top = flags.top ?? (flags.json ? undefined : SHOWN)
    const rows = flags.all ? 'all' : 'last'
    const want = top === undefined ? 'full' : { top }
    const result = await model.logits(tokens, { rows, want, signal, onProgress: bar.update })
    bar.stop()
    if (top !== undefined) await printTop(terminal, model, tokens, positions, result)
    else await printRows(terminal, tokens, positions, result)
  } finally {
    bar.stop()
    await model.dispose()
  }
}

/** One JSON value, a row at a time: all of them together may be more than a string can hold. */
async function printRows(
  terminal: Terminal,
  tokens: readonly number[],
  positions: readonly number[],
  result: Logits,
): Promise<void> {
  const [ids, places] = [JSON.stringify(tokens), JSON.stringify(positions)]
  await terminal.write(`{"tokens":${ids},"positions":${places},"logits":[`)
  for (const i of positions.keys())
    await terminal.write(`${i === 0 ? '' : ','}${JSON.stringify([...row(result, i)])}`)
  await terminal.write(']}\n')
}

async function printTop(
  terminal: Terminal,
  model: Model,
  tokens: readonly number[],
  positions: readonly number[],
  { ids, values, width }: Logits,
): Promise<void> {
  const top = positions.map((_, row) =>
    Array.from({ length: width }, (_, i) => {
      const id = ids![row * width + i]!
      return {
        id,
        piece: model.hasTokenizer ? model.tokenizer.piece(id) : '',
        logit: values[row * width + i]!,
      }
    }),
  )
  if (terminal.options.json) return terminal.json({ tokens, positions, top })
  for (const [i, position] of positions.entries()) {
    await terminal.write(`position ${position}\n`)
    for (const { id, piece, logit } of top[i]!)
      await terminal.write(`  ${logit.toFixed(4).padStart(10)}  ${id}\t${JSON.stringify(piece)}\n`)
  }
}

function row({ values, width }: Logits, index: number): Float32Array {
  return values.subarray(index * width, (index + 1) * width)
}
