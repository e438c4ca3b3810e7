// What stories are made of. Everything here may meet everything else that it is chosen with: a thing is small enough to
// carry and lose, a place can be walked to, a trait shows in deeds.

const list = (text: string): readonly string[] =>
  text.split(',').map(item => item.trim().replace(/\s+/g, ' '))

export const girls = list(
  `Lily, Mia, Anna, Rosa, Ella, Nora, Zoe, Ruby, Clara, Ivy, Hana, Maya, Tess, Lucy, Emma, Sofia, Grace, Alma, Freya,
  Wren, Daisy, Olive, June, Pia, Leni, Kira, Amina, Yuki, Noor, Carla, Dora, Edith, Flora, Gwen, Holly, Ines, Jana, Lena,
  Mila, Nina, Opal, Pearl, Rita, Selma, Tilda, Una, Vera, Willa, Thea, Bella`,
)
export const boys = list(
  `Tom, Ben, Max, Leo, Sam, Finn, Jack, Noah, Oscar, Theo, Hugo, Milo, Eli, Otto, Felix, Adam, Karl, Omar, Ravi, Kenji,
  Luis, Marco, Nils, Pablo, Quinn, Rufus, Simon, Toby, Uri, Viktor, Walt, Yusuf, Arlo, Bruno, Caleb, Dan, Emil, Frank,
  George, Henry, Ivan, Jonas, Kofi, Liam, Mateo, Ned, Owen, Peter, Ron, Tim`,
)
/** Kinds of animals that have stories of their own. */
export const animals = list(
  `rabbit, fox, bear, hedgehog, squirrel, mouse, otter, owl, badger, frog, duck, beaver, deer, goat, donkey, kitten,
  puppy, pony, lamb, turtle, mole, crow, goose, hen, piglet, raccoon, penguin, seal, elephant, lion, monkey, parrot`,
)
/** Small ones that can be in trouble and be helped. */
export const smallAnimals = list(
  `bird, mouse, bee, beetle, butterfly, kitten, duckling, hedgehog, frog, snail, squirrel, ladybug, sparrow, rabbit,
  turtle, cricket, fish, owl chick, lizard, mole`,
)

export interface Trait {
  /** As in: a ... girl. */
  readonly word: string
  /** Said of the hero: he or she ... */
  readonly habit: string
  /** What it leads to when things get hard; `{hero}` and pronouns. */
  readonly deed: string
}

export const goodTraits: readonly Trait[] = [
  {
    word: 'patient',
    habit: 'could wait for a very long time without a word',
    deed: 'took {his} time and did not hurry',
  },
  {
    word: 'brave',
    habit: 'was not afraid of thunder or of the dark',
    deed: 'took a deep breath and went on',
  },
  {
    word: 'curious',
    habit: 'asked a hundred questions every day',
    deed: 'looked closely at every little thing',
  },
  {
    word: 'careful',
    habit: 'always looked twice before taking a step',
    deed: 'went slowly, one step at a time',
  },
  { word: 'clever', habit: 'liked riddles more than cake', deed: 'thought hard until there was a plan' },
  {
    word: 'kind',
    habit: 'could not see anyone cry without stopping',
    deed: 'listened to {his} heart',
  },
  {
    word: 'stubborn',
    habit: 'never gave up, not even when everybody else had gone home',
    deed: 'would not give up',
  },
  {
    word: 'cheerful',
    habit: 'hummed a song from morning to night',
    deed: 'hummed a little song to keep up {his} courage',
  },
  { word: 'quiet', habit: 'heard things that nobody else heard', deed: 'stood very still and listened' },
  {
    word: 'tidy',
    habit: 'put everything back in its place',
    deed: 'went over everything once more, one thing after the other',
  },
]

/** Traits that must be unlearnt. */
export const badTraits: readonly (Trait & { readonly lesson: string; readonly better: string })[] = [
  {
    word: 'careless',
    habit: 'left things lying wherever they fell',
    deed: 'did not look and did not think',
    lesson: 'to take care of things',
    better: 'put everything away before going to bed',
  },
  {
    word: 'proud',
    habit: 'told everyone who was the best',
    deed: 'laughed and would not listen',
    lesson: 'that nobody is the best at everything',
    better: 'clapped for the others first',
  },
  {
    word: 'greedy',
    habit: 'never left a crumb for anyone',
    deed: 'took all of it at once',
    lesson: 'that half of something shared tastes better than all of it alone',
    better: 'cut every cake into equal pieces',
  },
  {
    word: 'lazy',
    habit: 'said "later" to everything',
    deed: 'lay down in the shade instead',
    lesson: 'that later comes sooner than you think',
    better: 'did the work first and played afterwards',
  },
  {
    word: 'impatient',
    habit: 'could not wait for anything',
    deed: 'pulled and pushed and would not wait',
    lesson: 'that some things need time',
    better: 'counted to twenty, slowly, and smiled',
  },
  {
    word: 'bossy',
    habit: 'told everybody what to do',
    deed: 'shouted orders until the others went away',
    lesson: 'to ask and not to order',
    better: 'said "please" and waited for an answer',
  },
]

