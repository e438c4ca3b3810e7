// Somebody makes something: a soup of what everyone brings, a machine, music, a bargain.
import { pick, pickSome } from '../grammar.ts'
import type { Plot } from './scene.ts'
import * as words from './words.ts'

export const soup: Plot = s => {
  const [one, two, three] = pickSome(words.vegetables, 3, s.random)
  s.set({ one: one!, two: two!, three: three! })
  s.set({
    stranger: pick(['soldier', 'traveller', 'tinker', 'pedlar', 'wandering cook', 'juggler'], s.random),
  })
  return [
    s.say(
      '[Once upon a time,|One winter evening,|Long ago,] {a stranger} came to a village[ in the mountains| by the river| at the edge of the forest|]. [Snow was falling.|{His2} boots were full of holes.] He had nothing but an iron pot. He knocked at the first door, where {an elder} lived. "[Have you anything to eat?|Could you spare {a food}?]" he asked. "[I have nothing|There is nothing left in the house]," said the {elder}[ and shut the door|]. It was the same at every door.'.replace(
        '{His2}',
        'His',
      ),
    ),
    s.say(
      'So the {stranger} sat down by the well, lit a fire and hung the pot over it. He filled it with water and put a round stone into it. {hero}, {a trait} {kind} who lived nearby, came and looked. "What are you doing?" asked {hero}. "[I am cooking stone soup|This will be stone soup]," said the {stranger}. "[It is the best soup in the world.|My grandmother taught me how.] Only {one} would make it even better."'.replaceAll(
        '{a trait}',
        'a curious',
      ),
    ),
    s.say(
      '"We have {one} at home!" said {hero}, and ran to get some. [The {stranger} stirred and tasted.|It began to smell.] "[Very good|Not bad]," he said. "Now {two} would be the right thing." {friend}, {a fkind}, had come to look, too. "I know where there is {two}," said {friend}. And the {elder} came out of the door and asked whether {three} would be of any use. "{Three}! That is what was missing," said the {stranger}.',
    ),
    s.say(
      'Soon the whole village stood around the pot, with bowls and spoons. There was {one} in the soup, and {two}, and {three}, and everyone got a [bowl|plate] full. [Somebody brought bread.|Somebody fetched a fiddle.] "[Who would have thought that one can make such a soup from a stone|I have never eaten anything better]!" said the {elder}.',
    ),
    s.say(
      'In the morning the {stranger} went on. He gave the stone to {hero}. "[Keep it well|Take good care of it]," he said. "[It works only when everyone brings something|You know now what it needs]." [{hero} laughed, for {he} had understood.|{hero} turned it over in {his} hand. It was a stone like any other. Then {he} understood.]',
    ),
  ]
}

