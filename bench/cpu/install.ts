// Brings the other engines, which no user of torchless needs.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const peers = join(import.meta.dirname, '../peers')

/** Installs what bench/peers/package-lock.json says, unless something is installed there already. */
export function installPeers(): void {
  if (existsSync(join(peers, 'node_modules'))) return
  // What npm prints is no part of the results.
  execFileSync('npm', ['ci', '--prefix', peers, '--ignore-scripts', '--no-audit', '--no-fund'], {
    stdio: ['ignore', 2, 2],
  })
}
