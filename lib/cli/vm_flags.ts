/** The options of an update and of its check: which VM, which program, how to tell. */

import type { FlagParametersForType } from "@stricli/core";
import type { QmpAddress } from "../qmp/mod.ts";
import type { SurveyRequest } from "../update/survey.ts";
import type { CliContext } from "./context.ts";
import { parseQmpAddress } from "./qmp_address.ts";
import { REPORT_FLAGS, type ReportFlags } from "./report_flags.ts";

/** What the options say. */
export interface VmFlags extends ReportFlags {
  readonly qmp: QmpAddress;
  readonly binary?: string;
  readonly force: boolean;
}

/** The options. */
export const VM_FLAGS: FlagParametersForType<VmFlags, CliContext> = {
  qmp: {
    kind: "parsed",
    parse: parseQmpAddress,
    brief: "The VM's QMP socket: a path, or HOST:PORT",
    placeholder: "socket",
  },
  binary: {
    kind: "parsed",
    parse: String,
    brief: "The QEMU to move onto; else what is now at the old one's path",
    placeholder: "path",
    optional: true,
  },
  force: {
    kind: "boolean",
    brief: "Also when it runs on that very file already",
    default: false,
    withNegated: false,
  },
  ...REPORT_FLAGS,
};

/** What the options ask for. */
export function surveyRequest(
  { qmp: address, binary, force }: VmFlags,
): SurveyRequest {
  return { address, binary, skipIfCurrent: !force };
}
