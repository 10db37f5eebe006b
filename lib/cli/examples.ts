/** A command line and what it does. */
export type Example = readonly [command: string, what: string];

const HEADING = "\nEXAMPLES";

/** A description for `--help` that ends in examples, one below the other. */
export function withExamples(
  description: string,
  examples: readonly Example[],
): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  const lines = examples.map(([command, what]) =>
    `  ${command.padEnd(width)}  ${what}`
  );
  return [description, HEADING, ...lines].join("\n");
}

/** Takes apart what was put together. */
export function splitExamples(
  fullDescription: string,
): { readonly description: string; readonly examples: string } {
  const [description = "", examples = ""] = fullDescription.split(HEADING);
  return { description: description.trimEnd(), examples: examples.slice(1) };
}
