// `torchless pull`: a model of a hub becomes files here.
import type { Command } from 'commander'
import { addTerminalOptions } from './load-options.ts'
import { pullWithBar } from './model-argument.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'

export function addPullCommand(program: Command): void {
  const command = program
    .command('pull')
    .description("download a model into the cache folder of HuggingFace's tools, and print its path")
    .argument('<model>', 'hf:OWNER/REPO, behind it @REVISION and :QUANT or :FILE')
    .option('--json', 'one JSON value')
    .addHelpText(
      'after',
      '\nHF_TOKEN lets you read gated models, HF_HUB_CACHE or HF_HOME moves the folder, HF_ENDPOINT names another hub.' +
        '\n\nExamples:\n  $ torchless pull hf:owner/model-GGUF\n  $ torchless pull hf:owner/model-GGUF:Q6_K',
    )
  addTerminalOptions(command).action(pullModel)
}

async function pullModel(name: string, flags: TerminalOptions): Promise<void> {
  const terminal = new Terminal(flags)
  const found = await pullWithBar(name, terminal)
  await (flags.json ? terminal.json({ name, ...found }) : terminal.write(`${found.model}\n`))
}
