/**
 * `cprctl ansible-module ARGS.json`: executed by the modules of the Ansible
 * collection. Reads Ansible's arguments file, and prints one JSON object.
 *
 * @module
 */

import { messageOf, UsageError } from "../../errors.ts";
import { probeDomain } from "../../update/domain.ts";
import { listVms } from "../../update/host/list.ts";
import type { Report } from "../../update/report/report.ts";
import { sealedText } from "../../update/report/sealed.ts";
import { type Observation, probeVm } from "../../update/vm/probe.ts";
import {
  type Answer,
  blockersOf,
  inertAnswer,
  updateAnswer,
} from "../ansible/answer.ts";
import {
  type InfoOptions,
  parseTask,
  type Task,
  type UpdateOptions,
  vmOf,
} from "../ansible/arguments.ts";
import { differenceAhead, differenceMade } from "../ansible/difference.ts";
import { ENGINE } from "../engine.ts";
import type { OneVm } from "../options/vms.ts";
import { hostProcess } from "../process.ts";
import { selfCommand } from "../self.ts";
import { inertJson } from "../../inert.ts";

/** Runs a module; returns the exit code, 0 or 1 for Ansible. */
export async function runAnsibleModule(
  words: readonly string[],
): Promise<number> {
  const answer = await answered(words);
  hostProcess().stdout.write(`${inertJson(inertAnswer(answer))}\n`);
  return answer["failed"] === true ? 1 : 0;
}

/** Returns errors as JSON: Ansible shows any other output as a crash. */
async function answered(words: readonly string[]): Promise<Answer> {
  try {
    const [path] = words;
    if (path === undefined || words.length > 1) {
      throw new UsageError("Cannot run a module: expected one arguments file");
    }
    const task = parseTask(await Deno.readTextFile(path));
    return task.module === "cpr_info"
      ? await info(task.options)
      : await move(task.options, task);
  } catch (error) {
    const msg = sealedText(messageOf(error));
    return { failed: true, changed: false, msg, vm_state: "unknown" };
  }
}

async function info(options: InfoOptions): Promise<Answer> {
  const { binary, allow_weaker_confinement } = options;
  const vm = vmOf(options);
  if (vm === undefined) {
    if (binary !== undefined) {
      throw new UsageError(
        'Cannot accept the options: "binary" requires "qmp" or "domain"',
      );
    }
    const list = await listVms({ asksMonitors: true });
    const { vms, unreadable, skipped } = list;
    return { changed: false, vms, unreadable, skipped };
  }
  const report = await ENGINE.check({
    ...{ ...vm, binary, skipIfCurrent: true, always: true },
    self: selfCommand(),
    allowWeakerConfinement: allow_weaker_confinement,
  });
  return {
    changed: false,
    outcome: report.outcome,
    blockers: blockersOf(report.checks),
    report,
  };
}

async function move(
  options: UpdateOptions,
  { checkMode, diff }: Pick<Task, "checkMode" | "diff">,
): Promise<Answer> {
  const vm = vmOf(options);
  if (vm === undefined) {
    throw new UsageError(
      'Cannot accept the options: "qmp" or "domain" is missing',
    );
  }
  const asked = {
    ...{ ...vm, binary: options.binary, skipIfCurrent: true },
    self: selfCommand(),
    timeoutMs: options.timeout * 1000,
    allowWeakerConfinement: options.allow_weaker_confinement,
  };
  const before = await probeOne(vm);
  let argv: readonly string[] | undefined;
  const report =
    await (checkMode
      ? ENGINE.check({ ...asked, onCommand: (words) => argv = words })
      : ENGINE.update(asked));
  const after = await probeOne(vm);
  const answer = await updateAnswer(report, { before, after });
  if (!diff || !report.changed || before === undefined) return answer;
  const name = nameOf(report);
  if (argv !== undefined) {
    const version = report.to?.version ?? "unknown";
    const ahead = { argv, version };
    return { ...answer, diff: await differenceAhead(name, before, ahead) };
  }
  if (after === undefined) return answer;
  return { ...answer, diff: differenceMade(name, before, after) };
}

function probeOne(vm: OneVm): Promise<Observation | undefined> {
  return "domain" in vm ? probeDomain(vm.domain) : probeVm(vm.address);
}

function nameOf({ vm, pid_before }: Report): string {
  return vm.name ?? `process ${pid_before}`;
}
