// Friendship: help that comes back, presents, strangers, sharing.
import { pick } from '../grammar.ts'
import type { Plot } from './scene.ts'
import * as words from './words.ts'

export const helpReturned: Plot = s => {
  const trouble = pick(words.troubles, s.random)
  const [danger, rescue] = pick(
    [
      ['fell into a deep hole', 'brought a long rope and pulled {him} out'],
      ['lost the way in the fog', 'went ahead and showed {him} the path'],
      ['could not get across the river', 'showed {him} the stones under the water'],
      ['was locked in the old tower', 'crept through a crack and turned the key'],
      ['dropped the key of the house into the well', 'dived down and brought it up'],
      ['got both feet stuck in the mud', 'called all its brothers and sisters, and they pulled together'],
    ] as const,
    s.random,
  )
  s.set({ small: pick(words.smallAnimals, s.random), state: trouble.state, act: trouble.act, danger })
  s.set({ rescue: s.say(rescue) })
  return [
    s.introduce(pick(words.goodTraits, s.random)),
    `${s.morning()} ${s.say('On the way to the {place}, {he} heard a [tiny|thin|sad|weak] voice. It was {a small}. It {state}. "[Please help me!|Help!|Can you help me?]" [cried|said|begged] the {small}.')}`,
    s.say(
      '{hero} [did not think twice|knelt down at once|was late already, but stopped all the same]. {He} {act}. "[Thank you|Thank you so much|Oh, thank you]," said the {small}. "[One day I will help you, too.|I will not forget this.|If you ever need me, call me.]" {hero} laughed. "[You are so small!|How could you help me?|You? But you are no bigger than my hand!]" [And {he} went on {his} way.|They waved to each other, and {hero} went on.]',
    ),
    s.say(
      '[Some weeks later|Many days went by. Then, one evening|In the autumn|When winter came], {hero} was walking home from the {place2} and {danger}. {He} called and called, but nobody [heard {him}|came|was near]. [It grew dark.|It began to rain.|The stars came out.] {hero} {deed}, but it was no use.',
    ),
    s.say(
      'Then {he} heard a voice that {he} knew. It was the {small}! "[Now it is my turn|I told you that I would help you|Do not be afraid]," it said. It {rescue}.',
    ),
    s.say(
      '"[You are small|You may be little]," said {hero}, "but [you are a great friend|your heart is big|I will never laugh at anyone again]." [From then on they had supper together every Sunday.|They shared {a food} and told each other stories until it was late.|And so {hero} and the {small} became friends for life.]',
    ),
  ]
}

export const sharing: Plot = s => [
  `${s.introduce(pick(words.goodTraits, s.random))} ${s.introduceFriend()}`,
  `${s.morning()} ${s.say('{His} {relative} gave {hero} {a food}[, still warm| and a kiss| for the way]. "[It is the last one|There is only this one]," said {his} {relative}. {hero} [put it into {his} bag|wrapped it in a cloth] and went to the {place}.')}`,
  s.say(
    '[On the way|At the bridge|By the gate] {he} met {an elder} who [had not eaten since yesterday|looked tired and hungry|sat on a stone and sighed]. {hero} looked at the {food}. It smelled so good! [{He} thought for a while.|{He} swallowed.] Then {he} broke it in two and gave one half away. "Thank you," said the {elder}. "[Take this in return|I have nothing but this|It may be useful to you]," and gave {him} {a treasure}.',
  ),
  s.say(
    'At the {place} sat {friend}, crying. "[I have lost my lunch|My brothers ate everything|I fell, and my basket rolled into the river]," {fhe} said. {hero} had only half of the {food} left. {He} broke it in two once more. [Now everyone had a little.|It was only a bite for each of them, but it tasted wonderful.]',
  ),
  s.say(
    'When they had eaten, {hero} showed {friend} the {treasure}. "[That is what I have always wished for|I know that one|How beautiful]!" cried {friend}. [They played with it all day long.|They took turns, and nobody won and nobody lost.] And in the evening the {elder} came by with a whole basket of {food2}. "For the one who shares," said the {elder}.'.replace(
      'basket of {food2}',
      'basket of good things',
    ),
  ),
  s.say(
    '[{hero} was full for the first time that day.|There was enough for all of them, and some was left for the birds.] [Half of something is sometimes more than all of it.|"Tomorrow," said {friend}, "I will bring something for you."]',
  ),
]

