// `torchless perplexity`: how well a model predicts a text.
import type { Command } from 'commander'
import { perplexity } from '../api/index.ts'
import { interruptSignal } from './interrupt.ts'
import { addLoadOptions, addTerminalOptions, type LoadFlags, load } from './load-options.ts'
import { whole } from './numbers.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'
import { readText } from './text-file.ts'

type PerplexityFlags = LoadFlags & TerminalOptions & { readonly file: string; readonly ctx?: number }

export function addPerplexityCommand(program: Command): void {
  const command = program
    .command('perplexity')
    .description('perplexity of a text, measured as llama-perplexity does')
    .argument('<model>', 'model file, or the folder of one')
    .requiredOption('--file <path>', 'the text')
    .option('--ctx <n>', 'tokens in a window (default: 512, or the context if shorter)', whole(4))
    .option('--json', 'one JSON value: ppl and the number of tokens scored')
    .addHelpText('after', '\nExample:\n  $ torchless perplexity model.gguf --file wiki.test.raw')
  addTerminalOptions(addLoadOptions(command)).action(run)
}

async function run(path: string, flags: PerplexityFlags): Promise<void> {
  const terminal = new Terminal(flags)
  const signal = interruptSignal()
  const text = await readText(flags.file)
  const model = await load(path, flags, terminal)
  const bar = terminal.progress('perplexity', 'windows')
  try {
    const onProgress = (done: number, total: number) => bar.update(done, total)
    const result = await perplexity(model, text, { contextLength: flags.ctx, signal, onProgress })
    bar.stop()
    if (flags.json) await terminal.json({ ppl: result.perplexity, tokens: result.tokens })
    else await terminal.write(`perplexity ${result.perplexity.toFixed(4)} over ${result.tokens} tokens\n`)
  } finally {
    bar.stop()
    await model.dispose()
  }
}