export const machine: Plot = s => {
  const made = pick(
    [
      {
        what: 'flying machine',
        does: 'fly',
        first: 'flapped its wings and fell into the hay',
        why: 'it was too heavy',
      },
      {
        what: 'washing machine',
        does: 'wash the dishes',
        first: 'threw all the plates at the wall',
        why: 'it turned too fast',
      },
      {
        what: 'cart with a sail',
        does: 'drive without a horse',
        first: 'rolled backwards into the pond',
        why: 'the sail was on the wrong side',
      },
      {
        what: 'machine that picks apples',
        does: 'pick apples',
        first: 'picked all the leaves and left the apples',
        why: 'its arm was too short',
      },
      {
        what: 'bed that wakes you up',
        does: 'wake the whole family',
        first: 'folded up with the {relative} inside',
        why: 'the spring was too strong',
      },
      {
        what: 'boat that dives',
        does: 'dive',
        first: 'dived and did not come up again',
        why: 'there was a hole in the bottom',
      },
      {
        what: 'snow machine',
        does: 'make snow in summer',
        first: 'made nothing but soap bubbles',
        why: 'the soap had been in the wrong box',
      },
      {
        what: 'robot',
        does: 'sweep the floor',
        first: 'swept the cat out of the window',
        why: 'it could not see where it went',
      },
    ] as const,
    s.random,
  )
  s.set({ what: made.what, does: made.does, why: made.why })
  s.set({ first: s.say(made.first) })
  const [part, part2] = pickSome(words.parts, 2, s.random)
  s.set({ part: part!, part2: part2! })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.say('{hero} loved to build things. In {his} [shed|room|workshop] there were {part} and {part2} and [a hundred other things|all sorts of tools].')}`,
    s.say(
      'One day {he} drew {a what} on a big sheet of paper. "[That will never work|You cannot be serious]," said {friend}, {a fkind} from next door. "[We shall see|Wait and see]," said {hero}. {He} took {part} and a hammer and began. {He} worked [for a week|until late at night|for six days]. Then the {what} was ready. {hero} [pulled the lever|pressed the button|turned the crank]. The {what} {first}.',
    ),
    s.say(
      '[{friend} laughed until {fhe} had to sit down.|"I told you so," said {friend}.|"Oh dear," said {friend}.] {hero} [was not laughing|scratched {his} head]. {He} walked around the {what} and {deed}. "It did not work because {why}," {he} said at last. "[That can be changed|Now I know something that I did not know before]."',
    ),
    s.say(
      'So {hero} began again, and this time {he} used {part2} as well. [{friend} came to look every day, and on the third day {fhe} brought a screwdriver and helped.|It was not easy, and {friend} held the lamp.] The second time, the {what} [rattled and smoked and stopped|went well for a minute, and then it stopped]. "[Nearly|Almost]," said {hero}. [{He} oiled every wheel.|A single screw had been loose.]',
    ),
    s.say(
      'The third time, everyone from the {place} had come to watch. {hero} [pulled the lever|held {his} breath|closed {his} eyes]. And the {what} began to {does}! [People threw their hats into the air.|Nobody said a word. Then they all cheered at once.] "How did you do that?" asked {his} {relative}. "[By doing it wrong twice|I built it wrong two times, and then there was only the right way left]," said {hero}.',
    ),
  ]
}

export const music: Plot = s => {
  const i = pick(
    [
      { name: 'violin', sound: 'like a cat on a hot roof' },
      { name: 'trumpet', sound: 'like an angry elephant' },
      { name: 'flute', sound: 'like the wind in a keyhole' },
      { name: 'drum', sound: 'like potatoes falling down the stairs' },
      { name: 'accordion', sound: 'like a cow with a cold' },
      { name: 'horn', sound: 'like a ship in the fog' },
      { name: 'guitar', sound: 'like a broken clock' },
    ],
    s.random,
  )
  s.set({ instrument: i.name, sound: i.sound })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.say('In the attic {he} had found {an instrument}, [dusty and without a case|wrapped in an old newspaper]. It had belonged to {his} {relative}.')}`,
    s.say(
      '{hero} wanted to play at the [summer|harvest|midsummer|spring] feast. But when {he} tried it for the first time, it sounded {sound}. [The neighbours closed their windows.|The dog ran away and came back only in the evening.] "[Please stop!|Must you do that here?]" said {friend}, {a fkind} who lived next door.',
    ),
    s.say(
      'So {hero} took the {instrument} to the {place}, where nobody could hear {him}. {He} practised every day after school. [In the first week it still sounded {sound}.|After a week the birds no longer flew away.] [After a month there was one clear note, and then two.|After a month one could hear that it was to be a song.] When {his} fingers hurt, {he} {deed}.',
    ),
    s.say(
      'Somebody had heard {him} after all. {An elder} who [often passed by|sat behind a tree and fished] called out one day: "[Slower|Not so fast]! [Listen to the note before you play the next.|A song is not a race.]" From then on the {elder} came every [Tuesday|Friday|evening] and taught {him} [an old song|a song about the sea|a dance].',
    ),
    s.say(
      'Then the feast came. [The band had gone home early|The fiddler had broken his arm|It began to rain, and the band did not come], and it was [very quiet|rather dull]. {hero} climbed on a [chair|table|barrel]. {His} knees were soft. {He} saw the {elder} in the crowd, who nodded. And {hero} played the song.',
    ),
    s.say(
      '[Nobody laughed.|At first nobody moved.] Then [someone began to dance, and then everyone did|people began to clap in time]. {friend} [stood there with an open mouth|was the first who danced]. "[Is that the same {instrument}?|That does not sound {sound} at all!]" {fhe} said. "[It is the same one|It only needed a little time]," said {hero}, and played it once more.',
    ),
  ]
}