export const present: Plot = s => {
  const material = pick(
    ['wood', 'paper', 'wool', 'clay', 'shells', 'feathers', 'acorns', 'old buttons'],
    s.random,
  )
  s.set({ material, gift: pick(words.treasures, s.random) })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.introduceFriend()}`,
    s.say(
      'Soon it would be the birthday of {friend}. "[What do you wish for|What would you like]?" asked {hero}. "[Oh, nothing|I do not know]," said {friend}, but {hero} had seen how {fhe} looked at {a gift} in the window of the shop. {hero} counted {his} money. It was [one coin|two coins and a button|nothing but a button].',
    ),
    s.say(
      '"[I will earn it|Then I shall work for it]," {hero} thought. {He} went to {an elder} and [swept the yard|carried water|picked apples|fed the hens] for a whole day. [For that {he} got three coins.|The {elder} gave {him} three coins.] But when {he} came to the shop, the {gift} was gone. Somebody else had bought it!',
    ),
    s.say(
      '{hero} sat down by the {place} and [did not know what to do|cried a little]. Then {he} saw that there was {material} lying about, [as much as one could carry|more than anyone needed]. {hero} {deed}. {He} [cut and glued and painted|worked] for three evenings, until the lamp went out. {He} made {a gift}, not as fine as the one in the shop, but with the name of {friend} on it.'
        .replace(
          'there was {material} lying',
          `there ${/s$/.test(material) ? 'were' : 'was'} {material} lying`,
        )
        .replaceAll('{material}', material),
    ),
    s.say(
      'The birthday came. There was {a food}, and there were songs. {friend} [opened the parcel|tore off the paper] and said nothing at all. "[Do you not like it|Is it wrong]?" asked {hero}. "[Like it?|Wrong?]" said {friend}. "It is the only one in the world. [The one in the shop was for everybody. This is for me.|You made it for me!]"',
    ),
    s.say(
      '[It stands by {fhis} bed to this day.|{friend} took it everywhere from then on.] And for the three coins {hero} bought {a food2}, and they [shared it|ate it together on the steps].',
    ),
  ]
}

export const newcomer: Plot = s => {
  s.set({
    skill: pick(
      [
        'whistle with two fingers',
        'walk on {fhis} hands',
        'draw horses that looked alive',
        'fold ships out of paper',
        'tell stories about the sea',
        'play the flute',
        'find four-leaved clovers',
        'throw a stone across the river',
        'name every star',
      ],
      s.random,
    ),
  })
  s.set({ skill: s.say(s.values.skill!) })
  return [
    s.introduce(pick(words.goodTraits, s.random)),
    s.say(
      'One day somebody new came to the {place}: {a fkind} called {friend}. {friend} [stood by the gate and said nothing|sat alone on the wall|looked at {fhis} feet]. "[Who is that|What does that one want here]?" [whispered|asked] the others. "[We do not need anyone else|Do not talk to {fhim}]." And they went on playing.',
    ),
    s.say(
      '{hero} [played, too, but {he} kept looking over|had been new once, and remembered how that was]. The next day {friend} was there again, alone. {hero} {deed}. Then {he} went over and said, "[Hello. I am {hero}|Would you like half of my {food}|Do you want to see my {treasure}]." {friend} smiled a very small smile.',
    ),
    s.say(
      'They [ate together|talked until the bells rang]. {friend} came from {a fhome} far away, and {fhe} could {skill}. {hero} had never seen anything like it. "[Can you teach me|Show me again]!" said {hero}. [Soon the others came nearer.|One by one, the others came to watch.] "[Me, too|Us, too]!" they said.',
    ),
    s.say(
      'By the evening everyone at the {place} wanted to {skill}. [They laughed until they could not stand.|Nobody could do it yet, but that did not matter.] "[Will you come back tomorrow|You are coming tomorrow, are you not]?" asked those who had not wanted to talk to {fhim}. {friend} looked at {hero}. "[If {hero} comes, too|Yes]," said {fhe}.'.replace(
        'wanted to {skill}',
        `wanted to ${s.values.skill!.replace(new RegExp(`\\b${s.values.fhis}\\b`, 'g'), 'their')}`,
      ),
    ),
    s.say(
      '[That was many years ago. They are friends to this day.|And when, a year later, someone new stood by the gate, it was {friend} who went over first.]',
    ),
  ]
}