/** Things that can be carried, loved and lost. */
export const treasures = list(
  `red ball, blue kite, wooden boat, toy train, silver whistle, yellow scarf, green hat, small drum, glass marble, tin
  soldier, rag doll, brass bell, paper lantern, music box, picture book, magnifying glass, stuffed bear, toy rabbit,
  wooden horse, striped umbrella, golden key, compass, little flute, pocket mirror, woollen glove, red shoe, paint box,
  jump rope, shell necklace, wind-up mouse, feather pen, button box, spinning top, white pebble, spyglass, map`,
)
/** Things that a hero may wish for. */
export const wishes = list(
  `bicycle, sled, tree house, garden, puppy, boat, telescope, violin, pair of skates, swing, aquarium, camera, tent,
  guitar, fishing rod, hammock, drum, sailing boat, pony, piano`,
)
export const foods = list(
  `apple, pear, plum, carrot, bun, pancake, honey cake, cheese sandwich, bowl of soup, biscuit, cherry pie, nut, slice
  of bread, cookie, jam tart, corn cob, potato, strawberry, pretzel, melon, peach, muffin, bowl of porridge, raisin roll`,
)
/** Where one lives or comes from. */
export const homes = list(
  `small house at the edge of the village, cottage by the river, tall house in the town, farm on the hill, little flat
  above the bakery, wooden hut in the forest, white house by the sea, mill beside the stream, caravan in the meadow,
  stone house in the mountains, houseboat on the canal, old lighthouse`,
)
export const animalHomes = list(
  `burrow under the oak, cave behind the waterfall, hollow tree, nest of leaves, den between the rocks, hut of twigs by
  the pond, hole in the old wall, cosy barn, house of moss, reed hut by the lake`,
)
/** To be walked to; after "to the". */
export const places = list(
  `park, forest, beach, market, pond, meadow, library, harbour, old bridge, orchard, river, hill, playground, field,
  garden, train station, castle ruin, lake, village square, barn, windmill, well, cornfield, island, bakery, valley`,
)
/** Where something may lie; whole phrases. */
export const hidingPlaces = list(
  `under the bench, behind the big stone, in the tall grass, between the roots of the oak, under the bridge, on top of the
  wall, inside the hollow log, beside the fountain, under a pile of leaves, behind the bushes, in the empty boat, at the
  foot of the stairs, in the hay, near the old gate, under the apple tree, beside the well, in the sandbox, on the
  window sill, behind the shed, inside the watering can`,
)
export const weathers = list(
  `the sun was shining, it was a windy day, it had rained all night, snow lay on the roofs, the sky was grey, it was warm
  and still, fog hung over the fields, leaves were falling, the first flowers were out, it was so hot that the air
  trembled, the wind sang in the chimney, the morning was cold and clear`,
)
export const relatives = list(
  `mother, father, grandmother, grandfather, aunt, uncle, big sister, big brother`,
)
export const elders = list(
  `old woman, old man, fisherman, baker, farmer, gardener, shepherd, miller, ferryman, blacksmith, teacher, librarian,
  carpenter, beekeeper, postman, clockmaker, sailor, tailor, potter, painter`,
)
export const colours = list(
  `red, blue, green, yellow, purple, orange, white, silver, golden, pink, brown, turquoise`,
)
export const seeds = list(
  `sunflower, bean, pumpkin, apple, tomato, melon, cherry, rose, pea, cucumber, strawberry, tulip, corn, carrot`,
)
export const fears = [
  { of: 'the dark', place: 'the cellar', sign: 'hid under the blanket as soon as the lamp went out' },
  { of: 'deep water', place: 'the lake', sign: 'never went in further than the ankles' },
  { of: 'high places', place: 'the top of the tower', sign: 'held on to the rail on every stair' },
  { of: 'thunder', place: 'the open field', sign: 'crept under the table when clouds came up' },
  { of: 'big dogs', place: 'the farm yard', sign: 'crossed the street whenever one barked' },
  {
    of: 'speaking in front of people',
    place: 'the stage of the school',
    sign: 'turned red when anyone asked a question',
  },
  {
    of: 'the old forest',
    place: 'the path between the firs',
    sign: 'walked all the way around it to get to school',
  },
  { of: 'swings', place: 'the big swing', sign: 'always let the others go first' },
] as const
export const contests = [
  { name: 'race', verb: 'run', at: 'from the gate to the old oak', trouble: 'a shoe came off in the mud' },
  {
    name: 'boat race',
    verb: 'sail a boat',
    at: 'across the pond',
    trouble: 'the sail got stuck in the reeds',
  },
  {
    name: 'baking contest',
    verb: 'bake a cake',
    at: 'on the village square',
    trouble: 'the cake burned on one side',
  },
  {
    name: 'painting contest',
    verb: 'paint a picture',
    at: 'in the school hall',
    trouble: 'the water spilled over the paper',
  },
  {
    name: 'singing contest',
    verb: 'sing a song',
    at: 'at the summer fair',
    trouble: 'the words of the second verse were gone',
  },
  { name: 'kite contest', verb: 'fly a kite', at: 'on the hill', trouble: 'the string broke' },
  {
    name: 'sandcastle contest',
    verb: 'build a castle',
    at: 'on the beach',
    trouble: 'a wave washed away the tower',
  },
  {
    name: 'snowman contest',
    verb: 'build a snowman',
    at: 'in front of the town hall',
    trouble: 'the head rolled down the hill',
  },
] as const
/** What an animal may be caught in, and how it comes free. */
export const troubles = [
  { state: 'was caught in a net', act: 'untied the knots one by one' },
  { state: 'had fallen into the water', act: 'held out a long branch' },
  { state: 'was stuck under a heavy stone', act: 'pushed the stone away with a stick' },
  { state: 'had a thorn in one foot', act: 'pulled the thorn out very gently' },
  { state: 'had fallen out of its nest', act: 'carried it back up in a hat' },
  { state: 'was shivering in the snow', act: 'warmed it under a coat' },
  { state: 'was trapped in a jar', act: 'turned the lid until it came off' },
  { state: 'had not eaten for two days', act: 'shared the last piece of bread with it' },
  { state: 'could not find its way home', act: 'walked with it until they saw its mother' },
] as const