export const swaps: Plot = s => {
  const things = pickSome(words.treasures, 4, s.random)
  const people = pickSome(words.elders, 3, s.random)
  for (const [i, thing] of things.entries()) s.set({ [`t${i}`]: thing })
  for (const [i, person] of people.entries()) s.set({ [`p${i}`]: person })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.say('More than anything {he} wanted {a t3}, like the one that the {p2} had. But all that {hero} had was {a t0}.')}`,
    s.say(
      '"[Then swap it|Go and trade it for something better]," said {his} {relative}. So {hero} put the {t0} into {his} bag and went to the {place}. There stood {a p0} [with a sad face|who was looking for something]. "[What I need is {a t0}|My child wishes for {a t0}]," said the {p0}, "but I have only {a t1}." "Shall we swap?" asked {hero}. And so {he} got the {t1}.',
    ),
    s.say(
      'A little further on, by the {place2}, {he} met {a p1}. [The {p1} looked at the {t1} with shining eyes.|"What a beautiful {t1}!" said the {p1}.] "I would give {a t2} for it." [{hero} did not think long.|"It is yours," said {hero}.] Now {he} had the {t2}.',
    ),
    s.say(
      'In the afternoon {he} came to the house of the {p2}. "[I would like to have the {t3}|May I have the {t3}]," said {hero}, "and I give you {a t2} for it." The {p2} [laughed|shook hands with {him}]. "I have been looking for {a t2} all my life!" And {hero} held the {t3} in {his} hands.',
    ),
    s.say(
      'On the way home {he} met {friend}, {a fkind}, who was crying. "My {t3} is broken," said {friend}, "and there is no other one in the whole [village|town|valley]." {hero} looked at the {t3}. [{He} had only just got it.|It had taken a whole day.] Then {he} gave it away. "[Here|Take it]," {he} said. "[What do you want for it|What must I give you]?" asked {friend}. "[Nothing|Play with me]," said {hero}.',
    ),
    s.say(
      '"[What did you get in the end|So, what have you brought home]?" asked {his} {relative} in the evening. "First I had {a t0}, then {a t1}, then {a t2}, then {a t3}," said {hero}. "And now I have a friend. [That was the best swap of all.|I will not swap again.]"',
    ),
  ]
}

export const errands: Plot = s => {
  const [one, two, three] = pickSome(words.foods, 3, s.random)
  s.set({ one: one!, two: two!, three: three! })
  return [
    `${s.introduce(pick([...words.goodTraits, ...words.badTraits], s.random))} ${s.say('But there was one thing that {he} could not do: {he} forgot everything. [{He} even forgot {his} shoes.|Once {he} had forgotten {his} own birthday.]')}`,
    s.say(
      '{Morning} "Go to the {place}, please," said {his} {relative}, "and bring {a one}, {a two} and {a three}. [Can you remember that?|Shall I write it down?]" "Of course," said {hero}. "[{A one}, {a two} and {a three}.|That is easy.]" And {he} set out.'.replace(
        '{Morning}',
        s.morning(),
      ),
    ),
    s.say(
      'On the way {he} met {friend}, {a fkind}. "[Look what I have found|See what I can do]!" called {friend}, and showed {him} {a treasure}. They played with it [until the clock struck three|for an hour]. When {hero} went on, {he} stopped suddenly. What was it that {he} had to bring? {hero} {deed}. It was gone.',
    ),
    s.say(
      '"[Think of what it looked like when you heard it|Go back in your mind]," said {friend}. "[Where did you stand?|What did you see?]" {hero} closed {his} eyes. "I stood at the door. {capital} said, bring {a one}." "[Good|Well done]! And then?" "Then {a two}." "And the third?" {hero} thought until {his} ears were red. "{A three}!"'.replace(
        '{capital}',
        /mother|aunt|sister/.test(s.values.relative!) ? 'She' : 'He',
      ),
    ),
    s.say(
      'So they made a song of it: "{A one}, {a two}, {a three}, hey, that is all for me today!" They sang it all the way to the {place}, and the {elder} who sold things there sang along. [{hero} got all three, and {a food} for the song.|{hero} came home with everything.]',
    ),
    s.say(
      '"[You have forgotten nothing|All three]!" said {his} {relative}. "[How did you do that|What is your secret]?" "[I sang it|One cannot forget a song]," said {hero}. [From then on {he} made a song of everything, and forgot nothing any more. Only {his} shoes, now and then.|And the next day {he} sang the whole timetable.]',
    ),
  ]
}

export const team: Plot = s => {
  const [a, b, c] = pickSome(
    [
      { can: 'climb better than anyone', does: 'climbed up the wall and let down a rope' },
      { can: 'dig faster than a mole', does: 'dug a hole under the fence' },
      { can: 'sing so well that even dogs fell asleep', does: 'sang until the watchdog slept' },
      { can: 'run like the wind', does: 'ran ahead and fetched a ladder' },
      { can: 'read every kind of writing', does: 'read what was written on the door' },
      { can: 'see in the dark like an owl', does: 'led the way through the dark passage' },
      { can: 'swim like a fish', does: 'swam across and brought back the boat' },
      { can: 'lift a whole sack of flour', does: 'lifted the iron bar from the gate' },
    ],
    3,
    s.random,
  ) as [{ can: string; does: string }, { can: string; does: string }, { can: string; does: string }]
  s.set({ can1: a.can, can2: b.can, can3: c.can, does1: a.does, does2: b.does, does3: c.does })
  s.set({ lost: pick(words.smallAnimals, s.random) })
  return [
    s.say(
      '[Once upon a time,|Once,|In {a home}, not far from here,] there lived three friends: {hero}, {friend} and {third}. {hero} could {can1}. {friend} could {can2}. And {third} could {can3}. [They often quarrelled about who was the best.|Each of them thought that what {ghe2} could do was the most important.]'.replace(
        '{ghe2}',
        'he or she',
      ),
    ),
    s.say(
      'One evening {an elder} came to them, quite out of breath. "My {lost} is gone!" said the {elder}. "[Somebody has taken it|It ran after a butterfly and did not come back]. I heard it cry behind the walls of the old castle. [Can you help me?|Nobody dares to go there.]" "[I will do it|That is easy for me]," said {hero}. "[You need me for that|You cannot do it without me]," said {friend}. "[Let me go|I am the one you want]," said {third}. So they all went.',
    ),
    s.say(
      'When they came to the castle, they could not get any further. {hero} {does1}. [Now they were on the other side.|That was the first step.] But it was not over yet. Then it was the turn of {friend}. {friend} {does2}. [Closer and closer came the crying.|They could hear the {lost} now.] And at last {third} {does3}.',
    ),
    s.say(
      'There sat the little {lost}, [in a corner|under a broken table|behind a barrel], cold and alone. [It jumped into the arms of {third}.|{hero} wrapped it in a scarf.] They carried it home, and the {elder} wept for joy. "[Which of you saved it|Whom must I thank]?" asked the {elder}.',
    ),
    s.say(
      'The three looked at each other. "{hero}, who can {can1}," said {friend}. "{friend}, who can {can2}," said {third}. "{third}, who can {can3}," said {hero}. [Then they had to laugh.|And they never quarrelled about it again.] The {elder} [baked {a food} for each of them|gave them {a treasure}, and they shared it].',
    ),
  ]
}
