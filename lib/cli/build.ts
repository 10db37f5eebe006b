/**
 * What a build writes into the program.
 *
 * A build replaces the text below in the bundled JavaScript, so nothing has to
 * be read, and nothing can be mistaken, where the program runs.
 *
 * @module
 */

/** The text that a build replaces; it stands in this line alone. */
const STAMP: string = "@commit@";

/**
 * The commit that the program was built from, empty where the build did not
 * know; undefined in a program that runs from its source.
 */
export const BUILT_FROM: string | undefined = STAMP.startsWith("@")
  ? undefined
  : STAMP;
