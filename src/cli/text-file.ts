// Text files that a command is given.
import { readFile } from 'node:fs/promises'
import { SourceError } from '../api/index.ts'

/** Rejects with SourceError. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const known: Record<string, string> = {
      ENOENT: 'no such file',
      EISDIR: 'it is a folder',
      EACCES: 'no permission',
    }
    throw new SourceError(path, known[code ?? ''] ?? message, { cause: error })
  }
}
