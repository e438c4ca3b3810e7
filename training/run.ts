// Makes a model from nothing: texts, training, model file, judgement. Texts that are there are not made again, and a training that
// was cut short goes on from its last checkpoint; so the same command begins, goes on, and judges what is done.
//
//   npx tsx training/run.ts [--minutes 6] [--device auto|cpu|cuda] [--compile] [--texts sums=250000,...] [--shares sums=18,...]
//                           [--python python3] [--build training/build] [--cases 200] [--stories 100]
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { subjects } from './conversation.ts'
import { splits } from './numbers.ts'

const here = import.meta.dirname
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '6' },
    device: { type: 'string', default: 'auto' },
    compile: { type: 'boolean', default: false },
    texts: { type: 'string' },
    shares: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    build: { type: 'string', default: join(here, 'build') },
    cases: { type: 'string', default: '200' },
    stories: { type: 'string', default: '100' },
  },
})
const { build, minutes, device, cases, stories } = values
const model = join(build, 'chat.gguf')

if (!splits.every(split => subjects.every(subject => existsSync(join(build, split, `${subject}.gz`)))))
  script('data.ts', '--out', build, ...given('texts'))
const training = ['--minutes', minutes, '--device', device, ...given('shares')]
if (values.compile) training.push('--compile')
run(values.python, [join(here, 'train.py'), '--data', build, '--out', build, ...training])
script('export.ts', '--from', build, '--out', model)
script('evaluate.ts', model, '--cases', cases, '--stories', stories, '--samples', '3')

/** An option that is handed on where it is given. */
function given(name: 'texts' | 'shares'): string[] {
  const value = values[name]
  return value === undefined ? [] : [`--${name}`, value]
}

/** Runs another script of this folder as this one is run. */
function script(name: string, ...options: string[]): void {
  run(process.execPath, [...process.execArgv, join(here, name), ...options])
}

/** Ends this program with the command's code where that fails. */
function run(command: string, options: readonly string[]): void {
  const { status, error } = spawnSync(command, options, { stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}
