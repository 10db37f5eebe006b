/** A command line and what it does. */
export type Example = readonly [command: string, what: string];

/** A description for `--help` that ends in examples, one below the other. */
export function withExamples(
  description: string,
  examples: readonly Example[],
): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  const lines = examples.map(([command, what]) =>
    `  ${command.padEnd(width)}  ${what}`
  );
  return [description, "", "EXAMPLES", ...lines].join("\n");
}
