/**
 * The cprctl process that enters a VM's sandbox and executes the program there.
 *
 * @module
 */

import { Fd } from "../../../ffi/fd.ts";
import { UpdateProblem } from "../error.ts";
import { enterCgroups } from "../../proc/cgroup.ts";
import type { SandboxOrder } from "./sandbox_order.ts";
import type { Confinement } from "../../proc/status.ts";
import { enterContext, enterLabel } from "./enter_context.ts";
import { moduleVariables } from "./module_folder.ts";

const MAXIMUM_ORDER = 64 * 1024 * 1024;

/** oom_score_adj: killed before anything else in the VM's memory cgroup. */
const FIRST_TO_BE_KILLED = 1000;

/** No capabilities, and no way to gain any. */
const NO_RIGHTS: Confinement = {
  inheritable: "0",
  permitted: "0",
  effective: "0",
  bounding: "0",
  ambient: "0",
  noNewPrivileges: true,
};

/**
 * Executes the program that an order names.
 *
 * @param args the number of the memfd with the order
 * @throws {UpdateProblem} when it cannot be confined like the VM
 */
export function runInSandbox(args: readonly string[]): never {
  const order = readOrder(Number(args[0]));
  const adopt = (number: number) => {
    const fd = Fd.adopt(number);
    fd.setCloexec(true);
    return fd;
  };
  const { context } = order;
  const [problem] = [
    ...enterCgroups(context.cgroups),
    ...enterLabel(context),
    ...context.seccomp.filters === null ? ["seccomp filter: unknown"] : [],
  ];
  if (order.strict && problem !== undefined) {
    throw new UpdateProblem(
      "not-confined",
      `Cannot confine the program like the VM: ${problem}`,
    );
  }
  const modules = order.modules.map((it) => ({ ...it, file: adopt(it.file) }));
  const variables = order.moduleFolder === null
    ? undefined
    : moduleVariables(order.moduleFolder, modules, context.credentials);
  return enterContext({
    context: {
      ...context,
      confinement: NO_RIGHTS,
      environment: order.environment,
      oomScoreAdj: FIRST_TO_BE_KILLED,
    },
    argv: order.argv,
    executable: order.executable === null ? undefined : adopt(order.executable),
    cwd: adopt(order.cwd),
    namespaces: order.namespaces.map(adopt),
    variables: variables ?? {},
    beforeExec: () => {
      if (variables === undefined) return;
      for (const { file } of modules) file.setCloexec(false);
    },
  });
}

function readOrder(number: number): SandboxOrder {
  using memfd = Fd.adopt(number);
  memfd.seek(0);
  const text = new TextDecoder().decode(memfd.readAll(MAXIMUM_ORDER));
  // Trusted: it was written by this same program.
  return JSON.parse(text) as SandboxOrder;
}
