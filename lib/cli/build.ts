/**
 * The commit, which a build writes into the program.
 *
 * A build replaces the text below in the bundled JavaScript, so that nothing
 * has to be determined at run time.
 *
 * @module
 */

/** A build replaces this text; it must not occur elsewhere. */
const STAMP: string = "@commit@";

/**
 * The commit of the build, empty if it was not known; undefined in a program
 * that runs from source.
 */
export const BUILT_FROM: string | undefined = STAMP.startsWith("@")
  ? undefined
  : STAMP;
