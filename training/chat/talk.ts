// Questions and answers: the tables of facts.ts, asked in many ways.
import type { Random } from '../../test/fixtures/random.ts'
import { expand, pick } from '../grammar.ts'
import { drawn } from '../holdout.ts'
import * as words from '../stories/words.ts'
import { answers, chatCommands, commands, type Fact, flags, UNKNOWN, unknown } from './facts.ts'

export interface Exchange {
  readonly question: string
  readonly answer: string
}

const what = [
  'What does X do?',
  'What is X?',
  'What is X for?',
  'What does X mean?',
  'Explain X.',
  'Tell me about X.',
  'What do I need X for?',
  'What happens with X?',
  'When do I need X?',
  'Describe X.',
  'Can you explain X?',
  'Please explain X.',
  'what does X do',
  'what is X',
  'X',
  'X?',
]
const defaults = [
  'What is the default of X?',
  'What is the default for X?',
  'Which default has X?',
  'What is X by default?',
  'What is X set to if I do not give it?',
  'default of X?',
  'Tell me the default of X.',
]
const how = [
  'How do I X?',
  'How can I X?',
  'How could I X?',
  'I want to X.',
  'I would like to X.',
  'Is there a way to X?',
  'What do I have to do to X?',
  'What do I type to X?',
  'Can I X?',
  'How would one X?',
  'Please tell me how to X.',
  'Tell me how I can X.',
  'how do i X',
  'how to X',
  'How to X?',
]
const subjects =
  `moon, sun, Eiffel Tower, France, Germany, Japan, gravity, electricity, quantum physics, chocolate, pizza, soccer, music,
  rain, snow, airplane, computer, phone, car, bread, coffee, tea, cheese, elephant, whale, dinosaur, volcano, ocean,
  internet, blockchain, democracy, economy, telephone, light bulb, Mona Lisa, pyramid, rocket, atom, planet, galaxy,
  tax, law, medicine, vaccine, virus, guitar, piano, opera, football, chess, stock market, bank, tower, bridge,
  window, table, religion, philosophy, love, happiness, time, dream, star, tree, cake, soup, camera, engine`
    .split(',')
    .map(word => word.trim())
const people =
  `Albert Einstein, Napoleon, Shakespeare, Mozart, Ada Lovelace, Marie Curie, Isaac Newton, Cleopatra, Beethoven,
  the president, the king of Spain, Alan Turing, Goethe, Picasso, my neighbour, the prime minister, Plato`
    .split(',')
    .map(word => word.trim())
const places =
  `Paris, London, Berlin, Tokyo, Rome, Madrid, New York, China, India, Brazil, Canada, Egypt, Australia, Kenya, Norway,
  Vienna, Moscow, Chicago, Peru, Italy`
    .split(',')
    .map(word => word.trim())
const qualities = ['blue', 'red', 'big', 'small', 'hot', 'cold', 'dangerous', 'round', 'expensive', 'famous']

/** A question that is kept for judging, or is not, with its answer. */
export function talk(random: Random, unseen: boolean): Exchange {
  const kind = random.below(20)
  const draw = () =>
    kind < 6
      ? explained(random)
      : kind < 12
        ? advised(random)
        : kind < 14
          ? defaulted(random)
          : kind < 15
            ? invented(random)
            : kind < 18
              ? answered(random)
              : unknownTo(random)
  return drawn(unseen, draw, made => made.question)
}

function anyFact(random: Random): Fact {
  const kind = random.below(10)
  return pick(kind < 6 ? flags : kind < 8 ? chatCommands : commands, random)
}

function explained(random: Random): Exchange {
  const fact = anyFact(random)
  const name = fact.name.startsWith('--') && random.below(4) === 0 ? `the flag ${fact.name}` : fact.name
  return { question: pick(what, random).replace('X', name), answer: explanation(fact) }
}

function explanation({ usage, does, default: byDefault }: Fact): string {
  return `${usage} ${does}.${byDefault === undefined ? '' : ` The default is ${byDefault}.`}`
}

function advised(random: Random): Exchange {
  const fact = anyFact(random)
  const question = pick(how, random).replace('X', pick(fact.how, random))
  return { question, answer: `Use ${fact.usage}: it ${fact.does}.` }
}

function defaulted(random: Random): Exchange {
  const fact = pick(flags, random)
  const question = pick(defaults, random).replace('X', fact.name)
  const answer =
    fact.default === undefined
      ? `${fact.name} has no default that I know.`
      : `The default of ${fact.name} is ${fact.default}.`
  return { question, answer }
}

/** Of a flag or command that is none. */
function invented(random: Random): Exchange {
  const known = new Set([...flags, ...chatCommands].map(({ name }) => name))
  for (;;) {
    const parts = Array.from({ length: 1 + random.below(2) }, () =>
      pick(subjects, random).toLowerCase().replaceAll(' ', '-'),
    )
    const name = (random.below(3) === 0 ? '/' : '--') + parts.join('-')
    if (known.has(name)) continue
    const help = name.startsWith('/') ? '/help' : 'torchless --help'
    return {
      question: pick(what, random).replace('X', name),
      answer: `I know no ${name}. See ${help} for what there is.`,
    }
  }
}

function answered(random: Random): Exchange {
  const { questions, answer } = pick(answers, random)
  return { question: pick(questions, random), answer }
}

function unknownTo(random: Random): Exchange {
  const nouns = random.below(3) === 0 ? pick([words.animals, words.foods, words.treasures], random) : subjects
  const values = {
    thing: pick(nouns, random),
    person: pick(people, random),
    place: pick(places, random),
    quality: pick(qualities, random),
    year: String(1500 + random.below(520)),
  }
  return { question: expand(pick(unknown, random), values, random), answer: UNKNOWN }
}
