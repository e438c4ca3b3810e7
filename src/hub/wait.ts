// Waiting: for a while, and for what another process holds.
import { open, readFile, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'

/** Milliseconds between looks at a lock, between its holder's signs of life, and after which it is dead without any. */
const [LOOK, SIGN, DEAD] = [200, 5_000, 60_000]

/** Rejects with the signal's reason. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await setTimeout(milliseconds, undefined, { ...(signal && { signal }) })
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

/**
 * Runs `action` while a file at `path` says so, once no other holds it. It saves work and is no proof: a holder that hangs for a
 * minute is taken for dead. What is done under it must not break when done twice.
 */
export async function whileLocked<T>(
  path: string,
  action: () => Promise<T>,
  { signal, onWait }: { readonly signal?: AbortSignal | undefined; readonly onWait?: () => void } = {},
): Promise<T> {
  for (let waits = 0; !(await take(path)); waits++) {
    if (await isAbandoned(path)) await rm(path, { force: true })
    else {
      if (waits === 0) onWait?.()
      await pause(LOOK, signal)
    }
  }
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), SIGN)
  timer.unref()
  try {
    return await action()
  } finally {
    clearInterval(timer)
    await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx')
    await handle.writeFile(`${process.pid} ${hostname()}`)
    await handle.close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs > DEAD) return true
    const [, pid, host] = /^(\d+) (.*)$/.exec(await readFile(path, 'utf8')) ?? []
    return host === hostname() && !isRunning(Number(pid))
  } catch {
    // It has just gone.
    return false
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
