// What coding mode tells the model about how to write edits; see edit-block.ts for how they are read.

/** How a model writes its changes: blocks that search lines and put others in their place, or whole files. */
export type EditFormat = 'search' | 'whole'

const search = `You change files with edit blocks of this form:

path/to/file
<<<<<<< SEARCH
old lines
=======
new lines
>>>>>>> REPLACE

Copy the SEARCH lines exactly as they stand in the file. Each SEARCH part must stand in the file once. Keep each block small; use several blocks for several places. An empty SEARCH part makes a new file.`

const whole = `You change files by writing them whole, each in this form:

path/to/file
\`\`\`
all lines of the file
\`\`\`

Write every line of the file, those that stay the same too. Leave nothing out.`

/** Appended to the system prompt while coding mode is on. */
export const instructions: Readonly<Record<EditFormat, string>> = { search, whole }
