/**
 * What the built program may do, said as Deno's command line says it.
 *
 * It reads and writes files that its user names, and the environment; it
 * connects to and listens on sockets; it loads the C library; it starts
 * programs, itself above all. And it reads /proc, which Deno gives to programs
 * with --allow-all only: nothing narrower will do, and a single --deny-… takes
 * /proc away again. Nor would narrower be safer: who may load a library may do
 * everything.
 *
 * What can be denied is denied otherwise: code from elsewhere (--no-remote,
 * --no-npm), and questions to the operator (--no-prompt).
 *
 * @module
 */

/** Options for `deno run` and `deno compile`. */
export const PERMISSIONS: readonly string[] = [
  "--allow-all",
  "--no-prompt",
  "--no-remote",
  "--no-npm",
];
