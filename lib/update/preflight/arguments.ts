/**
 * The new command line can be used: its words, options and descriptors.
 *
 * @module
 */

import { O_ACCMODE, O_RDONLY, O_RDWR } from "../../../ffi/open_flags.ts";
import { readWhole } from "../../bounded_file.ts";
import { sentDescriptors } from "../carry/carried.ts";
import { shellWords } from "../command/draft.ts";
import { hazardsOn } from "../command/obstacles.ts";
import { MAXIMUM_WORDS } from "../../proc/cmdline.ts";
import { isObject, type JsonObject } from "../../qmp/mod.ts";
import { DESCRIPTORS } from "../vm/block_devices.ts";
import {
  joined,
  ok,
  type PreflightCheck,
  problemCheck,
  quoted,
  refuse,
  skipped,
  warn,
} from "./check.ts";

/** All words are UTF-8: the monitor accepts nothing else. */
export const encoding: PreflightCheck = {
  id: "encoding",
  async run({ facts: { pid } }) {
    const [argv, variables, root] = await Promise.all([
      readWhole(`/proc/${pid}/cmdline`, MAXIMUM_WORDS),
      readWhole(`/proc/${pid}/environ`, MAXIMUM_WORDS),
      Deno.readLink(`/proc/${pid}/root`),
    ]);
    const word = firstNotUtf8(argv);
    if (word !== undefined) {
      return refuse(
        `The command line has bytes that are not UTF-8, in "${word}"`,
        "Restart the VM with names in UTF-8",
      );
    }
    if (root.includes(REPLACEMENT)) {
      return refuse(
        `The VM's root directory has a name that is not UTF-8: "${root}"`,
        "Restart the VM in a directory whose name is UTF-8",
      );
    }
    const variable = firstNotUtf8(variables);
    return variable === undefined
      ? ok("the command line is valid UTF-8")
      : warn(
        "The environment has bytes that are not UTF-8, which a rollback would " +
          `change, in "${variable}"`,
        "Restart the VM without that variable if its program needs it",
      );
  },
};

/** Stands for bytes that are not UTF-8. */
const REPLACEMENT = "\ufffd";

/** The first word that is not UTF-8; each word ends with a NUL. */
function firstNotUtf8(bytes: Uint8Array): string | undefined {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return new TextDecoder().decode(bytes).split("\0")
      .find((word) => word.includes(REPLACEMENT));
  }
}

/** The rules that made the new command line found no problem. */
export const newCommandLine: PreflightCheck = {
  id: "new-command",
  run({ command: { problems } }) {
    const refusals = problems.filter(({ verdict }) => verdict === "refuse");
    const worst = refusals.length > 0 ? refusals : problems;
    const [first] = worst;
    if (first === undefined) return ok("the new command line is complete");
    const { verdict, remedy } = first;
    const detail = joined(worst.map(({ detail }) => detail));
    return { verdict, detail, remedy };
  },
};

export const commandArguments: PreflightCheck = problemCheck({
  id: "arguments",
  ok: "every argument can be reused",
  detail: (found) => `Arguments cannot be reused: ${found}`,
  remedy: "Restart the VM without them",
  find: ({ next }) => hazardsOn(next),
});

/**
 * Descriptors that arguments name are open and stay open over an exec; those
 * that are sent to the new program are open.
 */
export const descriptors: PreflightCheck = problemCheck({
  id: "descriptors",
  ok: ({ carried, command }) => {
    const sent = sentDescriptors(carried.commands).length;
    const { length } = command.vhost;
    const named = command.descriptors.length === 0
      ? "no argument names a descriptor"
      : "descriptors that arguments name stay open";
    return [
      named,
      ...length === 0 ? [] : [`${length} of vhost are opened again`],
      ...sent === 0 ? [] : [`${sent} are sent`],
    ].join("; ");
  },
  detail: (found) => `The new command line cannot be used: ${found}`,
  remedy: "Restart the VM with arguments that name no descriptors",
  async *find({ carried, command, files }) {
    for (const number of sentDescriptors(carried.commands)) {
      if (await files.info(number) !== undefined) continue;
      yield `Descriptor ${number}, which is to be sent to it, is not open`;
    }
    for (const number of command.descriptors) {
      const closes = (await files.info(number))?.closesOnExec;
      if (closes === false) continue;
      const state = closes ? "closed by exec" : "not open";
      yield `Descriptor ${number}, which it names, is ${state}`;
    }
  },
});

/**
 * Descriptors that were given to the VM in sets are sent to the new program,
 * which has opened the files of its command line by then.
 */
export const fdSets: PreflightCheck = problemCheck({
  id: "fd-sets",
  ok: "descriptors in sets are sent to the new program",
  detail: (found) => `Descriptor sets cannot be sent as needed: ${found}`,
  remedy: "Restart the VM with files that it opens itself",
  async *find({ carried: { commands }, files, next }) {
    for (const { option, value = "", words } of next.uses) {
      if (option !== "add-fd" && !value.includes(DESCRIPTORS)) continue;
      yield `the new program needs ${shellWords(words)} to start`;
    }
    const sent = new Set<string>();
    for (const { execute, arguments: given, descriptor } of commands) {
      if (execute !== "add-fd" || descriptor === undefined) continue;
      const { flags = 0 } = await files.info(descriptor) ?? {};
      sent.add(`${DESCRIPTORS}${given["fdset-id"]} ${flags & O_ACCMODE}`);
    }
    for (const { execute, arguments: node } of commands) {
      if (execute !== "blockdev-add") continue;
      for (const { filename, access } of filesIn(node)) {
        if (!filename.startsWith(DESCRIPTORS)) continue;
        if (sent.has(`${filename} ${access}`)) continue;
        const how = access === O_RDWR ? "writable" : "read-only";
        yield `${quoted(filename)} no longer has a ${how} descriptor`;
      }
    }
  },
});

/** The files of a node and of those in it, and how each is opened. */
function filesIn(node: JsonObject): { filename: string; access: number }[] {
  const { filename } = node;
  const access = node["read-only"] === true ? O_RDONLY : O_RDWR;
  return [
    ...typeof filename === "string" ? [{ filename, access }] : [],
    ...Object.values(node).filter(isObject).flatMap(filesIn),
  ];
}

/** Reports what cannot be checked. */
export const blindSpots: PreflightCheck = {
  id: "blind-spots",
  run: () =>
    skipped(
      "QEMU does not report these, so they were not checked: set_link, a balloon's target, " +
        "watchdog and other actions, a VNC password, an NBD server without " +
        "exports, descriptors given by getfd, most properties set by qom-set",
    ),
};
