// `torchless attach SOCKET`: a chat with a server.
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import { addTerminalOptions } from './load-options.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'

type AttachFlags = TerminalOptions & { readonly user?: string; readonly showThinking?: boolean }

export function addAttachCommand(program: Command): void {
  const command = program
    .command('attach')
    .description('chat with a server that listens on a socket (torchless MODEL --socket PATH)')
    .argument('<socket>', 'its path')
    .option('--user <name>', 'whose saves (default: your name on this machine)')
    .option('--show-thinking', 'show what the model thinks before it answers')
    .option('--json', 'one JSON value a line')
    .addHelpText('after', '\nExample:\n  $ torchless attach chat.sock --user ann')
  addTerminalOptions(command).action(attach)
}

async function attach(socket: string, flags: AttachFlags): Promise<void> {
  const [{ ChatClient }, { RemoteConversation, remoteCommands }, { converse }] = await Promise.all([
    import('../server/socket/client.ts'),
    import('./chat/remote.ts'),
    import('./chat/repl.ts'),
  ])
  const terminal = new Terminal(flags)
  const { user = userInfo().username.toLowerCase(), showThinking = false, debug = false } = flags
  const client = await ChatClient.connect(socket, user)
  const conversation = new RemoteConversation(client, terminal, { showThinking, debug })
  await converse(conversation, remoteCommands, client.welcome.model)
}
