// Riddles, strange noises, secrets, wishes and what came of them.
import { pick, pickSome } from '../grammar.ts'
import type { Plot } from './scene.ts'
import * as words from './words.ts'

export const riddle: Plot = s => {
  const r = pick(
    [
      {
        seen: 'saw {his} own shadow on the road, long and thin',
        asks: 'It follows you all day, but never at night, and you cannot catch it. What is it?',
        answer: 'my shadow',
      },
      {
        seen: 'called across the valley, and the echo called back',
        asks: 'It answers everyone, but has never asked a question. What is it?',
        answer: 'an echo',
      },
      {
        seen: 'crossed the river, which never stood still',
        asks: 'It runs and runs, and has no legs. What is it?',
        answer: 'a river',
      },
      {
        seen: 'stopped to dry {his} face with a towel',
        asks: 'The more it dries, the wetter it gets. What is it?',
        answer: 'a towel',
      },
      {
        seen: 'fell into a hole and climbed out of it again',
        asks: 'The more you take away from it, the bigger it gets. What is it?',
        answer: 'a hole',
      },
      {
        seen: 'lit a candle, for it was growing dark',
        asks: 'It is tall when it is young and short when it is old. What is it?',
        answer: 'a candle',
      },
      {
        seen: 'found an egg in the grass and put it back into its nest',
        asks: 'It is a white house without doors, and somebody lives in it. What is it?',
        answer: 'an egg',
      },
      {
        seen: 'looked at the clock on the tower, whose hands were moving',
        asks: 'It has two hands and cannot clap. What is it?',
        answer: 'a clock',
      },
      {
        seen: 'looked into the well and saw {his} own face',
        asks: 'It shows everyone a different picture, and has never painted one. What is it?',
        answer: 'the water',
      },
    ] as const,
    s.random,
  )
  s.set({
    seen: s.say(r.seen),
    asks: r.asks,
    answer: r.answer,
    keeper: pick(['owl', 'stone giant', 'grey cat', 'old raven', 'dwarf', 'troll', 'dragon'], s.random),
  })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.say('One day {his} {relative} fell ill. "[Only the water from the spring behind the {place} can help|Nothing will help but the herb that grows behind the {place}]," said {an elder}. "[But the way there is guarded|But nobody may pass who cannot answer one question]."')}`,
    s.say(
      '{hero} set out at once. On the way {he} {seen}. [{He} thought nothing of it and went on.|{He} smiled and walked on.] {He} passed the {place2}, where {friend}, {a fkind}, sat on a fence. "[Where are you going in such a hurry|Where to]?" asked {friend}. "To the {place}," said {hero}, and {friend} came along.',
    ),
    s.say(
      'Before the gate sat {a keeper}. "[Nobody passes here who cannot solve my riddle|Stop]!" said the {keeper}. "Listen: {asks} [You have three tries.|Think well, for you may answer only once.]" {friend} [turned pale|whispered, "I do not know"]. {hero} {deed}.',
    ),
    s.say(
      '{He} thought of everything that had happened on the way. And then {he} [had to smile|knew it]. "It is {answer}," said {hero}. The {keeper} [looked at {him} for a long time|was silent]. "[How did you know that|Who told you]?" it asked. "[I met it today|I have seen it on my way]," said {hero}. "[One only has to look|One has to keep one\'s eyes open]."',
    ),
    s.say(
      'The gate opened. {hero} took what {he} needed and ran home as fast as {he} could. [The next morning|After three days], {his} {relative} was well again. And the {keeper}? It [is said to be looking for a new riddle|has been thinking of a harder one ever since].',
    ),
  ]
}

export const whoAteIt: Plot = s => {
  const suspects = pickSome(
    [
      { who: 'the goat', sign: 'a white hair', innocent: 'had been tied up behind the barn' },
      { who: 'the cat', sign: 'the print of a soft paw', innocent: 'had been asleep on the stove' },
      { who: 'the raven', sign: 'a black feather', innocent: 'had been sitting on the church tower' },
      { who: 'the hedgehog', sign: 'a little brown spine', innocent: 'had been under the leaves since noon' },
      { who: 'the duck', sign: 'a wet footprint', innocent: 'had been on the pond with all her children' },
      { who: 'the mouse', sign: 'the marks of tiny teeth', innocent: 'had been hiding from the cat' },
      { who: 'the squirrel', sign: 'the shell of a nut', innocent: 'had been counting her nuts in the tree' },
      { who: 'the dog', sign: 'a chewed bone', innocent: 'had been guarding the gate' },
    ],
    2,
    s.random,
  )
  const [thief, other] = suspects as [(typeof suspects)[number], (typeof suspects)[number]]
  s.set({ who: thief.who, sign: thief.sign, other: other.who, innocent: other.innocent })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))}`,
    s.say(
      'One [morning|afternoon] there was a great noise in the house. "My pie is gone!" cried {his} {relative}. "[I put it on the window sill to cool|It stood on the table a minute ago], and now there are only crumbs!" "[It was {other}!|I am sure that it was {other}]," said {friend}, {a fkind} who had come to visit. "{Other} is always hungry."',
    ),
    s.say(
      '"[Let us not be too quick|We do not know that yet]," said {hero}. {He} {deed}. First they went to {other}. But {other} {innocent}, and {an elder} had seen it. "[Then it must have been somebody else|So that was wrong]," said {friend}, a little ashamed.',
    ),
    s.say(
      '{hero} went back to the window and looked again. [There were crumbs on the floor.|A flower pot had fallen over.] And there, beside the plate, lay {sign}. Nobody had noticed it before. "{Sign}," {he} said slowly. "Who leaves something like that behind?" [They looked at each other.|{friend} thought for a moment.] "{Who}!" they both said at once.',
    ),
    s.say(
      'They found {who} [behind the shed|under the stairs|in the garden], round and full and very quiet. "[I am sorry|It smelled so good]," said {who}. "[I only wanted to taste it, and then it was gone.|I was so hungry.]" "[You could have asked|Next time you only need to ask]," said {hero}.',
    ),
    s.say(
      'That evening they baked a new pie, and {who} had to [wash the bowls|fetch the flour|carry the wood]. Then everyone got a piece. {other2}, too, and it was the biggest, for {friend} said: "I am sorry that I [thought it was you|did not ask first]."'.replace(
        '{other2}',
        '{Other} got one',
      ),
    ),
  ]
}

