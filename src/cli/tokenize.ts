// `torchless tokenize`: text to token ids and back.
import { text as readAll } from 'node:stream/consumers'
import type { Command } from 'commander'
import { type FormatName, loadTokenizer } from '../api/index.ts'
import { UsageError } from './failure.ts'
import { addFormatOption, addTerminalOptions } from './load-options.ts'
import { localModel } from './model-argument.ts'
import { tokenIds } from './numbers.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'
import { readText } from './text-file.ts'

type TokenizeFlags = TerminalOptions & {
  readonly file?: string
  readonly ids?: readonly number[]
  readonly special: boolean
  readonly format?: FormatName
}

export function addTokenizeCommand(program: Command): void {
  const command = program
    .command('tokenize')
    .description('text to token ids, or back')
    .argument('<model>', 'model or tokenizer file')
    .argument('[text]', 'text to encode; nothing: standard input')
    .option('--file <path>', 'encode the text of a file')
    .option('--ids <list>', 'decode these ids: 1,2,3', tokenIds)
    .option('--no-special', 'special tokens written in the text are ordinary text, and no BOS is added')
    .option('--json', 'one JSON value: tokens and pieces')
    .addHelpText('after', '\nExample:\n  $ torchless tokenize model.gguf "Hello, world"')
  addTerminalOptions(addFormatOption(command)).action(tokenize)
}

async function tokenize(path: string, given: string | undefined, flags: TokenizeFlags): Promise<void> {
  const terminal = new Terminal(flags)
  if ([given, flags.file, flags.ids].filter(value => value !== undefined).length > 1)
    throw new UsageError('tokenize: give one of TEXT, --file and --ids')
  const tokenizer = await loadTokenizer(await localModel(path, terminal), { format: flags.format })
  if (flags.ids) {
    const wrong = flags.ids.find(id => id >= tokenizer.size)
    if (wrong !== undefined)
      throw new UsageError(`--ids: expected ids below ${tokenizer.size}, found ${wrong}`)
    if (!flags.json) return terminal.write(`${tokenizer.decode(flags.ids, { special: true })}\n`)
  }
  const encode = (text: string) => tokenizer.encode(text, { bos: flags.special, special: flags.special })
  const tokens = flags.ids ?? encode(await readInput(given, flags.file))
  const pieces = tokens.map(id => tokenizer.piece(id))
  if (flags.json) return terminal.json({ tokens, pieces })
  for (const [i, id] of tokens.entries()) await terminal.write(`${id}\t${JSON.stringify(pieces[i])}\n`)
}

async function readInput(given: string | undefined, file: string | undefined): Promise<string> {
  if (file !== undefined) return readText(file)
  return given ?? readAll(process.stdin)
}
