/**
 * The options of Ansible's modules. Ansible does not check the options of a
 * module that is not written in Python: unknown, missing and invalid ones are
 * reported here, all at once. Ansible's own begin with "_ansible_".
 *
 * @module
 */

import * as v from "valibot";
import { UsageError } from "../../errors.ts";
import { parseQmpAddress } from "../options/qmp_address.ts";
import type { OneVm } from "../options/vms.ts";

const INTERNAL = "_ansible_";
/** In seconds; even a slow host can start a QEMU in this time. */
const DEFAULT_TIMEOUT = 60;

const filePath = v.pipe(
  v.string("must be text"),
  v.startsWith("/", "must be an absolute path"),
);

/** Templates turn numbers into text. */
const seconds = v.pipe(
  v.union([v.number(), v.string()], "must be a number of seconds"),
  v.transform((value) => value === "" ? Number.NaN : Number(value)),
  v.check(
    (value) => Number.isFinite(value) && value > 0,
    "must be a positive number of seconds",
  ),
);

/** Templates turn booleans into text, too. */
const yesOrNo = v.pipe(
  v.union([v.boolean(), v.string()], "must be true or false"),
  v.transform((value) => `${value}`.toLowerCase()),
  v.picklist(["true", "yes", "false", "no"], "must be true or false"),
  v.transform((value) => value === "true" || value === "yes"),
);

const monitor = v.pipe(
  v.string("must be text"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return parseQmpAddress(dataset.value);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      addIssue({ message: "must be a socket path or HOST:PORT" });
      return NEVER;
    }
  }),
);

const COMMON = {
  qmp: v.optional(monitor),
  domain: v.optional(v.string("must be text")),
  binary: v.optional(filePath),
  allow_weaker_confinement: v.optional(yesOrNo, false),
} as const;

const MODULES = {
  cpr_update: v.object({
    ...COMMON,
    timeout: v.optional(seconds, DEFAULT_TIMEOUT),
  }),
  cpr_info: v.object(COMMON),
} as const;

/** The options of a module. */
export type UpdateOptions = v.InferOutput<typeof MODULES.cpr_update>;
export type InfoOptions = v.InferOutput<typeof MODULES.cpr_info>;

/** A task from Ansible. */
export type Task =
  & { readonly checkMode: boolean; readonly diff: boolean }
  & (
    | { readonly module: "cpr_update"; readonly options: UpdateOptions }
    | { readonly module: "cpr_info"; readonly options: InfoOptions }
  );

/**
 * Reads the arguments file of a module.
 *
 * @throws {UsageError} naming every invalid option
 */
export function parseTask(text: string): Task {
  const given = parseObject(text);
  const module = String(given["_ansible_module_name"]).split(".").at(-1);
  const modes = {
    checkMode: given["_ansible_check_mode"] === true,
    diff: given["_ansible_diff"] === true,
  };
  switch (module) {
    case "cpr_update":
      return { module, ...modes, options: read(MODULES.cpr_update, given) };
    case "cpr_info":
      return { module, ...modes, options: read(MODULES.cpr_info, given) };
    default:
      throw new UsageError(`Cannot find module "${module}"`);
  }
}

/**
 * The VM that the options name; undefined if they name none.
 *
 * @throws {UsageError} when they name two
 */
export function vmOf({ qmp, domain }: InfoOptions): OneVm | undefined {
  if (qmp === undefined) return domain === undefined ? undefined : { domain };
  if (domain === undefined) return { address: qmp };
  throw new UsageError(
    'Cannot accept the options: either "qmp" or "domain" names the VM',
  );
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return v.parse(v.record(v.string(), v.unknown()), JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError || v.isValiError(error))) throw error;
    throw new UsageError(
      "Cannot read the arguments: expected one JSON object",
      {
        cause: error,
      },
    );
  }
}

function read<const Schema extends typeof MODULES[keyof typeof MODULES]>(
  schema: Schema,
  given: Readonly<Record<string, unknown>>,
): v.InferOutput<Schema> {
  const names = Object.keys(schema.entries);
  // In Ansible, null means that an option is not set.
  const options = Object.entries(given).filter(([name, value]) =>
    !name.startsWith(INTERNAL) && value !== null
  );
  const unknown = options.map(([name]) => name)
    .filter((name) => !names.includes(name))
    .map((name) => `"${name}" is unknown (known: ${names.join(", ")})`);
  const { success, output, issues } = v.safeParse(
    schema,
    Object.fromEntries(options),
  );
  const wrong = (issues ?? []).map((issue) =>
    `"${v.getDotPath(issue) ?? ""}" ${issue.message}`
  );
  if (!success || unknown.length > 0) {
    throw new UsageError(
      `Cannot accept the options: ${[...unknown, ...wrong].join("; ")}`,
    );
  }
  return output;
}
