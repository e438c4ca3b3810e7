// Scripts that need not be compiled again: V8 can write down what it has compiled. Node keeps that by itself from 22.1 on, in a
// folder that all users share by default, and only what the first process used.
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'

/** Of other versions of the script or of Node, the newest are left in the folder. */
const KEPT_FILES = 4
/** So many times the code that was kept is worth writing it anew. */
const NOTABLY_MORE = 1.1
const DIGEST_BYTES = 32

export interface CompiledScript {
  /** Whether it was compiled by an earlier process. */
  readonly kept: boolean
  /** Calls the function that the script is, with `require` and the script's path. */
  run(): void
  /**
   * Writes all that is compiled by now for processes to come, if that is notably more than what was kept. Does nothing where
   * it cannot: a slower start is all that is lost.
   */
  keep(): void
}

/**
 * A script that is one function. What is kept of it lies in `folder`, if there is one, which is made where it is missing and this user
 * owns what it would lie in, and used only if nobody else can write there: compiled code is as trusted as a program. Node, the
 * processor, and where and when the script was written decide the file's name, so that it always fits; V8, which takes damaged code
 * as it is, gets none.
 */
export function compiledScript(path: string, folder: string | undefined): CompiledScript {
  // Its text says no more than that, and takes a millisecond.
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  const name = createHash('sha256')
    .update([process.version, process.arch, path, ino, size, mtimeNs, ctimeNs].join('\0'))
    .digest('hex')
  const place = folder === undefined ? undefined : { folder, file: join(folder, name) }
  const digest = (code: Buffer) => createHash('sha256').update(name).update(code).digest()

  const code = attempt(() => {
    if (place === undefined || !isOurs(place.folder)) return undefined
    const bytes = readFileSync(place.file)
    const rest = bytes.subarray(DIGEST_BYTES)
    return digest(rest).equals(bytes.subarray(0, DIGEST_BYTES)) ? rest : undefined
  })
  const script = new Script(readFileSync(path, 'utf8'), {
    filename: path,
    ...(code && { cachedData: code }),
  })
  const kept = code !== undefined && script.cachedDataRejected === false
  return {
    kept,
    run: () => script.runInThisContext()(createRequire(path), path),
    keep() {
      attempt(() => {
        if (place === undefined || !mayMake(place.folder)) return
        const { folder, file } = place
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        if (!isOurs(folder)) return
        accessSync(folder, constants.W_OK)
        // After all that may be in the way, since it takes longest.
        const present = script.createCachedData()
        if (kept && present.length < NOTABLY_MORE * code.length) return
        // Others may be reading it, or writing it too.
        const unfinished = `${file}.${process.pid}`
        try {
          writeFileSync(unfinished, Buffer.concat([digest(present), present]))
          renameSync(unfinished, file)
        } catch {
          rmSync(unfinished, { force: true })
        }
        removeOld(folder)
      })
    },
  }
}

function removeOld(folder: string): void {
  const files = readdirSync(folder).map(name => {
    const path = join(folder, name)
    return { path, time: statSync(path).mtimeMs }
  })
  files.sort((a, b) => b.time - a.time)
  for (const { path } of files.slice(KEPT_FILES)) rmSync(path)
}

/** Whether this user owns the folder, or what it would lie in: another's folder is not the place for one that only we may use. */
function mayMake(folder: string): boolean {
  let there = folder
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  return isOwned(statSync(there))
}

function isOurs(folder: string): boolean {
  const found = lstatSync(folder)
  return found.isDirectory() && isOwned(found) && (process.getuid === undefined || (found.mode & 0o022) === 0)
}

/** Windows has no such owner; there the folder lies among the user's own. */
function isOwned({ uid }: Stats): boolean {
  return process.getuid === undefined || uid === process.getuid()
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
