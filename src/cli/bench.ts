// `torchless bench`: how fast a model is here, beside what the machine could do at best.
import type { Command } from 'commander'
import { type Benchmark, benchmark, type Rate } from '../api/index.ts'
import { interruptSignal } from './interrupt.ts'
import { addLoadOptions, addTerminalOptions, type LoadFlags, load } from './load-options.ts'
import { whole } from './numbers.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'

type BenchFlags = LoadFlags &
  TerminalOptions & {
    readonly p: number
    readonly n: number
    readonly d: number
    readonly b: number
    readonly r: number
    readonly t?: number
    readonly roofline?: boolean
  }

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('prompt and generation speed: median and spread of several runs')
    .argument('<model>', 'model file, or the folder of one')
    .option('-p <tokens>', 'tokens of the prompt; 0: none', whole(0), 512)
    .option('-n <tokens>', 'tokens to generate; 0: none', whole(0), 128)
    .option('-d <tokens>', 'tokens in the context before', whole(0), 0)
    .option('-b <sequences>', 'sequences that generate at once', whole(1), 1)
    .option('-t <threads>', 'the same as --threads', whole(1, 1024))
    .option('-r <runs>', 'how often each is measured', whole(1), 5)
    .option('--roofline', 'how near this comes to what the machine can do')
    .option('--json', 'one JSON value')
    .addHelpText('after', '\nExample:\n  $ torchless bench model.gguf -p 512 -n 128 --roofline')
  addTerminalOptions(addLoadOptions(command)).action(run)
}

async function run(path: string, flags: BenchFlags): Promise<void> {
  const terminal = new Terminal(flags)
  const signal = interruptSignal()
  const model = await load(path, flags.t ? { ...flags, threads: flags.t } : flags, terminal)
  const bar = terminal.progress('bench', 'runs')
  try {
    const result = await benchmark(model, {
      promptTokens: flags.p,
      tokens: flags.n,
      depth: flags.d,
      batch: flags.b,
      repeats: flags.r,
      signal,
      onProgress: bar.update,
    })
    bar.stop()
    if (flags.json) {
      const { name, backend, device } = model
      return await terminal.json({ model: name, backend, threads: device.threads, ...result })
    }
    await terminal.write(`${model.name}\n${model.backend}: ${model.device.name}\n`)
    await terminal.write(table(result, model.cost.multiplications, flags.roofline ?? false))
  } finally {
    bar.stop()
    await model.dispose()
  }
}

function table(
  { prefill, decode, machine, hash }: Benchmark,
  multiplications: number,
  roofline: boolean,
): string {
  const lines: string[] = []
  const line = (name: string, rate: Rate, more = '') => {
    const spread = `(${rate.min.toFixed(1)} to ${rate.max.toFixed(1)})`
    lines.push(`${name.padEnd(34)} ${rate.median.toFixed(1).padStart(9)} tokens/s ${spread}${more}`)
  }
  if (prefill) line(`prompt of ${prefill.tokens}`, prefill)
  if (decode) {
    const name = `${decode.tokens} tokens at depth ${decode.depth}, batch ${decode.batch}`
    line(name, decode, `, ${decode.gbPerSecond.toFixed(1)} GB/s`)
  }
  if (roofline && machine) {
    lines.push(
      `memory reads ${machine.readGbPerSecond.toFixed(1)} GB/s, 8-bit products ${machine.int8GmacPerSecond.toFixed(0)} GMAC/s`,
    )
    if (decode)
      lines.push(`decoding reads at ${percent(decode.gbPerSecond, machine.readGbPerSecond)} of that`)
    const reached = ((prefill?.median ?? 0) * multiplications) / 1e9
    if (prefill)
      lines.push(
        `the prompt takes ${reached.toFixed(0)} GMAC/s, ${percent(reached, machine.int8GmacPerSecond)} of that`,
      )
  }
  lines.push(`hash of the last logits: ${hash}`)
  return `${lines.join('\n')}\n`
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(0)} %`
}