export const noise: Plot = s => {
  const n = pick(
    [
      { sound: 'a scratching', real: 'a branch of the old pear tree, which the wind moved to and fro' },
      { sound: 'a soft knocking', real: 'a loose shutter' },
      { sound: 'a sigh', real: 'an owl with three grey children' },
      { sound: 'a rolling noise', real: 'a family of dormice who were playing with nuts' },
      { sound: 'a thin whining', real: 'a kitten that had come in through the roof' },
      { sound: 'a ticking', real: 'the clock of the great-grandfather, which had begun to go again' },
      { sound: 'a rattling', real: 'a marten that had got its head into a tin' },
    ],
    s.random,
  )
  s.set({
    sound: n.sound,
    real: n.real,
    guess: pick(['a ghost', 'a thief', 'a monster', 'a witch', 'a dragon'], s.random),
  })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.say('Above {his} bed was the attic, where nobody ever went.')}`,
    s.say(
      'One night {hero} woke up. There was {sound} [above {him}|over {his} head]. {He} held {his} breath. There it was again! "[It is {guess}|That must be {guess}]," thought {hero}, and pulled the blanket over {his} head. [{He} did not sleep until morning.|The night was very long.]',
    ),
    s.say(
      'The next day {he} told {friend}, {a fkind}. "{Guess}?" said {friend}. "[There is no such thing|I have always wanted to see one]. Tonight I will sleep at your house, and then we go up." {hero} [was not sure that this was a good idea|swallowed]. But when it was dark, the two lay awake and waited. And when the clock struck twelve, there was {sound} once more.',
    ),
    s.say(
      'They took [a candle|a lamp|a torch] and crept up the stairs. Every step creaked. "[You first|After you]," whispered {friend}, who was not so brave any more. {hero} {deed}. Then {he} pushed the door open. [The light fell into the corner.|Something moved.] It was not {guess}. It was {real}!',
    ),
    s.say(
      '[They laughed until {his} {relative} came up to see what was going on.|"And I hid under my blanket because of that!" said {hero}.] [They put everything in order|They sat there and looked for a long time], and then they went to bed. Since then {hero} has listened to the noises of the night with pleasure. "[Most ghosts have a name|When you hear something, go and look]," {he} says, "[and it is never the one you thought of|and it is good to have a friend with you]."',
    ),
  ]
}

export const threeWishes: Plot = s => {
  const first = pick(
    [
      {
        wish: 'a mountain of cake',
        result: 'cake filled the kitchen up to the ceiling, and nobody could get out of the door',
      },
      {
        wish: 'that it would never be bedtime',
        result:
          'the sun stayed where it was, and everyone grew so tired that they fell asleep over their plates',
      },
      {
        wish: 'to be as big as a house',
        result: '{his} head went through the roof, and the birds built a nest in {his} hair',
      },
      {
        wish: 'that all animals could talk',
        result: 'the hens complained, the cows quarrelled, and nobody could hear a word for the noise',
      },
      {
        wish: 'that everything {he} touched would turn to gold',
        result: 'the bread turned to gold, and the soup turned to gold, and {he} could not eat a bite',
      },
      { wish: 'to be invisible', result: 'everybody bumped into {him}, and nobody gave {him} any supper' },
      {
        wish: 'snow in the middle of summer',
        result: 'the cherries froze on the trees, and the swallows shivered on the roof',
      },
    ] as const,
    s.random,
  )
  const giver = pick(['fish', 'old frog', 'fairy', 'dwarf', 'golden bird', 'grey hare'], s.random)
  s.set({ wish1: s.say(first.wish), result: s.say(first.result), giver })
  return [
    s.introduce(pick([...words.badTraits, ...words.goodTraits], s.random)),
    s.say(
      'One day {he} found {a giver} [in a net|in a thorn bush|under a fallen branch] near the {place}, and set it free. "[You have saved my life|I thank you]," said the {giver}. "[For that you have three wishes|You may wish for three things]. But think well before you speak!"',
    ),
    s.say(
      '{hero} did not think at all. "I wish for {wish1x}!" {he} cried. And at once {result}. [That was not what {he} had meant.|At first it was funny. Then it was not.] "[Make it stop|Help me]!" called {friend}, {a fkind} who had come to visit.'.replace(
        'I wish for {wish1x}',
        /^(that|to) /.test(first.wish) ? 'I wish {wish1}' : 'I wish for {wish1}',
      ),
    ),
    s.say(
      '"[I wish that everything were as it was before|I wish that it had never happened]," said {hero} quickly. And so it was. Now there was only one wish left. {hero} went to bed with it, and got up with it. {He} thought of {a wish}. {He} thought of {a treasure}. {He} {deed}.',
    ),
    s.say(
      'Then {he} saw {an elder} [who sat on the steps and wept|who could not find the way home any more]. "[What is the matter|Why are you so sad]?" asked {hero}. "[My house burned down|My only goat is ill|The frost has eaten all my corn]," said the {elder}. {hero} did not think long this time. "[I wish that all is well with you again|I wish that you may laugh again]," {he} said.',
    ),
    s.say(
      '"[That was the best wish of the three|Now you have learned how to wish]," said the {giver}, who had been listening. [And it jumped and was gone.|Nobody has seen it since.] {hero} had [no cake and no gold|nothing in {his} hands], but {he} walked home and whistled.',
    ),
  ]
}

export const fallenStar: Plot = s => {
  s.set({
    star: pick(
      ['star', 'piece of the moon', 'cloud', 'snowflake that would not melt', 'ray of the sun'],
      s.random,
    ),
  })
  const ways = pickSome(
    [
      'They climbed the highest tree, but it was not high enough.',
      'They tied it to a kite, but the string was too short.',
      'They asked the eagle, but he was afraid of the light.',
      'They built a tower of all the chairs of the village, and it fell over.',
      'They threw it up as high as they could, and it came down again.',
      'They put it on a balloon, and the balloon burst.',
    ],
    2,
    s.random,
  )
  s.set({ way1: ways[0]!, way2: ways[1]! })
  return [
    s.introduce(pick(words.goodTraits, s.random)),
    s.say(
      'One night {hero} saw something bright fall from the sky, right behind the {place}. {He} put on {his} coat and ran. There, [in the grass|between two stones|in a puddle], lay a little {star}. "[I am so cold|I want to go home]," it said in a voice like a bell. "[I leaned too far over the edge to see the earth, and then I fell.|My sisters are up there, and I am down here.]"',
    ),
    s.say(
      '{hero} took the little {star} in both hands and carried it to {friend}, {a fkind}. "[We must bring it back|How do we get it up there again]?" {he} asked. {friend} had an idea. {way1} Then {hero} had an idea. {way2} The little {star} [grew paler and paler|shone less and less].',
    ),
    s.say(
      '"[Do not give up|There must be a way]," said {friend}. {hero} {deed}. Then {he} looked into the {lake}, which lay as smooth as a mirror, and all the stars of the sky were in it. "[If the sky is down there, too|Up and down are the same there]," {he} said, "[we only have to put it into the water|then we do not need to climb]!"'.replace(
        '{lake}',
        pick(['pond', 'lake', 'well', 'river'], s.random),
      ),
    ),
    s.say(
      'Carefully they laid the little {star} on the water. It [trembled|glowed once]. Then it rose, slowly at first, over the reeds, over the trees, higher and higher, until it was [no more than a point of light|back among the others]. "[Good night|Thank you]!" they heard from very far away.',
    ),
    s.say(
      'Every evening, before {hero} goes to bed, {he} [looks out of the window|opens the curtain]. And every evening, just above the {place}, there is a light that [blinks twice|is a little brighter than the rest]. [Then {hero} blinks back.|"Good night," says {hero}, and sleeps well.]',
    ),
  ]
}

export const surprise: Plot = s => [
  `${s.introduce(pick(words.goodTraits, s.random))} ${s.introduceFriend()} ${s.say('The two told each other everything.')}`,
  s.say(
    'But one day {friend} [was different|had no time]. "[I have to go home|I cannot play today]," {fhe} said, and hid something behind {fhis} back. The next day it was the same. And on the third day, {hero} saw {friend} with {third}, {a gkind}, by the {place}. They whispered. When {hero} came nearer, they stopped.',
  ),
  s.say(
    '"[{friend} does not like me any more|They do not want me]," thought {hero}, and {his} throat felt tight. [{He} did not eat {his} supper.|{He} lay on {his} bed and looked at the wall.] "[Have you asked {fhim}|Did {friend} tell you that]?" asked {his} {relative}. "No," said {hero}. "[Sometimes things are not what they look like|You should ask before you are sad]," said {his} {relative}.',
  ),
  s.say(
    'So the next morning {hero} {deed}, and then {he} went to the home of {friend} and knocked. [It was quite dark inside.|Nobody answered, but the door was open.] {He} went in. "Surprise!" cried ten voices at once. There were {friend} and {third} and all the others, with paper lanterns and {a food} [as big as a wheel|with candles on it].',
  ),
  s.say(
    '"Happy birthday!" said {friend}, and gave {him} {a treasure}. "[I made it myself|We made it together]. That was why I had no time." {third} [had painted the lanterns|had baked for three days]. {hero} had [quite forgotten what day it was|not thought of that at all]. "[And I believed that you did not like me any more|And I was so sad]," said {hero}. "[You silly goose|Next time, ask me]," said {friend}, and hugged {him}.',
  ),
]

export const lighthouse: Plot = s => {
  s.set({
    ship: pick(['fishing boat', 'white sailing ship', 'ferry', 'little steamer', 'mail boat'], s.random),
  })
  s.set({
    trouble: pick(
      [
        'the lamp went out',
        'the oil was used up',
        'the wind broke the window and blew out the light',
        'the great wheel stopped turning',
      ],
      s.random,
    ),
  })
  s.set({
    light: pick(
      [
        'a fire of driftwood on the rocks',
        'every lantern in the village',
        'all the mirrors and candles from the house',
        'a torch in each hand',
      ],
      s.random,
    ),
  })
  return [
    s.say(
      '[On a rock in the sea|On the last rock before the open sea|Far out, where the land ends,] stood a lighthouse, and in it lived {hero}, {a trait2} {kind}, with {his} {relative}. Every evening they lit the lamp. "[The ships need it|Somebody is always out there]," {his} {relative} used to say. "[A light is a promise.|One must keep it.]"'.replace(
        '{a trait2}',
        pick(['a small', 'a quiet', 'a brave', 'a curious', 'a young'], s.random),
      ),
    ),
    s.say(
      'One day {his} {relative} had to go to the village for [bread|oil|medicine]. "[I will be back before dark|You know what to do]." But in the afternoon a storm came up. The waves were as high as houses, and no boat could cross. {hero} was alone. {He} lit the lamp, as {he} had seen it done a hundred times.',
    ),
    s.say(
      'Then, in the middle of the night, {trouble}. It was black outside. And just then {hero} heard a horn. {A ship} was out there, and it was coming straight towards the rocks! [{His} heart stood still.|{He} ran up the stairs and down again.] "A light is a promise," {he} thought.',
    ),
    s.say(
      '{He} took {light}. [It burned, and it did not go out.|The wind pulled at it, but {he} held on.] {hero} stood there for hours, wet to the skin, and sang to stay awake. On the {ship} {friend}, {a fkind}, was standing at the rail. "[Over there|A light]!" cried {friend}. The {ship} turned, slowly, slowly, and passed the rocks.',
    ),
    s.say(
      'In the morning the sea was [calm|as flat as a plate]. {His} {relative} came back with the first boat, and with it came all who had been on board. "[Who kept the light|Was that you]?" asked {friend}. {hero} had fallen asleep on the steps. [They let {him} sleep.|"Shh," said {his} {relative}, and put a blanket over {him}.] And {friend} put {a treasure} beside {him}, so that {he} would find it when {he} woke up.',
    ),
  ]
}

export const bottle: Plot = s => {
  s.set({
    answer: pick(
      [
        'a drawing of an island with three palms',
        'a photograph of a snowy mountain',
        'a blue feather',
        'a map with a cross on it',
        'a pressed flower that nobody knew',
      ],
      s.random,
    ),
  })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.say('[There were no other children far and wide|All the others had moved away], and sometimes {he} was lonely.')}`,
    s.say(
      'One day {he} wrote a letter. "[Dear stranger|Hello, whoever you are]," {he} wrote, "[my name is|I am] {hero}. I have {a treasure}, and I like {food}. [What do you like?|Who are you?] Please write back." {He} put the letter into a bottle, closed it with a cork and threw it into the river.'.replace(
        'I like {food}',
        'my favourite colour is {colour}',
      ),
    ),
    s.say(
      'Then {he} waited. [One week went by, and then another.|Spring went, and summer came.] Every day {hero} went down to the river and looked. There was [an old shoe|a piece of wood|a dead leaf], but no bottle. "[It has sunk|Nobody writes back to a bottle]," said {an elder}. But {hero} {deed}.',
    ),
    s.say(
      'In the autumn, when [the leaves were falling|the first fog came], something knocked against the landing. It was a bottle, but it was green, not white like the one that {he} had sent. In it were {answer} and a letter. "Dear {hero}," it said. "My name is {friend}. I am {a fkind}, and I live where the river meets the sea. My favourite colour is {colour}, too. [I have nobody to play with, either.|Your letter was the best thing that happened to me this year.]"',
    ),
    s.say(
      'They wrote to each other all winter long. And in the spring {hero} and {his} {relative} took the boat down the river, for three days, to where it meets the sea. On the pier stood somebody with {a colour} scarf, and waved. "[Are you|You must be] {friend}?" called {hero}. "[And you are {hero}|I knew you at once]!" called {friend}.',
    ),
    s.say(
      '[They have seen each other every summer since.|"Now we do not need a bottle any more," said {friend}.] But the {colour} scarf and the green bottle [stand on the shelf|are kept] to this day, [next to the {treasure}|for one never knows who else is waiting for a letter].'.replace(
        'stand on',
        'lie on',
      ),
    ),
  ]
}
